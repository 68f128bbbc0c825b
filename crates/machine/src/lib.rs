//! The interpreter: what follows from one input to one execution. Pure: no clock, no randomness, no I/O.
//!
//! [`decide`] runs an execution as far as it can go without the world and returns journal [`Entry`]s plus
//! [`Command`]s; the engine appends the entries, commits them, and only then performs the commands.
//! [`apply`] folds one entry into a [`Run`] and is the only function that changes it, so that folding the
//! journal of an execution after a crash gives exactly the `Run` that was lost.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_asl::{Data, StateMachine};

/// What an execution starts with.
#[derive(Debug, Clone)]
pub struct Start {
    /// The checked definition.
    pub definition: Arc<StateMachine>,
    /// Names, ARNs and the start time, as the context object shows them.
    pub context: ExecutionContext,
    /// The input.
    pub input: Data,
}

/// The fixed part of the context object (`$$.Execution`, `$$.StateMachine`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionContext {
    /// `$$.Execution.Id`
    pub execution_arn: Arc<str>,
    /// `$$.Execution.Name`
    pub execution_name: Arc<str>,
    /// `$$.Execution.RoleArn`
    pub role_arn: Arc<str>,
    /// `$$.Execution.StartTime`
    pub start_time: Timestamp,
    /// `$$.StateMachine.Id`
    pub state_machine_arn: Arc<str>,
    /// `$$.StateMachine.Name`
    pub state_machine_name: Arc<str>,
}

/// One execution, folded from its journal.
#[derive(Debug, Clone)]
pub struct Run {}

impl Run {
    /// An execution of which nothing is recorded yet.
    pub fn new(start: Start) -> Self {
        todo!()
    }
    /// How it stands.
    pub fn phase(&self) -> &Phase {
        todo!()
    }
    /// The earliest instant at which [`Input::TimerFired`] is due.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        todo!()
    }
    /// The commands that are outstanding, derived from the folded state alone: what recovery performs.
    pub fn outstanding(&self) -> Vec<Command> {
        todo!()
    }
}

/// How an execution stands.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum Phase {
    Running,
    Succeeded { output: Data },
    Failed { error: Option<String>, cause: Option<String> },
    TimedOut { error: Option<String>, cause: Option<String> },
    Aborted { error: Option<String>, cause: Option<String> },
}

/// Id of a history event; the first is 1.
pub type EventId = u64;

/// One line of an execution's journal: a history event as AWS shows it, or a fact that AWS keeps to itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {}

impl Entry {
    /// The history event in the shape of `GetExecutionHistory`, or nothing for a hidden fact.
    pub fn to_history_event(&self) -> Option<serde_json::Value> {
        todo!()
    }
}

/// What happened to an execution.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// It was started.
    Start,
    /// The last decision said that there is more to do.
    Continue,
    /// The instant of [`Run::next_wakeup`] has come.
    TimerFired,
    /// A task was handed to its handler. Optional: a finished task implies it.
    TaskStarted { scheduled: EventId, at: Timestamp },
    /// A task ended.
    TaskFinished { scheduled: EventId, started_at: Timestamp, outcome: TaskResult },
    /// Somebody stopped it.
    Stop { error: Option<String>, cause: Option<String> },
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "plain")]
pub enum TaskResult {
    Succeeded { output: Data },
    Failed { error: String, cause: Option<String> },
}

/// The world as it is at the moment of a decision.
#[derive(Debug, Clone, Copy)]
pub struct DecideContext {
    /// The time.
    pub now: Timestamp,
    /// Seed of everything random in this decision.
    pub seed: u64,
}

/// What follows: entries to append, commands to perform once they are committed.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use]
pub struct Decision {
    /// To append, in order, in one transaction.
    pub entries: Vec<Entry>,
    /// To perform once the entries are committed.
    pub commands: Vec<Command>,
    /// True if the decision stopped at its budget: call [`decide`] again with [`Input::Continue`].
    pub more: bool,
}

/// What the engine must do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Hand a task to its handler.
    ScheduleTask(ScheduledTask),
    /// The outcome of this task is no longer wanted.
    CancelTask { scheduled: EventId },
}

/// A task to hand to its handler.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduledTask {
    /// Id of its scheduled event; with the execution ARN it makes the idempotency key.
    pub scheduled: EventId,
    /// The name of the Task state.
    pub state_name: Arc<str>,
    /// The `Resource` as written.
    pub resource: Arc<str>,
    /// What the handler gets.
    pub parameters: Data,
    /// When the engine gives up on it.
    pub deadline: Option<Timestamp>,
    /// The longest silence allowed.
    pub heartbeat: Option<Duration>,
}

/// An entry that cannot follow the ones before it: the journal is damaged, or this is a bug.
#[derive(Debug, thiserror::Error)]
#[error("illegal journal entry: {0}")]
pub struct IllegalEntry(pub String);

/// What follows from one input. Changes `run` through [`apply`] alone.
pub fn decide(run: &mut Run, input: Input, ctx: &DecideContext) -> Decision {
    todo!()
}

/// Folds one entry into the run.
///
/// # Errors
/// [`IllegalEntry`] if the entry cannot follow the ones before it.
pub fn apply(run: &mut Run, entry: &Entry) -> Result<(), IllegalEntry> {
    todo!()
}
