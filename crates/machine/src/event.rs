//! What a journal holds: the history events that AWS shows, and the facts that AWS keeps to itself.
//!
//! Entries are persisted. A variant or field name (`#[serde(rename)]`) that was ever written is reserved
//! for ever: it may stop being written, it is never given another meaning. A field that is added later
//! needs a default. Whoever breaks this rule must add an `EntryFormat` to the engine's store, in `store/format.rs`.
//! An older program refuses what it does not know: what it dropped would be missing when it goes on.
//!
//! The serde form is compact because a long execution has tens of thousands of entries:
//!
//! ```json
//! {"i":3,"p":2,"t":1700000000123,"e":{"Sx":{"k":"P","n":"Hello","o":{"greeting":"hi"},"x":4}}}
//! ```
//!
//! Left to others: what entries mean for a run (`apply`), how they look to the caller ([`crate::history`]).

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_asl::Data;
use stepwell_asl::dataflow::{DEPTH_MAX, is_too_deep};
use stepwell_asl::model::{Resource, StateId, StateKind};
use stepwell_asl::variable::Assigned;

use crate::frame::FrameId;
use crate::limits::Limits;

/// Id of a history event; the first is 1.
pub type EventId = u64;

/// One line of an execution's journal: a history event as AWS shows it, or a fact that AWS keeps to itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Id of the history event; a hidden fact has none.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    /// The event that this one follows from; 0 is none.
    #[serde(rename = "p", default, skip_serializing_if = "is_default")]
    pub previous: EventId,
    /// When it happened.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// The frame that it happened to.
    #[serde(rename = "f", default, skip_serializing_if = "is_default")]
    pub frame: FrameId,
    /// What happened.
    #[serde(rename = "e")]
    pub event: Event,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Event {
    /// `ExecutionStarted`
    #[serde(rename = "Es")]
    ExecutionStarted {
        /// The input.
        #[serde(rename = "i")]
        input: Payload,
        /// The role.
        #[serde(rename = "r")]
        role_arn: Arc<str>,
        /// Hidden: the limits that it is held to.
        #[serde(rename = "l", default, skip_serializing_if = "is_default")]
        limits: Limits,
    },
    /// `ExecutionSucceeded`
    #[serde(rename = "Ex")]
    ExecutionSucceeded {
        /// The output.
        #[serde(rename = "o")]
        output: Data,
    },
    /// `ExecutionFailed`
    #[serde(rename = "Ef")]
    ExecutionFailed(Reason),
    /// `ExecutionTimedOut`. As recorded, an execution that timed out shows neither error nor cause. The event is not
    /// recorded; users report it from AWS with the error `States.Timeout`, following event 0.
    #[serde(rename = "Et")]
    ExecutionTimedOut(Reason),
    /// `ExecutionAborted`
    #[serde(rename = "Ea")]
    ExecutionAborted(Reason),
    /// `ExecutionRedriven`: the execution goes on, after an end without success.
    #[serde(rename = "Er")]
    ExecutionRedriven {
        /// How often it was redriven by now.
        #[serde(rename = "c")]
        count: u32,
        /// Hidden: the `clientToken` of the request.
        #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
        token: Option<Arc<str>>,
        /// Hidden: the state that it goes on from, if that is another one than where it failed, or gets another input.
        #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
        from: Option<RedriveFrom>,
    },

    /// `PassStateEntered` and its like.
    #[serde(rename = "Se")]
    StateEntered {
        /// The state.
        #[serde(rename = "s")]
        state: StateId,
        /// Its type.
        #[serde(rename = "k")]
        kind: StateType,
        /// Its name.
        #[serde(rename = "n")]
        name: Arc<str>,
        /// Its raw input.
        #[serde(rename = "i")]
        input: Payload,
    },
    /// `PassStateExited` and its like.
    #[serde(rename = "Sx")]
    StateExited {
        /// The type of the state.
        #[serde(rename = "k")]
        kind: StateType,
        /// The name of the state.
        #[serde(rename = "n")]
        name: Arc<str>,
        /// Its output.
        #[serde(rename = "o")]
        output: Data,
        /// The variables that it assigns.
        #[serde(rename = "v", default, skip_serializing_if = "is_default")]
        assigned: Assigned,
        /// Where it leads; nothing at the end of its frame.
        #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
        next: Option<StateId>,
    },
    /// `TaskStateAborted` and its like: the branch or iteration around it was given up.
    #[serde(rename = "Sa")]
    StateAborted {
        /// The type of the state.
        #[serde(rename = "k")]
        kind: StateType,
    },

    /// `EvaluationFailed`: an expression of a JSONata state.
    #[serde(rename = "Ev")]
    EvaluationFailed {
        /// The state.
        #[serde(rename = "n")]
        name: Arc<str>,
        /// The error and its cause.
        #[serde(rename = "w")]
        reason: Reason,
        /// The field of the state, for instance `Output/result`.
        #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
    },

    /// `TaskScheduled`, `LambdaFunctionScheduled` or `ActivityScheduled`
    #[serde(rename = "Tq")]
    TaskScheduled {
        /// What does the work.
        #[serde(rename = "r")]
        resource: TaskResource,
        /// What it gets.
        #[serde(rename = "i")]
        parameters: Data,
        /// The region, for a service integration.
        #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
        region: Option<Arc<str>>,
        /// `TimeoutSeconds`
        #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
        timeout_seconds: Option<u64>,
        /// `HeartbeatSeconds`
        #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
        heartbeat_seconds: Option<u64>,
        /// The `RoleArn` of its `Credentials`.
        #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
        role_arn: Option<String>,
        /// Hidden: the task token, for a task that others may end.
        #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
        token: Option<Arc<str>>,
    },
    /// `TaskStarted`, `LambdaFunctionStarted` or `ActivityStarted`
    #[serde(rename = "Ts")]
    TaskStarted {
        /// What does the work.
        #[serde(rename = "r")]
        resource: TaskResource,
        /// The worker of an activity, if it gave a name.
        #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
        worker: Option<Arc<str>>,
    },
    /// `TaskSubmitted`: the service has taken the request; the task goes on elsewhere.
    #[serde(rename = "Tu")]
    TaskSubmitted {
        /// What does the work.
        #[serde(rename = "r")]
        resource: TaskResource,
        /// The response of the service.
        #[serde(rename = "o")]
        output: Data,
    },
    /// Hidden: who has the task token said how the task ended before the service answered the request.
    #[serde(rename = "Tr")]
    TaskReported(Report),
    /// `TaskSucceeded`, `LambdaFunctionSucceeded` or `ActivitySucceeded`
    #[serde(rename = "Tx")]
    TaskSucceeded {
        /// What did the work.
        #[serde(rename = "r")]
        resource: TaskResource,
        /// The result.
        #[serde(rename = "o")]
        output: Data,
    },
    /// `TaskFailed`, `LambdaFunctionFailed` or `ActivityFailed`
    #[serde(rename = "Tf")]
    TaskFailed {
        /// What failed.
        #[serde(rename = "r")]
        resource: TaskResource,
        /// Why.
        #[serde(rename = "w")]
        reason: Reason,
    },
    /// `TaskTimedOut`, `LambdaFunctionTimedOut` or `ActivityTimedOut`
    #[serde(rename = "Tt")]
    TaskTimedOut {
        /// What took too long.
        #[serde(rename = "r")]
        resource: TaskResource,
        /// Which of the two limits it was.
        #[serde(rename = "b")]
        limit: TaskLimit,
    },
    /// Hidden: the handler of a task is still alive.
    #[serde(rename = "Th")]
    TaskHeartbeat,
    /// Hidden: the worker of an activity had gone when its task came.
    #[serde(rename = "Tb")]
    TaskGivenBack,
    /// Hidden: another worker took the task then. AWS tells of one worker at most for each `ActivityScheduled`.
    #[serde(rename = "Tk")]
    TaskTakenAgain,

    /// `ParallelStateStarted`
    #[serde(rename = "Ps")]
    ParallelStateStarted {
        /// Hidden: the input of every branch, if it is not the raw input of the state.
        #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
        input: Option<Data>,
    },
    /// `ParallelStateSucceeded`
    #[serde(rename = "Px")]
    ParallelStateSucceeded,
    /// `ParallelStateFailed`
    #[serde(rename = "Pf")]
    ParallelStateFailed,

    /// `MapStateStarted`
    #[serde(rename = "Ms")]
    MapStateStarted {
        /// The number of items.
        #[serde(rename = "l")]
        length: usize,
        /// Hidden: the items, if they are not the raw input of the state.
        #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
        items: Option<Data>,
        /// Hidden: the effective input that `ItemSelector` sees, if it is not the raw input of the state.
        #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
        input: Option<Data>,
        /// Hidden: how many iterations may run at a time; 0 is without bound.
        #[serde(rename = "c", default, skip_serializing_if = "is_default")]
        max_concurrency: u32,
    },
    /// `MapRunStarted`
    #[serde(rename = "Rn")]
    MapRunStarted {
        /// The Map run.
        #[serde(rename = "a")]
        arn: Arc<str>,
        /// Hidden: how it is to go.
        #[serde(rename = "p")]
        plan: Arc<MapRunPlan>,
    },
    /// `MapRunRedriven`: a Map run that ended without success goes on.
    #[serde(rename = "Rr")]
    MapRunRedriven {
        /// How often it was redriven by now.
        #[serde(rename = "c")]
        count: u32,
        /// The Map run.
        #[serde(rename = "a")]
        arn: Arc<str>,
    },
    /// `MapRunSucceeded`
    #[serde(rename = "Rx")]
    MapRunSucceeded {
        /// Hidden: its results, or where they are.
        #[serde(rename = "o")]
        output: Data,
    },
    /// `MapRunFailed`
    #[serde(rename = "Rf")]
    MapRunFailed(Reason),
    /// `MapStateSucceeded`
    #[serde(rename = "Mx")]
    MapStateSucceeded,
    /// `MapStateFailed`
    #[serde(rename = "Mf")]
    MapStateFailed,
    /// `MapIterationStarted`; it happens to the frame of the Map state and opens the next one.
    #[serde(rename = "Is")]
    MapIterationStarted(Iteration),
    /// `MapIterationSucceeded`; it happens to the frame of the iteration.
    #[serde(rename = "Ix")]
    MapIterationSucceeded(Iteration),
    /// `MapIterationFailed`; it happens to the frame of the iteration.
    #[serde(rename = "If")]
    MapIterationFailed(Iteration),
    /// `MapIterationAborted`; it happens to the frame of the iteration.
    #[serde(rename = "Ia")]
    MapIterationAborted(Iteration),

    /// Hidden: a Wait state waits.
    #[serde(rename = "Ws")]
    WaitStarted {
        /// Until when.
        #[serde(rename = "u", with = "jiff::fmt::serde::timestamp::millisecond::required")]
        until: Timestamp,
    },
    /// Hidden: the state failed and will be tried again.
    #[serde(rename = "Rs")]
    RetryScheduled {
        /// Index of the Retrier.
        #[serde(rename = "n")]
        retrier: usize,
        /// When; what jitter drew is in here.
        #[serde(rename = "u", with = "jiff::fmt::serde::timestamp::millisecond::required")]
        due: Timestamp,
    },
}

impl Event {
    /// Whether AWS keeps this to itself.
    pub fn is_hidden(&self) -> bool {
        matches!(
            self,
            Self::TaskHeartbeat
                | Self::TaskGivenBack
                | Self::TaskTakenAgain
                | Self::TaskReported(_)
                | Self::WaitStarted { .. }
                | Self::RetryScheduled { .. }
        )
    }

    /// Whether nothing follows it.
    pub(crate) fn is_end(&self) -> bool {
        matches!(
            self,
            Self::ExecutionSucceeded { .. }
                | Self::ExecutionFailed(_)
                | Self::ExecutionTimedOut(_)
                | Self::ExecutionAborted(_)
        )
    }
}

/// Where an execution goes on that is not redriven from where it failed: at a state that is in no other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedriveFrom {
    /// The state.
    #[serde(rename = "s")]
    pub state: StateId,
    /// Its raw input.
    #[serde(rename = "i")]
    pub input: Payload,
}

/// An error name and a cause, either of which may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The error name.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The text for people.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// How a task ended, as somebody with its task token says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// `SendTaskSuccess`, with the output.
    #[serde(rename = "o")]
    Succeeded(Data),
    /// `SendTaskFailure`
    #[serde(rename = "w")]
    Failed(Reason),
}

/// How a Map run is to go: everything that a Distributed Map evaluates before it. Persisted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapRunPlan {
    /// `MaxConcurrency`; 0 leaves it to the engine.
    #[serde(rename = "c", default, skip_serializing_if = "is_default")]
    pub max_concurrency: u32,
    /// `ToleratedFailureCount`
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub tolerated_count: Option<u64>,
    /// `ToleratedFailurePercentage`, 0 to 100.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub tolerated_percentage: Option<f64>,
    /// `ItemReader`; without it the items are in the input.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<MapRunData>,
    /// `MaxItems` of the reader, as it was found.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<i64>,
    /// `ItemBatcher`
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<MapRunBatch>,
    /// `ResultWriter`
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<MapRunData>,
}

/// A place outside the execution that a Map run reads or writes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapRunData {
    /// The `Resource`; nothing where the results are the output of the state.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Arc<str>>,
    /// The evaluated `Parameters` or `Arguments`.
    #[serde(rename = "a")]
    pub arguments: Data,
    /// `ReaderConfig` or `WriterConfig`.
    #[serde(rename = "c")]
    pub config: Data,
}

/// `ItemBatcher`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapRunBatch {
    /// `MaxItemsPerBatch`
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
    /// `MaxInputBytesPerBatch`
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// `BatchInput`
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Data>,
}

/// Which iteration of which Map state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iteration {
    /// The index of the item.
    #[serde(rename = "x")]
    pub index: usize,
    /// The name of the Map state.
    #[serde(rename = "n")]
    pub name: Arc<str>,
}

/// The limit that a task exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskLimit {
    /// `TimeoutSeconds`
    #[serde(rename = "t")]
    Timeout,
    /// `HeartbeatSeconds`
    #[serde(rename = "h")]
    Heartbeat,
}

/// The type of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum StateType {
    #[serde(rename = "P")]
    Pass,
    #[serde(rename = "T")]
    Task,
    #[serde(rename = "C")]
    Choice,
    #[serde(rename = "W")]
    Wait,
    #[serde(rename = "S")]
    Succeed,
    #[serde(rename = "F")]
    Fail,
    #[serde(rename = "L")]
    Parallel,
    #[serde(rename = "M")]
    Map,
}

impl From<&StateKind> for StateType {
    fn from(kind: &StateKind) -> Self {
        match kind {
            StateKind::Pass(_) => Self::Pass,
            StateKind::Task(_) => Self::Task,
            StateKind::Choice(_) => Self::Choice,
            StateKind::Wait(_) => Self::Wait,
            StateKind::Succeed(_) => Self::Succeed,
            StateKind::Fail(_) => Self::Fail,
            StateKind::Parallel(_) => Self::Parallel,
            StateKind::Map(_) => Self::Map,
        }
    }
}

/// What does the work of a task, as history events name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskResource {
    /// A Lambda function by its ARN.
    #[serde(rename = "l")]
    Lambda(Arc<str>),
    /// An activity by its ARN.
    #[serde(rename = "a")]
    Activity(Arc<str>),
    /// A service integration: `resourceType` and `resource`.
    #[serde(rename = "s")]
    Service(Arc<str>, Arc<str>),
}

impl TaskResource {
    /// Whether the task ends when somebody with its token says so, and not with the response to its request.
    pub(crate) fn waits_for_token(&self) -> bool {
        matches!(self, Self::Service(_, action) if action.ends_with(".waitForTaskToken"))
    }

    /// Whether the task has a token: somebody else may end it. As recorded, that is so with `.sync` as well.
    pub(crate) fn has_token(&self) -> bool {
        match self {
            Self::Lambda(_) => false,
            Self::Activity(_) => true,
            Self::Service(_, action) => {
                action.ends_with(".waitForTaskToken")
                    || action.ends_with(".sync")
                    || action.ends_with(".sync:2")
            }
        }
    }
}

impl From<&Resource> for TaskResource {
    fn from(resource: &Resource) -> Self {
        match resource {
            Resource::Lambda(arn) => Self::Lambda(Arc::clone(arn)),
            Resource::Activity(arn) => Self::Activity(Arc::clone(arn)),
            Resource::Service { service, action, .. } => {
                Self::Service(Arc::clone(service), Arc::clone(action))
            }
        }
    }
}

/// A JSON value, with the text that it arrived in where history must show that very text.
///
/// AWS shows the input of an execution as the caller wrote it, in `ExecutionStarted` and once more where
/// the first state is entered; every other value it writes itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Payload {
    /// A value; its text is the compact one.
    #[serde(rename = "v")]
    Value(Data),
    /// A value with the text that it was parsed from.
    #[serde(rename = "t")]
    Text(JsonText),
}

impl Payload {
    /// Parses a text that history shows as it is.
    ///
    /// # Errors
    /// [`InvalidPayload`] if the text is not JSON, or nested too deep.
    pub fn parse(text: &str) -> Result<Self, InvalidPayload> {
        if text.trim().is_empty() {
            return Err(InvalidPayload::Empty);
        }
        let data = stepwell_asl::json::parse(text)?;
        if is_too_deep(&data) {
            return Err(InvalidPayload::TooDeep);
        }
        let compact = data.to_string();
        let data = Data::from(data);
        if compact == text {
            return Ok(Self::Value(data));
        }
        Ok(Self::Text(JsonText { text: text.into(), data }))
    }

    /// The value.
    pub fn data(&self) -> &Data {
        match self {
            Self::Value(data) => data,
            Self::Text(json) => &json.data,
        }
    }

    /// The text that history shows.
    pub fn text(&self) -> String {
        match self {
            Self::Value(data) => data.to_string(),
            Self::Text(json) => json.text.to_string(),
        }
    }
}

/// A text that no execution can start with.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPayload {
    /// There is nothing in it.
    #[error("Invalid execution input.")]
    Empty,
    /// It is not JSON.
    #[error(transparent)]
    NotJson(#[from] stepwell_asl::json::NotJson),
    /// It is nested deeper than the journal can give back.
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
}

impl From<Data> for Payload {
    fn from(data: Data) -> Self {
        Self::Value(data)
    }
}

/// A JSON value with its text; persisted as the text alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Arc<str>", try_from = "Arc<str>")]
pub struct JsonText {
    text: Arc<str>,
    data: Data,
}

impl From<JsonText> for Arc<str> {
    fn from(json: JsonText) -> Self {
        json.text
    }
}

impl TryFrom<Arc<str>> for JsonText {
    type Error = serde_json::Error;

    fn try_from(text: Arc<str>) -> Result<Self, Self::Error> {
        let data = serde_json::from_str(&text)?;
        Ok(Self { text, data })
    }
}
