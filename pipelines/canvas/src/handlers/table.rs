//! One table's run: what an invocation is given, what it gives back, and how it goes on.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, HandlerError, NotNow};

use super::Service;
use super::list_tables::Item;
use crate::dap::{self, Completed, Dap, Query};
use crate::rows::Format;
use crate::summary::{Mode, TableResult};
use crate::target::{
    LoadKind, Proof, Proving, Published, Slice, TableName, TableState, Target, TargetError,
};

/// DAP keeps logs for so long.
const LOGS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A cursor of logs that is older than this soon cannot be caught up with.
const LOGS_LAG_MAX: SignedDuration = SignedDuration::from_hours(25 * 24);

/// A run that paused so often without a single row or job in between will not end by itself. A job that is
/// still running is no standstill.
const STALLS_MAX: u32 = 100;

/// A table of the run, and where its last invocation left off.
#[derive(Debug, Deserialize)]
pub struct Input {
    #[serde(flatten)]
    item: Item,
    run: Option<LeftOff>,
}

#[derive(Debug, Deserialize)]
struct LeftOff {
    checkpoint: Option<Checkpoint>,
}

/// What the next invocation needs to go on. Small, without links or secrets: what is staged, the target knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) started_at: Timestamp,
    /// The job that is being waited for or loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) job: Option<String>,
    /// What its parts are written in.
    #[serde(default)]
    pub(super) job_format: Format,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) job_asked_at: Option<Timestamp>,
    /// Jobs that came to nothing so far.
    #[serde(default)]
    pub(super) lost_jobs: u32,
    /// Set where an increment would not do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resnapshot: Option<Resnapshot>,
    /// Pauses since something last went forward.
    #[serde(default)]
    pub(super) stalls: u32,
    /// The snapshot that is published, while its proof is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) proving: Option<Box<TableResult>>,
    /// New columns of logs, which a snapshot fills in the rows of the last 30 days only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    filled_in_part: Vec<String>,
}

/// Why, and since when, the changes are not to be had or would not do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Resnapshot {
    reason: String,
    since: Timestamp,
    /// Set where the increment did come through, but left new columns unfilled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unfilled: Option<Box<TableResult>>,
}

impl Checkpoint {
    fn start() -> Self {
        Self {
            started_at: Timestamp::now(),
            job: None,
            job_format: Format::default(),
            job_asked_at: None,
            lost_jobs: 0,
            resnapshot: None,
            stalls: 0,
            proving: None,
            filled_in_part: Vec::new(),
        }
    }
}

/// What an invocation gives back; the Choice state behind it looks at `status`.
///
/// ```json
/// {"status":"IN_PROGRESS","wait_seconds":5,"checkpoint":{"started_at":"2026-02-15T09:00:00Z","job":"6f1c…"},
///  "result":null}
/// ```
#[derive(Debug, Serialize)]
pub struct Step {
    status: Status,
    wait_seconds: u64,
    checkpoint: Option<Checkpoint>,
    result: Option<TableResult>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Complete,
    InitNeeded,
    InProgress,
}

impl Step {
    fn complete(result: TableResult) -> Self {
        Self { status: Status::Complete, wait_seconds: 0, checkpoint: None, result: Some(result) }
    }

    fn init_needed(checkpoint: Checkpoint) -> Self {
        let checkpoint = Some(checkpoint);
        Self { status: Status::InitNeeded, wait_seconds: 0, checkpoint, result: None }
    }

    /// Wait states count in whole seconds.
    fn in_progress(checkpoint: Checkpoint, wait: Duration) -> Self {
        let wait_seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self {
            status: Status::InProgress,
            wait_seconds,
            checkpoint: Some(checkpoint),
            result: None,
        }
    }
}

/// Why an invocation does not go through to the end.
#[derive(Debug)]
pub(super) enum Interruption {
    /// The next invocation goes on after this wait.
    Pause(Duration),
    /// Increments are not to be had, or would go on from rows that are not as delivered.
    SnapshotRequired(Resnapshot),
    /// All snapshots that are to be had now are from before one became necessary.
    NoSnapshotYet(HandlerError),
    Failed(HandlerError),
}

impl From<dap::Error> for Interruption {
    fn from(error: dap::Error) -> Self {
        match error {
            dap::Error::NotNow(not_now) => not_now.into(),
            error => Self::Failed(error.into()),
        }
    }
}

impl Resnapshot {
    pub(super) fn new(since: Timestamp, reason: &impl ToString) -> Self {
        Self { reason: reason.to_string(), since, unfilled: None }
    }

    /// For new columns that the increment with this result has filled in changed rows only.
    fn to_fill(columns: &[String], merged: TableResult) -> Self {
        let reason = format!(
            "`{}` is new in the schema, and an increment fills it in changed rows only; `backfill_new_columns = false` \
             does without this snapshot",
            columns.join("`, `")
        );
        Self { reason, since: merged.cursor, unfilled: Some(Box::new(merged)) }
    }

    /// Whether a snapshot is from before what made it necessary.
    pub(super) fn is_later_than(&self, snapshot: &Completed) -> bool {
        match &self.unfilled {
            // Nothing need have been written since: `at` may be where the table already stands.
            Some(merged) => {
                snapshot.schema_version < merged.schema_version || snapshot.cursor < self.since
            }
            None => snapshot.cursor <= self.since,
        }
    }
}

impl From<NotNow> for Interruption {
    fn from(NotNow { wait }: NotNow) -> Self {
        Self::Pause(wait)
    }
}

impl From<TargetError> for Interruption {
    fn from(error: TargetError) -> Self {
        Self::Failed(error.into())
    }
}

/// One invocation's work on one table.
pub(super) struct TableRun<'a> {
    pub(super) dap: &'a Dap,
    pub(super) target: Arc<dyn Target>,
    pub(super) table: TableName,
    pub(super) ctx: &'a Context,
    pub(super) checkpoint: Checkpoint,
    /// New columns are filled in all rows.
    backfill: bool,
    /// This invocation has published, or goes on with the proof of what was published.
    pub(super) published: bool,
}

impl<'a> TableRun<'a> {
    pub(super) async fn begin(
        service: &'a Service,
        input: Input,
        ctx: &'a Context,
    ) -> Result<Self, HandlerError> {
        if let Some(problem) = input.item.problem {
            return Err(HandlerError::Config(problem));
        }
        let left_off = input.run.and_then(|run| run.checkpoint);
        Ok(Self {
            dap: &service.dap,
            target: service.target().await?,
            table: input.item.name,
            ctx,
            checkpoint: left_off.unwrap_or_else(Checkpoint::start),
            backfill: service.config.backfill_new_columns,
            published: false,
        })
    }

    pub(super) async fn increment(mut self) -> Result<Step, HandlerError> {
        let outcome = match self.target.state(&self.table).await {
            Ok(None) => return Ok(Step::init_needed(self.checkpoint)),
            Ok(Some(state)) => self.merge(&state).await,
            Err(error) => Err(error.into()),
        };
        self.step(outcome)
    }

    pub(super) async fn snapshot(mut self) -> Result<Step, HandlerError> {
        let outcome = match self.checkpoint.proving.take() {
            Some(result) => {
                self.published = true;
                self.prove(*result).await
            }
            None => self.replace().await,
        };
        let outcome = match outcome {
            Ok(result) => Ok(self.completed(result)),
            Err(Interruption::NoSnapshotYet(error)) => {
                self.leave_unfilled(error, "but is not to be had yet")
            }
            Err(Interruption::Failed(error)) if !self.published => {
                self.leave_unfilled(error, "but it failed")
            }
            outcome => outcome,
        };
        self.step(outcome)
    }

    async fn merge(&mut self, state: &TableState) -> Result<TableResult, Interruption> {
        if state.proof_due {
            self.make_up_proof(state).await?;
        }
        let mut schema = self.dap.schema(&self.table, self.ctx).await?;
        let query = Query::Increment { since: state.cursor };
        let (id, job) = self.completed_job(query, &mut schema).await?;
        let unfilled = state.unfilled_under(&schema);
        let as_before = job.cursor <= state.cursor && schema.version == state.schema_version;
        let mut result = if job.objects.is_empty() && as_before {
            let published =
                Published { rows: state.rows.unwrap_or_default(), ..Published::default() };
            let result = self.result(Mode::Unchanged, state.cursor, state.schema_version);
            // What the official client published has no count of ours, and no proof.
            TableResult { published, proven_before: state.rows.is_some(), ..result }
        } else {
            let kind = LoadKind::Increment { since: state.cursor, until: job.cursor };
            let mode = if job.objects.is_empty() { Mode::Unchanged } else { Mode::Increment };
            self.load(mode, kind, schema, id, &job).await?
        };
        result.warnings.extend(self.warnings(state));
        if self.backfill && !unfilled.is_empty() {
            return Err(Interruption::SnapshotRequired(Resnapshot::to_fill(&unfilled, result)));
        }
        let new = unfilled.iter().filter(|name| !state.unfilled.contains(name));
        result.warnings.extend(new.map(|name| {
            format!(
                "column `{name}` is new and was not back-filled: rows that do not change keep null in it, whatever the \
                 source has, since `backfill_new_columns` is false"
            )
        }));
        Ok(result)
    }

    /// An earlier run ended before its proof, or its proof did not hold: no increment heals that.
    async fn make_up_proof(&mut self, state: &TableState) -> Result<(), Interruption> {
        let failure = match self.target.prove_within(&self.slice(), &self.table, None).await {
            Ok(Proving::Complete(proof)) => check(&proof),
            Ok(Proving::Paused { .. }) => return Err(self.goes_on()),
            // Its rows made room for those of a load that was never published.
            Err(error @ TargetError::Gap { .. }) => Err(error.into()),
            Err(error) => return Err(error.into()),
        };
        failure
            .map_err(|error| Interruption::SnapshotRequired(Resnapshot::new(state.cursor, &error)))
    }

    async fn replace(&mut self) -> Result<TableResult, Interruption> {
        let mut schema = self.dap.schema(&self.table, self.ctx).await?;
        let query = Query::Snapshot(Format::Tsv);
        let (id, job) = self.completed_job(query, &mut schema).await?;
        let unfilled = self.unfilled();
        if unfilled.is_some_and(|(resnapshot, _)| resnapshot.is_later_than(&job)) {
            let message = format!("DAP answers with job {id}, from before the columns were there");
            return Err(Interruption::NoSnapshotYet(HandlerError::retryable(message)));
        }
        if self.table.is_log()
            && let Some(state) = self.target.state(&self.table).await?
        {
            let unfilled = state.unfilled_under(&schema);
            // Once it is published, the state does not tell any more.
            if !unfilled.is_empty() {
                self.checkpoint.filled_in_part = unfilled;
            }
        }
        let kind = LoadKind::Snapshot { at: job.cursor };
        self.load(Mode::Snapshot, kind, schema, id, &job).await
    }

    /// The same with what is to be told beyond the snapshot itself: a gap, and the increment before it.
    fn completed(&self, mut result: TableResult) -> TableResult {
        result.warnings.extend(self.gap(result.cursor));
        result.warnings.extend(self.left_null(result.cursor));
        if let Some((_, merged)) = self.unfilled() {
            result.published.follow(&merged.published);
        }
        result
    }

    /// The reason for the snapshot and what the increment before it did, where it is only to fill columns.
    fn unfilled(&self) -> Option<(&Resnapshot, &TableResult)> {
        let resnapshot = self.checkpoint.resnapshot.as_ref()?;
        Some((resnapshot, resnapshot.unfilled.as_deref()?))
    }

    /// The table is in step but for its new columns, and the next run tries again.
    fn leave_unfilled(&self, error: HandlerError, why: &str) -> Result<TableResult, Interruption> {
        let Some((resnapshot, merged)) = self.unfilled() else {
            return Err(Interruption::Failed(error));
        };
        let mut result = merged.clone();
        result.warnings.push(format!("{}, {why}: {error}", resnapshot.reason));
        Ok(result)
    }

    fn step(self, outcome: Result<TableResult, Interruption>) -> Result<Step, HandlerError> {
        match outcome {
            Ok(result) => {
                self.tell("done", result.published.rows, true);
                Ok(Step::complete(result))
            }
            Err(Interruption::Pause(wait)) => self.pause(wait),
            Err(Interruption::SnapshotRequired(resnapshot)) => {
                let resnapshot = Some(resnapshot);
                Ok(Step::init_needed(Checkpoint { resnapshot, job: None, ..self.checkpoint }))
            }
            Err(Interruption::Failed(error) | Interruption::NoSnapshotYet(error)) => {
                self.tell("failed", 0, true);
                Err(error)
            }
        }
    }

    pub(super) fn slice(&self) -> Slice {
        Slice::until(self.ctx.slice_ends, self.ctx.stop.clone())
    }

    /// The slice is over, and something went forward in it.
    pub(super) fn goes_on(&mut self) -> Interruption {
        self.checkpoint.stalls = 0;
        Interruption::Pause(Duration::ZERO)
    }

    fn pause(self, wait: Duration) -> Result<Step, HandlerError> {
        let stalls = self.checkpoint.stalls + 1;
        if stalls > STALLS_MAX {
            let message = format!("{}: no progress in {STALLS_MAX} invocations", self.table);
            return Err(HandlerError::Retryable(message));
        }
        Ok(Step::in_progress(Checkpoint { stalls, ..self.checkpoint }, wait))
    }

    /// The result of a table that stands there, with nothing published.
    pub(super) fn result(&self, mode: Mode, cursor: Timestamp, schema_version: i64) -> TableResult {
        let TableName { namespace, table } = self.table.clone();
        TableResult {
            namespace,
            table,
            mode,
            published: Published::default(),
            seconds: self.seconds(),
            proof_seconds: 0.0,
            proven: false,
            proven_before: false,
            compared: 0,
            schema_version,
            cursor,
            resnapshot: self.checkpoint.resnapshot.as_ref().map(|it| it.reason.clone()),
            warnings: Vec::new(),
        }
    }

    /// What is missing of logs between where they stood and where a snapshot begins.
    fn gap(&self, at: Timestamp) -> Option<String> {
        let stood = self.checkpoint.resnapshot.as_ref()?.since;
        let begins = at.checked_sub(LOGS_KEPT).ok()?;
        (self.table.is_log() && stood < begins).then(|| {
            format!(
                "{} may lack rows from {stood} to {begins}: the snapshot was merged into what was there, and DAP \
                 keeps 30 days only; run this pipeline more often",
                self.table
            )
        })
    }

    /// The new columns of logs that rows from before the snapshot lack.
    fn left_null(&self, at: Timestamp) -> Option<String> {
        let columns = &self.checkpoint.filled_in_part;
        let begins = at.checked_sub(LOGS_KEPT).ok()?;
        (!columns.is_empty()).then(|| {
            format!(
                "rows of {} from before {begins} keep null in `{}`: DAP keeps 30 days only",
                self.table,
                columns.join("`, `")
            )
        })
    }

    /// Since the first invocation.
    pub(super) fn seconds(&self) -> f64 {
        Timestamp::now().duration_since(self.checkpoint.started_at).as_secs_f64()
    }

    fn warnings(&self, state: &TableState) -> Vec<String> {
        let lag = Timestamp::now().duration_since(state.cursor);
        if !self.table.is_log() || lag <= LOGS_LAG_MAX {
            return Vec::new();
        }
        vec![format!(
            "{} was {} days behind; DAP keeps its changes for 30 days only, so run this pipeline more often",
            self.table,
            lag.as_hours() / 24
        )]
    }
}

/// A proof that does not hold fails the table by name.
pub(super) fn check(proof: &Proof) -> Result<(), HandlerError> {
    if proof.holds() {
        return Ok(());
    }
    let differences: Vec<_> = proof
        .differences
        .iter()
        .map(|it| {
            let keys = it.untold.clone().unwrap_or_else(|| it.keys.join(", "));
            format!("{:?}: delivered {}, found {} [{keys}]", it.kind, it.expected, it.found)
        })
        .collect();
    Err(HandlerError::Data(format!(
        "{} differs from what the source delivered: {}; somebody else may write to the table",
        proof.table,
        differences.join("; ")
    )))
}
