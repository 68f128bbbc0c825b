//! Where a replica lives: one trait, PostgreSQL and SQLite behind it.
//!
//! Rows are first staged, chunk by chunk, each chunk durable together with its progress; then published in
//! one transaction together with the schema change they need and the table's cursor. A crash leaves either
//! staged rows to go on from or a published table, never anything in between.
//!
//! ```text
//! open_load -> Load { stage*, finish_part, checkpoint* } -> publish -> prove
//! ```
//!
//! Getting the rows is left to the DAP client, deciding when to [`checkpoint`](Load::checkpoint) to the
//! handlers.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::rows::{Batch, Place, TextSum};
use crate::schema::{Column, TableSchema};

mod conversion;
mod error;
mod evidence;
mod intake;
pub mod postgres;
mod quote;
mod slice;
pub mod sqlite;
mod staged;

pub use error::TargetError;
pub use slice::Slice;

/// How a PostgreSQL replica is laid out. SQLite has one layout of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Enumerations are text; the state lives in schema `stepwell`.
    #[default]
    Stepwell,
    /// The tables, types and state of the official client: either can go on where the other left off.
    Instructure,
}

/// Opens the target that a connection string names: `postgres://...` or `sqlite:canvas.db`. Connects
/// with the first use.
///
/// # Errors
/// [`TargetError::Config`] if the connection string cannot be read.
pub fn open(connection: &SecretString, layout: Layout) -> Result<Arc<dyn Target>, TargetError> {
    let text = connection.expose_secret();
    match text.split_once(':') {
        Some(("sqlite", path)) => {
            Ok(Arc::new(sqlite::SqliteTarget::new(path.trim_start_matches("//"))))
        }
        Some(("postgres" | "postgresql", _)) => {
            Ok(Arc::new(postgres::PostgresTarget::new(text, layout)?))
        }
        _ => Err(unknown_scheme()),
    }
}

fn unknown_scheme() -> TargetError {
    TargetError::Config(
        "a target begins with `postgres://` or `sqlite:`, for instance `sqlite:canvas.db`".into(),
    )
}

/// Looks whether a connection string can be read, without opening what it names.
///
/// # Errors
/// [`TargetError::Config`], which does not quote it.
pub fn check_form(connection: &str) -> Result<(), TargetError> {
    match connection.split_once(':') {
        Some(("sqlite", path)) if path.trim_start_matches("//").is_empty() => {
            Err(TargetError::Config("`sqlite:` names no file".into()))
        }
        Some(("sqlite", _)) => Ok(()),
        Some(("postgres" | "postgresql", _)) => {
            Ok(stepwell_pipeline::postgres::check_form(connection)?)
        }
        _ => Err(unknown_scheme()),
    }
}

/// Whether a connection string holds a password.
pub(crate) fn holds_password(connection: &str) -> bool {
    !connection.starts_with("sqlite:") && stepwell_pipeline::postgres::holds_password(connection)
}

/// A database that holds replicas.
#[async_trait]
pub trait Target: Send + Sync {
    /// Looks whether the database can be reached and written to, and creates the state tables where they
    /// are missing. Safe to repeat.
    ///
    /// # Errors
    /// [`TargetError`] with the next step.
    async fn check(&self) -> Result<(), TargetError>;

    /// What is known of a replicated table. `None` if it was never published here.
    ///
    /// # Errors
    /// [`TargetError`]
    async fn state(&self, table: &TableName) -> Result<Option<TableState>, TargetError>;

    /// Opens the load of one job's result. What the same job staged before is kept, what another job
    /// staged is discarded. Where the job was published already, the answer says so.
    ///
    /// # Errors
    /// [`TargetError::Occupied`] if a table is in the way that this target did not publish,
    /// [`TargetError::Locked`] if another load of the same table is open in PostgreSQL. In SQLite, where a lock
    /// would outlive its process, the open load fails so with its next step instead.
    async fn open_load(&self, request: LoadRequest) -> Result<OpenedLoad, TargetError>;

    /// Compares what the last published job delivered with what the table holds now, and keeps whether both
    /// agree: [`TableState::proof_due`]. Safe to repeat.
    ///
    /// A table that was delivered whole is read back in pieces, at least one of them in each slice; how far it
    /// has come is kept beside the table. What comes out holds for the moment of the last piece: where
    /// somebody else changes the table in between, it is read again from the beginning. An increment is compared
    /// in one piece, as it was merged. A table that was changed again and again is read to its end whatever the
    /// slice: nothing comes in between there.
    ///
    /// With a `job` given, what is proven is what that job delivered, or nothing.
    ///
    /// # Errors
    /// [`TargetError::Gap`] if another job was published last; [`TargetError`]. A difference is no error but part
    /// of the [`Proof`].
    async fn prove_within(
        &self,
        slice: &Slice,
        table: &TableName,
        job: Option<&str>,
    ) -> Result<Proving, TargetError>;

    /// [`prove_within`](Self::prove_within) all the time it takes.
    ///
    /// # Errors
    /// As there.
    async fn prove(&self, table: &TableName) -> Result<Proof, TargetError> {
        loop {
            let proving = self.prove_within(&Slice::endless(), table, None).await?;
            if let Proving::Complete(proof) = proving {
                return Ok(proof);
            }
        }
    }
}

/// The load of one job's result into one table.
///
/// Dropping it at any point is safe: what was not checkpointed is delivered again.
#[async_trait]
pub trait Load: Send {
    /// How far a part is staged. Its first [`rows`](PartProgress::rows) rows must be passed over.
    fn progress(&self, part: &str) -> PartProgress;

    /// Stages rows of a part, in the order of delivery. Durable with the next checkpoint.
    ///
    /// # Errors
    /// [`TargetError`]; the load must then be dropped and opened again.
    async fn stage(&mut self, part: &str, batch: Batch) -> Result<(), TargetError>;

    /// Says where reading the part can be taken up once the rows that are staged next are durable, if not where it
    /// could before, and what the text from there to the end of these rows, or beyond, is. Durable with them.
    fn mark(&mut self, part: &str, mark: Option<Mark>, unverified: TextSum);

    /// Discards what was staged of a part, checkpointed or not: its file proved to be damaged (gzip checksum)
    /// after some of its rows were staged. Its progress is zero again. Durable with the next checkpoint.
    ///
    /// # Errors
    /// [`TargetError`]; the load must then be dropped and opened again.
    async fn discard_part(&mut self, part: &str) -> Result<(), TargetError>;

    /// All of the part was staged. Durable with the next checkpoint.
    fn finish_part(&mut self, part: &str);

    /// Makes what was staged durable together with the progress, in one transaction.
    ///
    /// # Errors
    /// [`TargetError`]; the load must then be dropped and opened again.
    async fn checkpoint(&mut self) -> Result<(), TargetError>;

    /// Publishes all that was staged: the table changes together with its schema and its cursor in one
    /// transaction. The caller must have staged every part of the job.
    ///
    /// # Errors
    /// [`TargetError`]; nothing is published then, and what was checkpointed is still there.
    async fn publish(self: Box<Self>) -> Result<Published, TargetError>;
}

/// What [`Target::open_load`] found.
pub enum OpenedLoad {
    /// Rows can be staged.
    Staging(Box<dyn Load>),
    /// This very job was published before: only the answer was lost.
    Published(Published),
}

/// A table and its namespace.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct TableName {
    /// For instance `canvas`.
    pub namespace: String,
    /// For instance `users`.
    pub table: String,
}

impl TableName {
    /// The table of a schema.
    pub fn of(schema: &TableSchema) -> Self {
        Self { namespace: schema.namespace.clone(), table: schema.table.clone() }
    }

    /// True where DAP has the rows of the last 30 days only: older ones are nowhere but in the replica.
    ///
    /// Source: the limits of DAP, for `canvas_logs`.
    pub fn is_log(&self) -> bool {
        self.namespace == "canvas_logs"
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.namespace, self.table)
    }
}

/// What is known of a replicated table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableState {
    /// `at` of the snapshot or `until` of the last increment: the next `since`.
    pub cursor: Timestamp,
    /// The schema version that the table has now.
    pub schema_version: i64,
    /// How many rows it had when it was published last, if that was by us.
    pub rows: Option<u64>,
    /// The columns that it then had from the source. Empty where that cannot be told.
    pub columns: Vec<String>,
    /// Those of them that increments have filled in changed rows only.
    pub unfilled: Vec<String>,
    /// What was published last is not known to be right: it was never proven, or the proof did not hold.
    pub proof_due: bool,
}

impl TableState {
    /// The columns that are [`unfilled`](Self::unfilled) once an increment with this schema is merged: a new
    /// column, unless a default that it can hold stands in the rows that are there or there are none.
    pub fn unfilled_under(&self, schema: &TableSchema) -> Vec<String> {
        let is_new = |column: &Column| {
            let known = self.columns.is_empty() || self.columns.contains(&column.name);
            !known && !postgres::holds_default(column) && self.rows != Some(0)
        };
        let is_unfilled = |column: &&Column| self.unfilled.contains(&column.name) || is_new(column);
        schema.columns.iter().filter(is_unfilled).map(|column| column.name.clone()).collect()
    }

    /// Whether both stand at the same cursor and schema version.
    pub(crate) fn is_as_current_as(&self, other: &Self) -> bool {
        (self.cursor, self.schema_version) == (other.cursor, other.schema_version)
    }
}

/// One job's result on its way into a table.
#[derive(Debug, Clone)]
pub struct LoadRequest {
    /// The schema of the delivered rows.
    pub schema: TableSchema,
    /// The DAP job that delivers them. Staged rows of another job are discarded.
    pub job_id: String,
    /// Snapshot or increment.
    pub kind: LoadKind,
}

impl LoadRequest {
    /// Whether the rows become all of the table, so that others go. `first` says that there is no table yet.
    ///
    /// Of logs a snapshot is only the recent part, which is merged into what the replica has.
    fn replaces(&self, first: bool) -> bool {
        let recent_only = TableName::of(&self.schema).is_log();
        self.kind.is_whole() && (first || !recent_only)
    }

    /// The table's cursor once the load is published. Cut to the microsecond, which is what databases keep:
    /// rounded up, the next increment could begin after a change.
    pub fn cursor(&self) -> Timestamp {
        let cursor = match self.kind {
            LoadKind::Snapshot { at } => at,
            LoadKind::Increment { until, .. } => until,
        };
        Timestamp::from_microsecond(cursor.as_microsecond()).unwrap_or(cursor)
    }
}

/// What the rows are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadKind {
    /// The whole table as of `at`: replaces what is there.
    Snapshot {
        /// The new cursor.
        at: Timestamp,
    },
    /// Upserts and deletes: merged.
    Increment {
        /// The old cursor.
        since: Timestamp,
        /// The new cursor.
        until: Timestamp,
    },
}

impl LoadKind {
    /// Whether all rows are delivered, not only those that changed.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Snapshot { .. })
    }
}

/// How far one part (object) of a job is staged.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct PartProgress {
    /// Rows staged.
    pub rows: u64,
    /// All of the part is staged.
    pub complete: bool,
    /// Where reading it can be taken up, at or before the last of these rows. None: at its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Mark>,
    /// The text from there to the last of these rows, or beyond: the checksum behind it was not seen yet, so it has to
    /// come again. None: nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unverified: Option<TextSum>,
}

/// Where reading a part can be taken up: the beginning of a gzip member.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mark {
    /// Names the content of the file: what was staged is of no other.
    pub etag: String,
    /// Compressed bytes before it.
    pub offset: u64,
    /// The same place in the text. None at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What publishing changed.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Published {
    /// Rows in the table now.
    pub rows: u64,
    /// Rows that were not there before.
    pub inserted: u64,
    /// Rows that were there before and were delivered again.
    pub updated: u64,
    /// Rows that are gone.
    pub deleted: u64,
    /// Delivered rows that another row with the same key and a later `meta.ts` replaced.
    pub superseded: u64,
    /// What changed in the table's shape, one sentence each.
    pub schema_changes: Vec<String>,
    /// How many values the target cannot hold as they are. None is silently changed: the originals are
    /// kept beside the table.
    pub altered_total: u64,
    /// The first of them.
    pub altered: Vec<AlteredValue>,
}

impl Published {
    /// Tells what an earlier load of the same run changed as well.
    pub(crate) fn follow(&mut self, earlier: &Self) {
        self.inserted += earlier.inserted;
        self.deleted += earlier.deleted;
        self.superseded += earlier.superseded;
        self.schema_changes.splice(..0, earlier.schema_changes.iter().cloned());
    }
}

/// A value that the target could not hold as it was delivered.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AlteredValue {
    /// The row's key.
    pub key: String,
    /// The column.
    pub column: String,
    /// Why, and what is stored instead.
    pub reason: String,
}

/// How far a proof has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Proving {
    /// The comparison is made.
    Complete(Proof),
    /// The slice is over; the next one goes on where this one left off.
    Paused {
        /// Rows read so far.
        rows: u64,
    },
}

/// What the comparison of source and target said.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Proof {
    /// The compared table, for instance `canvas.users`.
    pub table: String,
    /// Rows in the table.
    pub rows: u64,
    /// Rows that were compared value by value: all after a snapshot, the delivered ones after an increment.
    pub compared: u64,
    /// Empty if source and target agree.
    pub differences: Vec<Difference>,
}

impl Proof {
    /// True if source and target agree.
    pub fn holds(&self) -> bool {
        self.differences.is_empty()
    }
}

/// One way in which the target differs from what was delivered.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Difference {
    /// What was compared.
    pub kind: DifferenceKind,
    /// What the source delivered: a count, or a checksum in hexadecimal.
    pub expected: String,
    /// What the target holds.
    pub found: String,
    /// Some keys of differing rows, where they can be told. After a snapshot each with what is wrong with it:
    /// `17 (missing)`, `18 (changed)`, `19 (not delivered)`.
    pub keys: Vec<String>,
    /// Why no key is told, where none is though rows differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<String>,
}

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// How many rows there are.
    RowCount,
    /// Which keys there are.
    Keys,
    /// What the rows hold.
    Values,
    /// Delivered deletes that are still there.
    Deletes,
}

/// True where the source may deliver a key more than once in one set. Then `meta.ts` decides which row
/// counts, and has to be staged with it.
///
/// Source: DAP delivers `canvas_logs` at least once; in all other namespaces keys are unique in a set.
fn keys_may_repeat(schema: &TableSchema) -> bool {
    TableName::of(schema).is_log()
}

/// An increment must begin where the table ends. It may begin earlier: upserts and deletes repeat harmlessly.
fn check_fits(
    request: &LoadRequest,
    table: &TableName,
    state: Option<TableState>,
) -> Result<(), TargetError> {
    let LoadKind::Increment { since, .. } = request.kind else { return Ok(()) };
    let cause = match state {
        None => "the table has no snapshot yet; load one first".to_owned(),
        Some(state) if since > state.cursor => format!(
            "it begins at {since}, but the table ends at {}; ask for the changes since then",
            state.cursor
        ),
        Some(_) => return Ok(()),
    };
    Err(TargetError::Gap { table: table.clone(), cause })
}

/// The rows of a part are not told apart from those of others once they are staged. A damaged file is rare
/// enough to begin the load anew for it.
fn damaged_part(part: &str) -> TargetError {
    TargetError::Transient(format!(
        "part {part} proved to be damaged after some of its rows were staged; the load begins anew"
    ))
}
