//! The store: SQLite with one writer, and what is promised about it.
//!
//! [`Store`] is the only connection that writes, [`Archive`] reads. A commit is on disk when
//! [`Store::commit`] returns (write-ahead log, `synchronous=FULL`); a crash leaves either all of it or
//! nothing. Left to others: what is written when (the kernel), and who calls (the committer).

mod administration;
mod archive;
mod format;
mod lock;
mod maintenance;
mod map_runs;
mod private;
mod queries;
mod redrives;
mod rows;
mod schema;
mod tally;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::{Connection, ErrorCode, Transaction, params};

pub(crate) use archive::Direction;
pub use archive::{Archive, Found, Journal, OpenExecution};
pub use maintenance::RetentionCursor;
pub(crate) use map_runs::ChildData;
pub use map_runs::Counts;
pub(crate) use queries::{ChildOf, ExecutionRow, Place, Shown};
pub use rows::{
    ActivityRow, AliasRow, Birth, ChildRow, DefinitionId, DefinitionRow, End, ExecutionId,
    MapRunId, MapRunRow, Record, RedriveRow, Standing, StateMachineId, StateMachineRow, Turn,
    VersionRow,
};

use crate::error::StoreError;
use format::Encoder;
use lock::Lock;
use tally::Tally;

/// The writing side of a store. One per process and store.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// Pages in the write-ahead log, as of the last commit.
    wal_pages: Arc<AtomicU32>,
    encoder: Encoder,
    _lock: Lock,
}

/// How hard a commit is pressed onto the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Survives the loss of power: what production uses, always.
    Full,
    /// Survives the end of the process only. For the simulator, which loses its writes itself.
    ProcessOnly,
}

impl Store {
    /// Opens or creates a store, brings it to the newest format and locks out other processes.
    ///
    /// # Errors
    /// [`StoreError`], each telling what to do.
    pub fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        let lock = Lock::take(path)?;
        let classify = |source| StoreError::from_sqlite(path, source);
        // Where this fails, SQLite fails as well and says why.
        let _ = private::open(path);
        let mut connection = Connection::open(path).map_err(classify)?;
        schema::check(&connection, path)?;
        configure_writer(&connection, durability).map_err(classify)?;
        schema::migrate(&mut connection, path)?;
        let wal_pages = watch_wal(&mut connection).map_err(classify)?;
        Ok(Self {
            connection,
            path: path.into(),
            wal_pages,
            encoder: Encoder::default(),
            _lock: lock,
        })
    }

    /// Opens a reading connection to the same store.
    ///
    /// # Errors
    /// [`StoreError`] as from [`Archive::open`].
    pub fn archive(&self) -> Result<Archive, StoreError> {
        Archive::open(&self.path)
    }

    /// Writes all records in one transaction. When this returns, they are on disk; when it fails or never
    /// returns, none of them is, and the store must not be written again before it was opened anew.
    ///
    /// # Errors
    /// SQLite's, for instance that the disk is full.
    pub fn commit<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<(), StoreError> {
        let run = |connection: &mut Connection, encoder: &mut Encoder| {
            let transaction = connection.transaction()?;
            let mut tally = Tally::default();
            for record in records {
                write(&transaction, record, encoder, &mut tally)?;
            }
            tally.write(&transaction)?;
            transaction.commit()
        };
        run(&mut self.connection, &mut self.encoder)
            .map_err(|source| StoreError::from_sqlite(&self.path, source))
    }

    /// Pages in the write-ahead log, as of the last commit.
    pub fn wal_pages(&self) -> u32 {
        self.wal_pages.load(Ordering::Relaxed)
    }
}

fn configure_writer(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(
        None,
        "synchronous",
        match durability {
            Durability::Full => "FULL",
            Durability::ProcessOnly => "OFF",
        },
    )?;
    // The committer moves the log into the database when it is idle, not inside a commit.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// SQLite tells after each commit how long its log has grown.
fn watch_wal(connection: &mut Connection) -> rusqlite::Result<Arc<AtomicU32>> {
    let pages = Arc::new(AtomicU32::new(0));
    let told = Arc::clone(&pages);
    connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count: std::ffi::c_int| {
        told.store(count.try_into().unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }))?;
    Ok(pages)
}

fn write(
    transaction: &Transaction<'_>,
    record: &Record,
    encoder: &mut Encoder,
    tally: &mut Tally,
) -> rusqlite::Result<()> {
    match record {
        Record::StateMachine(row) => write_state_machine(transaction, row),
        Record::Definition(row) => write_definition(transaction, row),
        Record::Version(row) => administration::write_version(transaction, row),
        Record::VersionGone { state_machine, number } => {
            administration::remove_version(transaction, *state_machine, *number)
        }
        Record::Alias(row) => administration::write_alias(transaction, row),
        Record::AliasGone { state_machine, name } => {
            administration::remove_alias(transaction, *state_machine, name)
        }
        Record::Turn(turn) => write_turn(transaction, turn, encoder, tally),
        Record::Activity(row) => write_activity(transaction, row),
        Record::ActivityDeleted { id } => transaction
            .prepare_cached("DELETE FROM activity WHERE id = ?1")?
            .execute([id])
            .map(drop),
        Record::MapRun(row) => map_runs::write(transaction, row),
    }
}

fn write_activity(transaction: &Transaction<'_>, row: &ActivityRow) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO activity (id, name, created_at, tags) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            row.id,
            row.name,
            row.created_at.as_millisecond(),
            administration::to_json(&row.tags),
        ])
        .map(drop)
}

fn write_state_machine(
    transaction: &Transaction<'_>,
    row: &StateMachineRow,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO state_machine (id, name, status, definition, created_at,
                 last_version, tags)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            row.id,
            row.name,
            if row.deleted { "DELETED" } else { "ACTIVE" },
            row.definition,
            row.created_at.as_millisecond(),
            row.last_version,
            administration::to_json(&row.tags),
        ])
        .map(drop)
}

fn write_definition(transaction: &Transaction<'_>, row: &DefinitionRow) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO definition (id, state_machine, revision, text, role_arn, created_at,
                 settings, type)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            row.id,
            row.state_machine,
            row.revision,
            row.text,
            row.role_arn,
            row.created_at.as_millisecond(),
            administration::to_json(&row.settings),
            row.workflow.as_str(),
        ])
        .map(drop)
}

fn write_turn(
    transaction: &Transaction<'_>,
    turn: &Turn,
    encoder: &mut Encoder,
    tally: &mut Tally,
) -> rusqlite::Result<()> {
    tally.count(transaction, turn)?;
    match &turn.birth {
        Some(birth) => insert_execution(transaction, turn, birth)?,
        None => update_execution(transaction, turn)?,
    }
    if turn.entries.is_empty() {
        return Ok(());
    }
    let (format, entries) = encoder.encode(&turn.entries);
    transaction
        .prepare_cached(
            "INSERT INTO journal (id, first_seq, count, format, entries)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            turn.execution.journal_row(turn.batch),
            turn.first_seq,
            turn.entries.len(),
            format.0,
            entries,
        ])
        .map(drop)
}

fn insert_execution(
    transaction: &Transaction<'_>,
    turn: &Turn,
    birth: &Birth,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO execution (id, state_machine, definition, name, status, started_at,
                 stopped_at, next_wakeup, open_tasks, entries, map_run, map_index, map_items,
                 version, alias, map_attempt)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .execute(params![
            turn.execution.0,
            birth.state_machine,
            birth.definition,
            birth.name,
            turn.standing.status.as_str(),
            birth.started_at.as_millisecond(),
            stopped_at(turn),
            turn.standing.next_wakeup.map(jiff::Timestamp::as_millisecond),
            turn.standing.open_tasks,
            entry_count(turn),
            birth.child.map(|child| child.map_run),
            birth.child.map(|child| child.index),
            birth.child.map(|child| child.items),
            birth.version,
            birth.alias,
            birth.child.map_or(0, |child| child.attempt),
        ])?;
    let end = turn.end.as_ref();
    transaction
        .prepare_cached(
            "INSERT INTO execution_data (execution, input, output, error, cause)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            turn.execution.0,
            birth.input,
            end.and_then(|end| end.output.as_deref()),
            end.and_then(|end| end.error.as_deref()),
            end.and_then(|end| end.cause.as_deref()),
        ])
        .map(drop)
}

fn update_execution(transaction: &Transaction<'_>, turn: &Turn) -> rusqlite::Result<()> {
    let updated = transaction
        .prepare_cached(
            "UPDATE execution SET status = ?2, stopped_at = ?3, next_wakeup = ?4,
                 open_tasks = ?5, entries = ?6
             WHERE id = ?1",
        )?
        .execute(params![
            turn.execution.0,
            turn.standing.status.as_str(),
            stopped_at(turn),
            turn.standing.next_wakeup.map(jiff::Timestamp::as_millisecond),
            turn.standing.open_tasks,
            entry_count(turn),
        ])?;
    if updated != 1 {
        return Err(rusqlite::Error::StatementChangedRows(updated));
    }
    if let Some(redrive) = &turn.redrive {
        redrives::write(transaction, turn.execution, redrive)?;
    }
    let Some(end) = &turn.end else { return Ok(()) };
    transaction
        .prepare_cached(
            "UPDATE execution_data SET output = ?2, error = ?3, cause = ?4 WHERE execution = ?1",
        )?
        .execute(params![turn.execution.0, end.output, end.error, end.cause])
        .map(drop)
}

fn stopped_at(turn: &Turn) -> Option<i64> {
    turn.end.as_ref().map(|end| end.stopped_at.as_millisecond())
}

fn entry_count(turn: &Turn) -> i64 {
    turn.first_seq + turn.entries.len() as i64
}

impl StoreError {
    /// Tells damage from other failures.
    pub(crate) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged { path: path.into(), reason: source.to_string() }
            }
            Some(_) | None => Self::Sqlite { path: path.into(), source },
        }
    }
}
