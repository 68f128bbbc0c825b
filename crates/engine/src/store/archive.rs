//! The reading side of a store, as the engine itself needs it: names that are taken, journals to fold,
//! definitions to parse, and what was open when the last process ended.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use stepwell_asl::WorkflowType;
use stepwell_machine::Entry;

use super::administration::from_json;
use super::format::{self, EntryFormat};
use super::rows::{
    ActivityRow, ChildRow, DefinitionId, DefinitionRow, ExecutionId, StateMachineId,
    StateMachineRow,
};
use super::schema;
use crate::error::StoreError;
use crate::record::Status;

/// A reading connection. It sees what is committed when a call begins.
#[derive(Debug)]
pub struct Archive {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

/// An execution with a certain name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct Found {
    pub id: ExecutionId,
    pub status: Status,
    pub started_at: Timestamp,
    pub stopped_at: Option<Timestamp>,
    pub label: Option<String>,
}

/// An execution that has not ended, or goes on: what is known of it without reading its journal.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct OpenExecution {
    pub id: ExecutionId,
    pub state_machine: StateMachineId,
    pub definition: DefinitionId,
    pub name: String,
    pub started_at: Timestamp,
    pub next_wakeup: Option<Timestamp>,
    pub open_tasks: usize,
    pub entries: usize,
    pub child: Option<ChildRow>,
    pub status: Status,
    pub redrives: u32,
    pub redriven_at: Option<Timestamp>,
}

impl OpenExecution {
    /// Whether what happens to it is kept. A child of type EXPRESS has nothing but its row.
    pub fn has_journal(&self) -> bool {
        self.entries > 0
    }
}

/// What an execution was given and all that happened to it.
#[derive(Debug)]
#[expect(missing_docs, reason = "the columns are described in storage-format.md")]
pub struct Journal {
    pub input: String,
    pub entries: Vec<Entry>,
    /// The number of the next batch.
    pub next_batch: i64,
}

pub(super) const OPEN_EXECUTION: &str = "SELECT id, state_machine, definition, name, started_at,
        next_wakeup, open_tasks, entries, map_run, map_index, map_items, map_attempt, status,
        redrives, redriven_at
    FROM execution";

impl Archive {
    /// Opens an existing store for reading.
    ///
    /// # Errors
    /// [`StoreError`] if there is none, or it is damaged or newer than this program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing { path: path.into() });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|source| StoreError::from_sqlite(path, source))?;
        schema::check(&connection, path)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(Self { connection, path: path.into() })
    }

    /// Where the store is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens one more connection to the same store.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn reopen(&self) -> Result<Self, StoreError> {
        Self::open(&self.path)
    }

    /// All state machines, deleted ones included.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn state_machines(&self) -> Result<Vec<StateMachineRow>, StoreError> {
        let sql = "SELECT id, name, status, definition, created_at, last_version, tags
                   FROM state_machine";
        self.all(sql, [], |row| {
            Ok(StateMachineRow {
                id: row.get(0)?,
                name: row.get(1)?,
                deleted: row.get_ref(2)?.as_str()? == "DELETED",
                definition: row.get(3)?,
                created_at: timestamp(row, 4)?,
                last_version: row.get(5)?,
                tags: from_json(row, 6)?,
            })
        })
    }

    /// All activities.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn activities(&self) -> Result<Vec<ActivityRow>, StoreError> {
        self.all("SELECT id, name, created_at, tags FROM activity", [], |row| {
            Ok(ActivityRow {
                id: row.get(0)?,
                name: row.get(1)?,
                created_at: timestamp(row, 2)?,
                tags: from_json(row, 3)?,
            })
        })
    }

    /// One revision of a definition.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read or lacks it.
    pub fn definition(&self, id: DefinitionId) -> Result<DefinitionRow, StoreError> {
        let sql = "SELECT id, state_machine, revision, text, role_arn, created_at, settings, type
                   FROM definition WHERE id = ?1";
        let found = self.one(sql, [id], |row| {
            Ok(DefinitionRow {
                id: row.get(0)?,
                state_machine: row.get(1)?,
                revision: row.get(2)?,
                text: row.get(3)?,
                role_arn: row.get(4)?,
                created_at: timestamp(row, 5)?,
                settings: from_json(row, 6)?,
                workflow: spelled(row, 7)?,
            })
        })?;
        found.ok_or_else(|| self.damaged(format!("definition {id} is missing")))
    }

    /// The types of all revisions.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub(crate) fn workflow_types(&self) -> Result<HashMap<DefinitionId, WorkflowType>, StoreError> {
        let types = self.all("SELECT id, type FROM definition", [], |row| {
            Ok((row.get(0)?, spelled(row, 1)?))
        })?;
        Ok(types.into_iter().collect())
    }

    /// The highest ids of definitions and executions in use.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn highest_ids(&self) -> Result<(DefinitionId, ExecutionId), StoreError> {
        let sql = "SELECT coalesce((SELECT max(id) FROM definition), 0),
                          coalesce((SELECT max(id) FROM execution), 0)";
        let found = self.one(sql, [], |row| Ok((row.get(0)?, ExecutionId(row.get(1)?))))?;
        Ok(found.expect("a query of constants has a row"))
    }

    /// All executions that have not ended.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn open_executions(&self) -> Result<Vec<OpenExecution>, StoreError> {
        self.all(&format!("{OPEN_EXECUTION} WHERE status = 'RUNNING'"), [], open_execution)
    }

    /// One execution that has not ended.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read or lacks it.
    pub fn open_execution(&self, id: ExecutionId) -> Result<OpenExecution, StoreError> {
        let sql = format!("{OPEN_EXECUTION} WHERE status = 'RUNNING' AND id = ?1");
        let found = self.one(&sql, [id.0], open_execution)?;
        found.ok_or_else(|| self.damaged(format!("open execution {} is missing", id.0)))
    }

    /// The execution of a state machine with a name.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn find(
        &self,
        state_machine: StateMachineId,
        name: &str,
    ) -> Result<Option<Found>, StoreError> {
        let sql = "SELECT id, status, started_at, stopped_at,
                       (SELECT label FROM map_run WHERE map_run.id = execution.map_run)
                   FROM execution WHERE state_machine = ?1 AND name = ?2";
        self.one(sql, params![state_machine, name], |row| {
            Ok(Found {
                id: ExecutionId(row.get(0)?),
                status: status(row, 1)?,
                started_at: timestamp(row, 2)?,
                stopped_at: optional_timestamp(row, 3)?,
                label: row.get(4)?,
            })
        })
    }

    /// The input of an execution, as it was given.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read or lacks it.
    pub fn input(&self, id: ExecutionId) -> Result<String, StoreError> {
        let sql = "SELECT input FROM execution_data WHERE execution = ?1";
        let found = self.one(sql, [id.0], |row| row.get(0))?;
        found.ok_or_else(|| self.damaged(format!("the input of execution {} is missing", id.0)))
    }

    /// All that is recorded of an open execution, checked to be whole.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if something is missing or unreadable.
    pub fn journal(&self, open: &OpenExecution) -> Result<Journal, StoreError> {
        let mut journal = Journal {
            input: self.input(open.id)?,
            entries: Vec::with_capacity(open.entries),
            next_batch: 0,
        };
        self.rows(open.id.journal_rows(), Direction::Forward, |batch, entries| {
            journal.entries.extend(entries);
            journal.next_batch = batch + 1;
            ControlFlow::Continue(())
        })?;
        let (read, expected) = (journal.entries.len(), open.entries);
        if read != expected {
            let id = open.id.0;
            return Err(self.damaged(format!(
                "the journal of execution {id} has {read} entries instead of {expected}"
            )));
        }
        Ok(journal)
    }

    /// Shows the batches in a range of journal rows to `visit`, until it breaks.
    pub(super) fn rows(
        &self,
        (first, last): (i64, i64),
        direction: Direction,
        mut visit: impl FnMut(i64, Vec<Entry>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let classify = |source| StoreError::from_sqlite(&self.path, source);
        let mut statement = self.connection.prepare_cached(direction.sql()).map_err(classify)?;
        let mut rows = statement.query([first, last]).map_err(classify)?;
        while let Some(row) = rows.next().map_err(classify)? {
            let id = row.get(0).map_err(classify)?;
            let format = EntryFormat(row.get(1).map_err(classify)?);
            let bytes = row.get_ref(2).map_err(classify)?.as_blob().unwrap_or_default();
            let entries = format::decode(format, bytes)
                .map_err(|error| self.damaged(format!("journal row {id}: {error}")))?;
            if visit(ExecutionId::batch(id), entries).is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, read).optional())
            .map_err(|source| StoreError::from_sqlite(&self.path, source))
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, read)?.collect())
            .map_err(|source| StoreError::from_sqlite(&self.path, source))
    }

    pub(super) fn damaged(&self, reason: String) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), reason }
    }
}

/// Which way a journal is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

impl Direction {
    fn sql(self) -> &'static str {
        match self {
            Self::Forward => {
                "SELECT id, format, entries FROM journal WHERE id BETWEEN ?1 AND ?2 ORDER BY id"
            }
            Self::Backward => {
                "SELECT id, format, entries FROM journal WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC"
            }
        }
    }
}

pub(super) fn open_execution(row: &Row<'_>) -> rusqlite::Result<OpenExecution> {
    Ok(OpenExecution {
        id: ExecutionId(row.get(0)?),
        state_machine: row.get(1)?,
        definition: row.get(2)?,
        name: row.get(3)?,
        started_at: timestamp(row, 4)?,
        next_wakeup: optional_timestamp(row, 5)?,
        open_tasks: row.get(6)?,
        entries: row.get(7)?,
        child: match row.get(8)? {
            None => None,
            Some(map_run) => {
                let (index, items, attempt) = (row.get(9)?, row.get(10)?, row.get(11)?);
                Some(ChildRow { map_run, index, items, attempt })
            }
        },
        status: status(row, 12)?,
        redrives: row.get(13)?,
        redriven_at: optional_timestamp(row, 14)?,
    })
}

pub(super) fn timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    to_timestamp(row.get(column)?, column)
}

pub(super) fn optional_timestamp(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<Timestamp>> {
    let milliseconds: Option<i64> = row.get(column)?;
    milliseconds.map(|milliseconds| to_timestamp(milliseconds, column)).transpose()
}

fn to_timestamp(milliseconds: i64, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, milliseconds))
}

pub(super) fn status(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    spelled(row, column)
}

/// A text that stands for one of a few values.
fn spelled<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get_ref(column)?.as_str()?.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            rusqlite::types::Type::Text,
            Box::new(error),
        )
    })
}
