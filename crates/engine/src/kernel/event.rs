//! What the kernel is told.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use stepwell_asl::{Data, StateMachine};
use stepwell_machine::{EventId, Limits, Payload, Reason, TaskResult};
use tokio::sync::oneshot;

use super::administration::Administration;
use super::redrive::RedriveRequest;
use super::tokens::TokenRequest;
use super::write::HandOut;
use crate::arn::Qualifier;
use crate::configuration::{Configuration, Publish, SettingsChange, Tag};
use crate::error::Error;
use crate::record::{ActivityRecord, Started, StateMachineRecord, SyncExecution};
use crate::store::{ExecutionId, MapRunId};

/// Where an answer goes. Nobody may be waiting any more; then it is dropped.
pub type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// Something happened that the kernel must know of. Closed: whoever drives the kernel speaks these words.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the requests of `Handle`")]
pub enum Event {
    /// A request: create a state machine. The definition is parsed and its resources are known to be served.
    CreateStateMachine {
        name: String,
        definition: Definition,
        role_arn: Option<String>,
        configuration: Configuration,
        reply: Reply<StateMachineRecord>,
    },
    /// A request: change a state machine.
    UpdateStateMachine {
        name: String,
        definition: Option<Definition>,
        role_arn: Option<String>,
        settings: SettingsChange,
        publish: Option<Publish>,
        reply: Reply<StateMachineRecord>,
    },
    /// A request: delete a state machine.
    DeleteStateMachine { name: String, reply: Reply<()> },
    /// A request about versions, aliases or tags.
    Administer(Administration),
    /// A request: start an execution. The name is checked and the input is JSON.
    Start { request: StartRequest, reply: Reply<Started> },
    /// A request: start an Express execution, and answer when it has ended.
    StartSync { request: StartRequest, reply: Reply<SyncExecution> },
    /// A request: stop an execution.
    Stop {
        state_machine: String,
        name: String,
        error: Option<String>,
        cause: Option<String>,
        reply: Reply<Timestamp>,
    },
    /// A request: let an execution go on that ended.
    Redrive { request: RedriveRequest, reply: Reply<Timestamp> },
    /// A request: answer when the execution has ended, or at once if it does not run.
    Wait { state_machine: String, name: String, reply: Reply<()> },

    /// A request: create an activity. The name is checked.
    CreateActivity { name: String, tags: Vec<Tag>, reply: Reply<ActivityRecord> },
    /// A request: delete an activity.
    DeleteActivity { name: String, reply: Reply<()> },
    /// A request: a worker asks for a task of an activity.
    PollActivity { activity: String, worker: Option<Arc<str>>, reply: Reply<HandOut> },
    /// A worker had gone when its task came.
    GivenBack { execution: ExecutionId, scheduled: EventId },
    /// A request of somebody with a task token.
    Report { request: TokenRequest, reply: Reply<()> },

    /// The service has taken the request of a task that goes on elsewhere.
    TaskSubmitted {
        execution: ExecutionId,
        scheduled: EventId,
        started_at: Timestamp,
        output: Data,
    },
    /// A task has been with its handler for a while.
    TaskStarted { execution: ExecutionId, scheduled: EventId, at: Timestamp },
    /// The handler of a task says that it is alive.
    TaskHeartbeat { execution: ExecutionId, scheduled: EventId },
    /// The handler of a task is done.
    TaskFinished {
        execution: ExecutionId,
        scheduled: EventId,
        started_at: Timestamp,
        outcome: TaskResult,
    },

    /// A request: change a Map run that runs.
    UpdateMapRun { uuid: String, change: MapRunChange, reply: Reply<()> },
    /// Items of a Map run were read, those behind the first `skip`; `end` says that there are no more.
    ItemsRead { map_run: MapRunId, skip: u64, items: Vec<Value>, end: bool },
    /// The items of a Map run cannot be read, as they were asked for after so many redrives.
    ItemsFailed { map_run: MapRunId, attempt: u32, reason: Reason },
    /// The results of a Map run were written, or could not be, as they were asked for after so many redrives.
    ResultsWritten { map_run: MapRunId, attempt: u32, outcome: TaskResult },

    /// All writes up to this one are on disk.
    Committed { through: u64 },
    /// A write failed. It and all later ones are not on disk, and nothing of them was performed.
    CommitFailed { reason: String },

    /// Look at the clock.
    Nudge,
    /// Accept no more requests and hand out no more tasks; go on with what comes in.
    Drain,
    /// Decide what has come in, then stop.
    Close,
}

/// What changes of a Map run; the rest stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MapRunChange {
    /// `maxConcurrency`; 0 leaves it to the engine.
    pub max_concurrency: Option<u32>,
    /// `toleratedFailureCount`
    pub tolerated_count: Option<u64>,
    /// `toleratedFailurePercentage`
    pub tolerated_percentage: Option<f64>,
}

/// A request to start an execution.
#[derive(Debug)]
pub struct StartRequest {
    /// The name of the state machine.
    pub state_machine: String,
    /// The version or alias to start by.
    pub qualifier: Option<Qualifier>,
    /// The name of the execution, if the caller gives one.
    pub name: Option<String>,
    /// The input, as it was given.
    pub input: String,
    /// What it says.
    pub data: Payload,
    /// What the execution is held to.
    pub limits: Limits,
}

/// A definition with the text that it was parsed from.
#[derive(Debug, Clone)]
pub struct Definition {
    /// As it was given.
    pub text: Arc<str>,
    /// What it means.
    pub machine: Arc<StateMachine>,
}
