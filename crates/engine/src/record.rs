//! What the engine shows of state machines and executions: passive data, in AWS's words.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_asl::WorkflowType;
use uuid::Uuid;

use crate::arn::Arns;
use crate::configuration::{Route, Settings};
use crate::store::{ActivityRow, AliasRow, Counts, DefinitionRow, StateMachineRow, VersionRow};

/// Status of an execution. `Display`, `FromStr` and JSON give AWS's spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum Status {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Succeeded, Self::Failed, Self::TimedOut, Self::Aborted];

    /// AWS's spelling, for instance `TIMED_OUT`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }

    /// Whether an execution with this status goes on.
    pub fn is_running(self) -> bool {
        self == Self::Running
    }

    /// Whether an execution with this status ended, and not as it should.
    pub fn is_unsuccessful(self) -> bool {
        match self {
            Self::Running | Self::Succeeded => false,
            Self::Failed | Self::TimedOut | Self::Aborted => true,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// This is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no execution status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED")]
pub struct UnknownStatus(pub String);

impl std::str::FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

/// A state machine as `DescribeStateMachine` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachineRecord {
    /// `arn:aws:states:<region>:<account>:stateMachine:<name>`
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its type.
    pub workflow: WorkflowType,
    /// The definition, as it was given.
    pub definition: Arc<str>,
    /// The role, as it was given; stepwell itself never assumes it.
    pub role_arn: String,
    /// Counts the changes of definition or role, from 1.
    pub revision: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the definition or role was last changed.
    pub updated_at: Timestamp,
    /// What is logged and traced.
    pub settings: Settings,
    /// The version that is shown, or that the request published.
    pub version: Option<VersionRecord>,
    /// The Map run whose children execute it, and its label: `DescribeStateMachineForExecution` of a child.
    pub map_run: Option<(String, String)>,
}

/// A version as `ListStateMachineVersions` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRecord {
    /// `arn:aws:states:<region>:<account>:stateMachine:<name>:<number>`
    pub arn: String,
    /// What was said of it when it was published.
    pub description: Option<String>,
    /// When it was published.
    pub created_at: Timestamp,
}

impl VersionRecord {
    pub(crate) fn new(arns: &Arns, state_machine: &str, row: &VersionRow) -> Self {
        Self {
            arn: arns.qualified(state_machine, row.number),
            description: row.description.clone(),
            created_at: row.created_at,
        }
    }
}

/// An alias as `DescribeStateMachineAlias` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRecord {
    /// `arn:aws:states:<region>:<account>:stateMachine:<name>:<alias>`
    pub arn: String,
    /// Its name.
    pub name: String,
    /// What was said of it.
    pub description: Option<String>,
    /// ARNs of versions with their weights, which are 100 together.
    pub routes: Vec<(String, u8)>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl AliasRecord {
    pub(crate) fn new(arns: &Arns, state_machine: &str, row: &AliasRow) -> Self {
        let route = |route: &Route| (arns.qualified(state_machine, route.version), route.weight);
        Self {
            arn: arns.qualified(state_machine, &row.name),
            name: row.name.clone(),
            description: row.description.clone(),
            routes: row.routes.iter().map(route).collect(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl StateMachineRecord {
    pub(crate) fn new(arns: &Arns, row: &StateMachineRow, definition: &DefinitionRow) -> Self {
        Self {
            arn: arns.state_machine(&row.name),
            name: row.name.clone(),
            workflow: definition.workflow,
            definition: definition.text.as_str().into(),
            role_arn: definition.role_arn.clone(),
            revision: definition.revision,
            created_at: row.created_at,
            updated_at: definition.created_at,
            settings: definition.settings.clone(),
            version: None,
            map_run: None,
        }
    }

    /// A UUID for the revision.
    pub fn revision_id(&self) -> String {
        let name = format!("{}#{}@{}", self.arn, self.revision, self.created_at);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
    }

    /// The revision as `DescribeStateMachine` shows it: AWS shows none for the first.
    pub fn shown_revision(&self) -> Option<String> {
        (self.revision > 1).then(|| self.revision_id())
    }
}

/// A state machine as `ListStateMachines` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachineSummary {
    /// `arn:aws:states:<region>:<account>:stateMachine:<name>`
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its type.
    pub workflow: WorkflowType,
    /// When it was created.
    pub created_at: Timestamp,
}

/// An activity as `DescribeActivity` and `ListActivities` show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityRecord {
    /// `arn:aws:states:<region>:<account>:activity:<name>`
    pub arn: String,
    /// Its name.
    pub name: String,
    /// When it was created.
    pub created_at: Timestamp,
}

impl ActivityRecord {
    pub(crate) fn new(arns: &Arns, row: &ActivityRow) -> Self {
        let arn = arns.activity(&row.name);
        Self { arn, name: row.name.clone(), created_at: row.created_at }
    }
}

/// An execution as `DescribeExecution` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRecord {
    /// What `ListExecutions` shows too.
    pub summary: ExecutionSummary,
    /// The input, as it was given.
    pub input: String,
    /// The output, if it succeeded.
    pub output: Option<String>,
    /// The error name, if it failed, timed out or was aborted with one.
    pub error: Option<String>,
    /// The cause, likewise.
    pub cause: Option<String>,
    /// The revision of the definition that it runs.
    pub revision: i64,
    /// Its state machine was deleted.
    pub is_deleting: bool,
    /// Its history is too long for a redrive.
    pub has_full_history: bool,
}

/// An execution as `ListExecutions` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionSummary {
    /// `arn:aws:states:<region>:<account>:execution:<state machine>:<name>`
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The state machine that it was started from.
    pub state_machine_arn: String,
    /// The version that it was started by, if it was.
    pub version_arn: Option<String>,
    /// The alias that it was started by, if it was.
    pub alias_arn: Option<String>,
    /// How it stands.
    pub status: Status,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
    /// The Map run that started it, and how many items it has.
    pub child_of: Option<(String, u64)>,
    /// How often it was redriven.
    pub redrives: u32,
    /// When it was last redriven.
    pub redriven_at: Option<Timestamp>,
    /// It is a child that the redrive of its Map run has yet to come to.
    pub is_pending_redrive: bool,
}

/// A Map run as `DescribeMapRun` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRunRecord {
    /// What `ListMapRuns` shows too.
    pub summary: MapRunSummary,
    /// How it stands.
    pub status: Status,
    /// `maxConcurrency`
    pub max_concurrency: u32,
    /// `toleratedFailureCount`
    pub tolerated_count: u64,
    /// `toleratedFailurePercentage`
    pub tolerated_percentage: f64,
    /// Its children.
    pub executions: Counts,
    /// The items that they were started with.
    pub items: Counts,
    /// Items that are known and in no child yet.
    pub items_pending: u64,
    /// How often it was redriven.
    pub redrives: u32,
    /// When it was last redriven.
    pub redriven_at: Option<Timestamp>,
}

/// A Map run as `ListMapRuns` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapRunSummary {
    /// `arn:aws:states:<region>:<account>:mapRun:<state machine>/<label>:<uuid>`
    pub arn: String,
    /// The execution that it is part of.
    pub execution_arn: String,
    /// `arn:aws:states:<region>:<account>:stateMachine:<state machine>/<label>`
    pub state_machine_arn: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Option<Timestamp>,
}

/// What `StartExecution` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The execution.
    pub execution_arn: String,
    /// When it started.
    pub started_at: Timestamp,
}

/// An Express execution that was waited for, as `StartSyncExecution` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncExecution {
    /// `arn:aws:states:<region>:<account>:express:<state machine>:<name>:<uuid>`
    pub execution_arn: String,
    /// The state machine that it was started from.
    pub state_machine_arn: String,
    /// Its name.
    pub name: String,
    /// The input, as it was given.
    pub input: String,
    /// How it ended.
    pub status: Status,
    /// The output, if it succeeded.
    pub output: Option<String>,
    /// The error name, if it failed with one.
    pub error: Option<String>,
    /// The cause, likewise.
    pub cause: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Timestamp,
}

/// An execution started or ended. Sent after the commit that made it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// The execution.
    pub execution_arn: Arc<str>,
    /// How it stands now.
    pub status: Status,
    /// Since when.
    pub at: Timestamp,
}

/// A page of a longer list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// What to pass as [`Page::token`] to get the next page; nothing on the last.
    pub next: Option<String>,
}

/// Which page of a longer list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// How many items: `maxResults`. 0 stands for the default of 100; at most 1,000.
    pub limit: usize,
    /// The token that the page before gave; nothing for the first page.
    pub token: Option<String>,
}

/// What the engine is doing, for metrics and health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Executions that run.
    pub running_executions: u64,
    /// Express executions that run.
    pub express_executions: u64,
    /// Tasks with a handler now.
    pub tasks_in_flight: u64,
    /// Tasks that wait for a free place.
    pub tasks_waiting: u64,
    /// Tasks that found no free place since the engine started, and had to wait.
    pub throttled_tasks: u64,
    /// Commits since the engine started.
    pub commits: u64,
    /// Journal entries committed since the engine started.
    pub entries: u64,
    /// Executions ended since the engine started.
    pub ended_executions: u64,
}
