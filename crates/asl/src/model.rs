//! What a state machine means, after validation: every name resolved, every path parsed, every number checked.
//!
//! The JSON shape lives in [`crate::syntax`]; only validation makes the second out of the first.

use std::sync::Arc;
use std::time::Duration;

use crate::Span;
use serde_json::Value;

use crate::choice::Condition;
use crate::error_name::ErrorMatcher;
use crate::eval::{Scope, StatesError};
use crate::jsonpath::{Path, ReferencePath};
use crate::query::Query;
use crate::template::Template;

/// The type of a state machine. `Display` and `FromStr` have AWS's spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum WorkflowType {
    #[default]
    Standard,
    Express,
}

impl WorkflowType {
    /// AWS's spelling, for instance `EXPRESS`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

impl std::fmt::Display for WorkflowType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// This is no type of a state machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no type of a state machine: STANDARD or EXPRESS")]
pub struct UnknownWorkflowType(pub String);

impl std::str::FromStr for WorkflowType {
    type Err = UnknownWorkflowType;

    fn from_str(text: &str) -> Result<Self, UnknownWorkflowType> {
        let known = [Self::Standard, Self::Express].into_iter().find(|it| it.as_str() == text);
        known.ok_or_else(|| UnknownWorkflowType(text.to_owned()))
    }
}

/// How long an Express execution may take. Source: Developer Guide, "Choosing workflow type in Step Functions".
pub const EXPRESS_DURATION_MAX: Duration = Duration::from_mins(5);

/// A checked state machine. All states, nested ones included, stand in one arena in definition order.
#[derive(Debug, Clone)]
pub struct StateMachine {
    /// The `Comment` of the machine.
    pub comment: Option<String>,
    /// Its type.
    pub workflow: WorkflowType,
    /// How long an execution may take: the `TimeoutSeconds` of the machine, and for an Express one no more than
    /// [`EXPRESS_DURATION_MAX`].
    pub timeout: Option<Duration>,
    /// Where an execution starts.
    pub start_at: StateId,
    /// Shared with the machines of its item processors.
    states: Arc<[State]>,
}

impl StateMachine {
    pub(crate) fn new(
        comment: Option<String>,
        workflow: WorkflowType,
        timeout: Option<Duration>,
        start_at: StateId,
        states: Vec<State>,
    ) -> Self {
        let timeout = match workflow {
            WorkflowType::Standard => timeout,
            WorkflowType::Express => {
                Some(timeout.map_or(EXPRESS_DURATION_MAX, |own| own.min(EXPRESS_DURATION_MAX)))
            }
        };
        Self { comment, workflow, timeout, start_at, states: states.into() }
    }

    /// The item processor of a Distributed Map as a machine of its own, which is what its children execute. Ids are those
    /// of this machine.
    #[must_use]
    pub fn processor(&self, map: &Map) -> Self {
        Self {
            comment: None,
            workflow: self.workflow,
            timeout: None,
            start_at: map.start_at,
            states: Arc::clone(&self.states),
        }
    }

    /// The state behind an id of this machine.
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.0 as usize]
    }

    /// The state behind an id that may be of another machine.
    pub fn get(&self, id: StateId) -> Option<&State> {
        self.states.get(id.0 as usize)
    }

    /// All states, nested ones included, in definition order.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.states.iter()
    }
}

/// Index of a state in its machine.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct StateId(pub u32);

/// One state: a name and what its type says.
#[derive(Debug, Clone)]
pub struct State {
    /// Its index in the machine.
    pub id: StateId,
    /// The name, unique within the whole machine.
    pub name: Arc<str>,
    /// The variables that it reads, in alphabetical order; those of the states within it are theirs.
    pub variables: Vec<Arc<str>>,
    /// What kind of state it is.
    pub kind: StateKind,
}

/// The eight state types.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum StateKind {
    Pass(Pass),
    Task(Task),
    Choice(Choice),
    Wait(Wait),
    Succeed(Succeed),
    Fail(Fail),
    Parallel(Parallel),
    Map(Map),
}

/// Where a state leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// `Next`.
    Next(StateId),
    /// `End: true`.
    End,
}

/// `InputPath` and `OutputPath`: a path, or `null`, which stands for an empty object.
#[derive(Debug, Clone)]
pub enum Selector {
    /// Selects by a path; the default is `$`.
    Path(Path),
    /// `null`: the value is replaced by `{}`.
    Discard,
}

/// `ResultPath`: where the result goes, or `null`, which keeps the raw input.
#[derive(Debug, Clone)]
pub enum ResultPath {
    /// Puts the result at a reference path; the default is `$`.
    Path(ReferencePath),
    /// `null`: the result is dropped.
    Discard,
}

/// The data-flow fields of a state in the JSONPath query language. Fields that the state type does not
/// allow hold their defaults.
#[derive(Debug, Clone)]
pub struct DataFlow {
    /// `InputPath`.
    pub input_path: Selector,
    /// `Parameters` (or, for a Map state, `ItemSelector`, which lives in [`Map`]).
    pub parameters: Option<Template>,
    /// `ResultSelector`.
    pub result_selector: Option<Template>,
    /// `ResultPath`.
    pub result_path: ResultPath,
    /// `OutputPath`.
    pub output_path: Selector,
}

/// The data-flow fields of a state in the JSONata query language.
#[derive(Debug, Clone)]
pub struct QueryFlow {
    /// `Arguments`.
    pub arguments: Option<Query>,
    /// `Output`.
    pub output: Option<Query>,
}

/// How data flows through a state, in its query language.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The fields that only one query language has.
    pub fields: FlowFields,
    /// `Assign`.
    pub assign: Option<Payload>,
}

/// The data-flow fields of the two query languages.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum FlowFields {
    JsonPath(Box<DataFlow>),
    Jsonata(QueryFlow),
}

/// JSON that is built at run time: a payload template, or JSON with expressions.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum Payload {
    JsonPath(Template),
    Jsonata(Query),
}

impl Payload {
    /// Builds the JSON; `data` is what `$` stands for in a payload template.
    ///
    /// # Errors
    /// As [`Template::evaluate`] or [`Query::evaluate`].
    pub fn build(&self, data: &Value, scope: &mut Scope<'_>) -> Result<Value, StatesError> {
        match self {
            Self::JsonPath(template) => template.evaluate(data, scope),
            Self::Jsonata(query) => query.evaluate(scope),
        }
    }
}

/// A value of the definition that may also be found at run time.
#[derive(Debug, Clone)]
pub enum Dynamic<T> {
    /// As written.
    Literal(T),
    /// Read by a `...Path` field.
    Path(Path),
    /// A JSONata expression.
    Query(Query),
}

/// A Pass state.
#[derive(Debug, Clone)]
pub struct Pass {
    /// Data flow.
    pub flow: Flow,
    /// `Result`: replaces the effective input as the state's result.
    pub result: Option<crate::Data>,
    /// Where it leads.
    pub transition: Transition,
}

/// A Task state.
#[derive(Debug, Clone)]
pub struct Task {
    /// Data flow.
    pub flow: Flow,
    /// What does the work.
    pub resource: Resource,
    /// `Parameters` or `Arguments` as far as the definition itself says what they give.
    pub given: Option<Given>,
    /// `Credentials`: the role of the task.
    pub credentials: Option<Payload>,
    /// Where the resource is written, for whoever cannot serve it.
    pub resource_at: Written,
    /// `TimeoutSeconds` or `TimeoutSecondsPath`.
    pub timeout: Option<Dynamic<u64>>,
    /// `HeartbeatSeconds` or `HeartbeatSecondsPath`.
    pub heartbeat: Option<Dynamic<u64>>,
    /// Retriers, tried in order.
    pub retry: Vec<Retrier>,
    /// Catchers, tried in order once the Retriers gave up.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub transition: Transition,
}

/// A Choice state.
#[derive(Debug, Clone)]
pub struct Choice {
    /// Data flow; its `Assign` is for `Default`.
    pub flow: Flow,
    /// `Choices`, tried in order.
    pub choices: Vec<ChoiceRule>,
    /// `Default`.
    pub default: Option<StateId>,
}

/// One of the `Choices` of a Choice state.
#[derive(Debug, Clone)]
pub struct ChoiceRule {
    /// When it is taken.
    pub condition: Condition,
    /// `Assign`.
    pub assign: Option<Payload>,
    /// `Output`.
    pub output: Option<Query>,
    /// Where it leads.
    pub next: StateId,
}

/// A Wait state.
#[derive(Debug, Clone)]
pub struct Wait {
    /// Data flow.
    pub flow: Flow,
    /// How long.
    pub until: WaitUntil,
    /// Where it leads.
    pub transition: Transition,
}

/// The four forms of waiting.
#[derive(Debug, Clone)]
pub enum WaitUntil {
    /// `Seconds` or `SecondsPath`.
    Seconds(Dynamic<u64>),
    /// `Timestamp` (kept as written; RFC 3339) or `TimestampPath`.
    Timestamp(Dynamic<String>),
}

/// A Succeed state.
#[derive(Debug, Clone)]
pub struct Succeed {
    /// Data flow.
    pub flow: Flow,
}

/// A Fail state.
#[derive(Debug, Clone)]
pub struct Fail {
    /// `Error` or `ErrorPath`.
    pub error: Option<Text>,
    /// `Cause` or `CausePath`.
    pub cause: Option<Text>,
    /// Whether its query language is JSONPath, which a Fail state without any expression shows nowhere else.
    pub is_jsonpath: bool,
}

/// A text that may be literal, read by a path, or built by an expression.
#[derive(Debug, Clone)]
pub enum Text {
    /// As written.
    Literal(String),
    /// A path or an intrinsic function.
    Dynamic(crate::eval::Expression),
    /// A JSONata expression.
    Query(Query),
}

/// A Parallel state.
#[derive(Debug, Clone)]
pub struct Parallel {
    /// Data flow.
    pub flow: Flow,
    /// Where each branch starts.
    pub branches: Vec<StateId>,
    /// Retriers.
    pub retry: Vec<Retrier>,
    /// Catchers.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub transition: Transition,
}

/// A Map state.
#[derive(Debug, Clone)]
pub struct Map {
    /// Data flow; `parameters` is empty here.
    pub flow: Flow,
    /// Where the items come from.
    pub items: Items,
    /// `ItemSelector`, or the legacy `Parameters`.
    pub item_selector: Option<Payload>,
    /// `ToleratedFailureCount` or `ToleratedFailureCountPath`. It means nothing to an inline Map, but an expression is
    /// evaluated.
    pub tolerated_count: Option<Dynamic<u64>>,
    /// `ToleratedFailurePercentage` or `ToleratedFailurePercentagePath`; likewise.
    pub tolerated_percentage: Option<Dynamic<f64>>,
    /// What only a Map in DISTRIBUTED mode has; nothing in INLINE mode.
    pub distributed: Option<Box<Distributed>>,
    /// `MaxConcurrency` or `MaxConcurrencyPath`; 0 is without bound.
    pub max_concurrency: Dynamic<u32>,
    /// Where each iteration starts.
    pub start_at: StateId,
    /// Retriers.
    pub retry: Vec<Retrier>,
    /// Catchers.
    pub catch: Vec<Catcher>,
    /// Where it leads.
    pub transition: Transition,
}

/// What a Map state in DISTRIBUTED mode has besides: its iterations are executions of their own.
#[derive(Debug, Clone)]
pub struct Distributed {
    /// `ExecutionType`: the type of its child executions.
    pub execution_type: WorkflowType,
    /// `Label`: its name in the ARNs of Map runs and children.
    pub label: Option<Arc<str>>,
    /// `ItemReader`: items from outside the execution.
    pub reader: Option<ItemReader>,
    /// `ItemBatcher`: several items for one child.
    pub batcher: Option<ItemBatcher>,
    /// `ResultWriter`: where the results go, and in which form.
    pub writer: Option<ResultWriter>,
}

/// `ItemReader`.
#[derive(Debug, Clone)]
pub struct ItemReader {
    /// What reads: `arn:aws:states:::s3:getObject` or `...:listObjectsV2`.
    pub resource: Arc<str>,
    /// Where the resource is written.
    pub resource_at: Written,
    /// `Parameters` or `Arguments`.
    pub arguments: Option<Payload>,
    /// `ReaderConfig` as written, without `MaxItems`.
    pub config: crate::Data,
    /// `MaxItems` or `MaxItemsPath`.
    pub max_items: Option<Dynamic<u64>>,
}

/// `ItemBatcher`.
#[derive(Debug, Clone)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch` or `MaxItemsPerBatchPath`.
    pub max_items: Option<Dynamic<u64>>,
    /// `MaxInputBytesPerBatch` or `MaxInputBytesPerBatchPath`.
    pub max_bytes: Option<Dynamic<u64>>,
    /// `BatchInput`.
    pub batch_input: Option<Payload>,
}

/// `ResultWriter`.
#[derive(Debug, Clone)]
pub struct ResultWriter {
    /// What writes, `arn:aws:states:::s3:putObject`; without it the results are the output of the state.
    pub resource: Option<(Arc<str>, Written)>,
    /// `Parameters` or `Arguments`.
    pub arguments: Option<Payload>,
    /// `WriterConfig` as written.
    pub config: crate::Data,
}

/// The items of a Map state.
#[derive(Debug, Clone)]
pub enum Items {
    /// `ItemsPath`; the default is `$`.
    Path(Path),
    /// `Items`; nothing stands for the input.
    Query(Option<Query>),
}

/// One Retrier.
#[derive(Debug, Clone)]
pub struct Retrier {
    /// Which errors it is for.
    pub errors: ErrorMatcher,
    /// `IntervalSeconds`; default 1.
    pub interval_seconds: u64,
    /// `MaxAttempts`; default 3, 0 = never retry.
    pub max_attempts: u64,
    /// `BackoffRate`; default 2.0.
    pub backoff_rate: f64,
    /// `MaxDelaySeconds`.
    pub max_delay_seconds: Option<u64>,
    /// `JitterStrategy`.
    pub jitter: Jitter,
}

/// `JitterStrategy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum Jitter {
    None,
    Full,
}

/// One Catcher.
#[derive(Debug, Clone)]
pub struct Catcher {
    /// Which errors it is for.
    pub errors: ErrorMatcher,
    /// What becomes of the error output.
    pub output: CatcherOutput,
    /// `Assign`.
    pub assign: Option<Payload>,
    /// Where it leads.
    pub next: StateId,
}

/// The members that a task is given whatever its input is. Nothing is known of what one expression gives as a whole.
#[derive(Debug, Clone)]
pub struct Given {
    /// Where `Parameters` or `Arguments` are written.
    pub at: Written,
    /// Their members, each with the place of its name; `.$` at the end of one is not part of it.
    pub members: Vec<(Arc<str>, Written)>,
}

/// Where a value stands in the text of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// JSON pointer, for instance `/States/Load/Resource`.
    pub pointer: String,
    /// The place as AWS writes it, for instance `/States/Load/Retry[0]`.
    pub location: String,
    /// The bytes of the text.
    pub span: Span,
}

/// What a Catcher makes of the error output.
#[derive(Debug, Clone)]
pub enum CatcherOutput {
    /// It is put into the input: `ResultPath`.
    ResultPath(ResultPath),
    /// `Output`; nothing stands for the error output.
    Query(Option<Query>),
}

/// The `Resource` of a Task state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A Lambda function by its ARN: `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`.
    Lambda(Arc<str>),
    /// An activity by its ARN.
    Activity(Arc<str>),
    /// A service integration: `arn:aws:states:::SERVICE:ACTION[.PATTERN]`.
    Service {
        /// The whole ARN.
        arn: Arc<str>,
        /// The `resourceType` of history events, for instance `lambda` or `aws-sdk:dynamodb`.
        service: Arc<str>,
        /// The `resource` of history events, for instance `invoke` or `invoke.waitForTaskToken`.
        action: Arc<str>,
    },
}

impl Resource {
    /// The whole ARN, as the definition writes it.
    pub fn arn(&self) -> &str {
        match self {
            Self::Lambda(arn) | Self::Activity(arn) | Self::Service { arn, .. } => arn,
        }
    }
}
