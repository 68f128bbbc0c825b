//! What is written to the store, as the kernel hands it over.

use jiff::Timestamp;
use stepwell_asl::WorkflowType;
use stepwell_asl::model::StateId;
use stepwell_machine::{Entry, EventId, Reason};

use crate::configuration::{Route, Settings, Tag};
use crate::record::Status;

/// Row id of an execution: counts up in the order of their starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExecutionId(pub i64);

impl ExecutionId {
    /// Bits of a journal row's id that number the batches of one execution: 268 million of them, which
    /// leaves room for 34 thousand million executions.
    const BATCH_BITS: u32 = 28;

    /// The id of an Express execution, which has no row: the `n`th of this process.
    pub(crate) fn express(n: u32) -> Self {
        Self(-i64::from(n) - 1)
    }

    /// Whether it is that of an Express execution.
    pub(crate) fn is_express(self) -> bool {
        self.0 < 0
    }

    /// Batches of one execution at most.
    pub(crate) const BATCHES_MAX: i64 = 1 << Self::BATCH_BITS;

    /// The id of the journal row that holds batch number `batch` of this execution. The order of ids is the
    /// order of the journal, so one b-tree serves both as table and as index.
    pub(crate) fn journal_row(self, batch: i64) -> i64 {
        assert!((0..Self::BATCHES_MAX).contains(&batch), "an execution has too many batches");
        (self.0 << Self::BATCH_BITS) | batch
    }

    /// The ids of all journal rows of this execution: first and last.
    pub(crate) fn journal_rows(self) -> (i64, i64) {
        (self.journal_row(0), self.journal_row(Self::BATCHES_MAX - 1))
    }

    /// The number of the batch in a journal row.
    pub(crate) fn batch(journal_row: i64) -> i64 {
        journal_row & (Self::BATCHES_MAX - 1)
    }
}

/// Row id of a state machine.
pub type StateMachineId = i64;

/// Row id of one revision of a definition.
pub type DefinitionId = i64;

/// One change of the store.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub enum Record {
    /// A state machine, new or changed.
    StateMachine(StateMachineRow),
    /// A new revision of a definition.
    Definition(DefinitionRow),
    /// A new version of a state machine.
    Version(VersionRow),
    /// A version is gone.
    VersionGone { state_machine: StateMachineId, number: i64 },
    /// An alias, new or changed.
    Alias(AliasRow),
    /// An alias is gone.
    AliasGone { state_machine: StateMachineId, name: String },
    /// A turn of an execution.
    Turn(Turn),
    /// An activity, new or changed.
    Activity(ActivityRow),
    /// An activity that was deleted.
    ActivityDeleted {
        /// Its row.
        id: i64,
    },
    /// A Map run, new or changed.
    MapRun(MapRunRow),
}

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct ActivityRow {
    pub id: i64,
    pub name: String,
    pub created_at: Timestamp,
    pub tags: Vec<Tag>,
}

/// Row id of a Map run.
pub type MapRunId = i64;

/// A Map run.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct MapRunRow {
    pub id: MapRunId,
    pub execution: ExecutionId,
    pub scheduled: EventId,
    pub definition: DefinitionId,
    pub state: StateId,
    pub label: String,
    pub uuid: String,
    pub status: Status,
    pub started_at: Timestamp,
    pub stopped_at: Option<Timestamp>,
    pub items: Option<u64>,
    pub max_concurrency: u32,
    pub tolerated_count: u64,
    pub tolerated_percentage: f64,
    pub redrives: u32,
    pub redriven_at: Option<Timestamp>,
    /// Why it fails, from before its children are stopped.
    pub failure: Option<Reason>,
}

/// Which child of which Map run an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct ChildRow {
    pub map_run: MapRunId,
    pub index: u64,
    pub items: u64,
    /// The redrives of the Map run when the child was last started or redriven.
    pub attempt: u32,
}

/// A state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct StateMachineRow {
    pub id: StateMachineId,
    pub name: String,
    pub deleted: bool,
    pub definition: DefinitionId,
    pub created_at: Timestamp,
    pub last_version: i64,
    pub tags: Vec<Tag>,
}

/// A version: a revision that stays, under a number.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct VersionRow {
    pub state_machine: StateMachineId,
    pub number: i64,
    pub definition: DefinitionId,
    pub description: Option<String>,
    pub created_at: Timestamp,
}

/// An alias: a name for one version, or for two with weights.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct AliasRow {
    pub state_machine: StateMachineId,
    pub name: String,
    pub description: Option<String>,
    pub routes: Vec<Route>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// One revision of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct DefinitionRow {
    pub id: DefinitionId,
    pub state_machine: StateMachineId,
    pub revision: i64,
    pub workflow: WorkflowType,
    pub text: String,
    pub role_arn: String,
    pub created_at: Timestamp,
    pub settings: Settings,
}

/// What one turn of an execution adds to its journal, and how the execution stands after it.
#[derive(Debug)]
pub struct Turn {
    /// The execution.
    pub execution: ExecutionId,
    /// Set on a child of a Map run: as it is after this turn.
    pub child: Option<ChildRow>,
    /// Set on the first turn.
    pub birth: Option<Birth>,
    /// The number of this batch, from 0.
    pub batch: i64,
    /// The number of the first entry, from 0.
    pub first_seq: i64,
    /// The entries; empty for an execution without a journal alone.
    pub entries: Vec<Entry>,
    /// How the execution stands.
    pub standing: Standing,
    /// Set on the last turn before an end.
    pub end: Option<End>,
    /// Set on the first turn of a redrive.
    pub redrive: Option<RedriveRow>,
}

/// What a redrive changes of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct RedriveRow {
    pub count: u32,
    pub at: Timestamp,
    /// As [`ChildRow::attempt`]; 0 for what is no child.
    pub attempt: u32,
}

/// What is fixed when an execution starts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct Birth {
    pub state_machine: StateMachineId,
    pub definition: DefinitionId,
    pub name: String,
    pub input: String,
    pub started_at: Timestamp,
    pub child: Option<ChildRow>,
    /// The version that it was started by, and the alias that led there.
    pub version: Option<i64>,
    pub alias: Option<String>,
}

/// How an execution stands: what recovery needs to know before it reads the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct Standing {
    pub status: Status,
    pub next_wakeup: Option<Timestamp>,
    pub open_tasks: usize,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct End {
    pub stopped_at: Timestamp,
    pub output: Option<String>,
    pub error: Option<String>,
    pub cause: Option<String>,
}
