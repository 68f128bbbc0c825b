//! What goes into [`decide`](crate::decide()) and what comes out of it, the journal entries aside.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stepwell_asl::Data;
use stepwell_asl::model::StateId;

use crate::event::{Entry, EventId, MapRunPlan, RedriveFrom, Report};
use crate::limits::Limits;

/// What happened to an execution.
///
/// An input that no longer applies (the result of a cancelled task, a second start, anything but a redrive after
/// the end) has no consequences: its decision is empty.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// It was started.
    Start {
        /// The limits that it is held to, to its end.
        limits: Limits,
    },
    /// The last decision said that there is more to do.
    Continue,
    /// The instant of [`Run::next_wakeup`](crate::Run::next_wakeup) has come.
    TimerFired,
    /// A task was handed to its handler. Optional: a finished task implies it.
    TaskStarted {
        /// The id of its scheduled event.
        scheduled: EventId,
        /// When.
        at: Timestamp,
    },
    /// A task is still alive; its `HeartbeatSeconds` count anew.
    TaskHeartbeat {
        /// The id of its scheduled event.
        scheduled: EventId,
    },
    /// A worker took the task of an activity.
    TaskTaken {
        /// The id of its scheduled event.
        scheduled: EventId,
        /// The name that the worker gave.
        worker: Option<Arc<str>>,
    },
    /// The worker that took the task of an activity had gone when the task came: it waits for another.
    TaskGivenBack {
        /// The id of its scheduled event.
        scheduled: EventId,
    },
    /// The service has taken the request of a task that goes on elsewhere.
    TaskSubmitted {
        /// The id of its scheduled event.
        scheduled: EventId,
        /// When it was handed to its handler.
        started_at: Timestamp,
        /// The response of the service.
        output: Data,
    },
    /// Somebody with the task token says how the task ended.
    TaskReported {
        /// The id of its scheduled event.
        scheduled: EventId,
        /// How it ended.
        report: Report,
    },
    /// The handler of a task is done. Where the task waits for its token, success means that it is submitted.
    TaskFinished {
        /// The id of its scheduled event.
        scheduled: EventId,
        /// When it was handed to its handler.
        started_at: Timestamp,
        /// How it ended.
        outcome: TaskResult,
    },
    /// A Map run ended.
    MapRunFinished {
        /// The id of the event that started it.
        scheduled: EventId,
        /// How it ended.
        outcome: TaskResult,
    },
    /// Somebody stopped it.
    Stop {
        /// The error name that the caller gave.
        error: Option<String>,
        /// The cause that the caller gave.
        cause: Option<String>,
    },
    /// It ended without success, and is to go on.
    Redrive {
        /// The `clientToken` of the request.
        token: Option<Arc<str>>,
        /// Where it goes on; nothing for where it failed.
        from: Option<RedriveFrom>,
    },
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "plain")]
pub enum TaskResult {
    Succeeded { output: Data },
    Failed { error: String, cause: Option<String> },
}

/// The world as it is at the moment of a decision.
#[derive(Debug, Clone, Default)]
pub struct DecideContext {
    /// The time. Resolution is one millisecond, as in AWS's history.
    pub now: Timestamp,
    /// Seed of everything random in this decision, task tokens aside: what is drawn may be shown.
    pub seed: u64,
    /// What task tokens are made of; never shown.
    pub secret: u128,
    /// The activities that exist.
    pub activities: Activities,
}

/// The activities that exist. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Activities {
    /// Whatever a definition names: where nobody keeps a list.
    #[default]
    Any,
    /// Those with these ARNs.
    These(Arc<HashSet<Arc<str>>>),
}

impl Activities {
    pub(crate) fn include(&self, arn: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(arns) => arns.contains(arn),
        }
    }
}

/// What follows: entries to append, commands to perform once they are committed.
#[derive(Debug, Clone, PartialEq, Default)]
#[must_use]
pub struct Decision {
    /// To append, in order, in one transaction.
    pub entries: Vec<Entry>,
    /// To perform once the entries are committed.
    pub commands: Vec<Command>,
    /// True if the decision stopped at its budget: call [`decide`](crate::decide()) again with
    /// [`Input::Continue`].
    pub more: bool,
}

/// What the engine must do.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Hand a task to its handler.
    ScheduleTask(ScheduledTask),
    /// Run a Distributed Map.
    StartMapRun(StartMapRun),
    /// The outcome of this task or Map run is no longer wanted.
    CancelTask {
        /// The id of the event that handed it out.
        scheduled: EventId,
    },
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
    /// When the engine gives up on it. For an activity the time counts from its start, so there is none
    /// until a worker has it.
    pub deadline: Option<Timestamp>,
    /// The longest silence allowed.
    pub heartbeat: Option<Duration>,
    /// The task token, if others may end it.
    pub token: Option<Arc<str>>,
    /// The response of the service, if the task was submitted and its handler waits for the end of the job.
    pub submitted: Option<Data>,
}

/// A Map run to start.
#[derive(Debug, Clone, PartialEq)]
pub struct StartMapRun {
    /// Id of the event that started it.
    pub scheduled: EventId,
    /// `arn:aws:states:<region>:<account>:mapRun:<state machine>/<label>:<uuid>`
    pub arn: Arc<str>,
    /// The Map state.
    pub state: StateId,
    /// How it is to go.
    pub plan: Arc<MapRunPlan>,
    /// The items, unless they are read from outside.
    pub items: Option<Data>,
    /// How often it was redriven; 0 for one that starts.
    pub redrives: u32,
    /// What its parent is held to, and so its children.
    pub limits: Limits,
}
