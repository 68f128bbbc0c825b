//! What keeps a store small and safe: checkpoints of the write-ahead log, retention, backup.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::backup::Backup;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, Transaction, params};

use super::Store;
use super::archive::Archive;
use super::rows::ExecutionId;
use crate::error::StoreError;
use crate::limits::{RETENTION_EXECUTIONS_PER_STEP, RETENTION_ROWS_PER_STEP};

/// How far a pass of the retention job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionCursor {
    /// Executions above this id are still to be looked at.
    After(ExecutionId),
    /// Nothing is left to look at.
    Done,
}

impl RetentionCursor {
    /// The start of a pass.
    pub const START: Self = Self::After(ExecutionId(0));
}

impl Store {
    /// Moves the write-ahead log into the database, as far as readers allow.
    ///
    /// # Errors
    /// SQLite's, for instance that the disk is full.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.connection
            .wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE)
            .map(|_| self.wal_pages.store(0, std::sync::atomic::Ordering::Relaxed))
            .map_err(|source| StoreError::from_sqlite(&self.path, source))
    }

    /// Lets the database grow no further than it is, or lets it grow again. For the simulator: it is what a
    /// full disk looks like from here.
    ///
    /// # Errors
    /// SQLite's.
    pub fn fill_disk(&self, full: bool) -> Result<(), StoreError> {
        // SQLite takes the present size for the limit if the limit is smaller.
        let pages = if full { 1 } else { u32::MAX - 1 };
        self.connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .map_err(|source| StoreError::from_sqlite(&self.path, source))
    }

    /// Does one small step of a retention pass: deletes some of what ended before `cutoff`, and says how to
    /// go on. Safe to repeat and to break off anywhere.
    ///
    /// # Errors
    /// SQLite's.
    pub fn forget(
        &mut self,
        cutoff: Timestamp,
        cursor: RetentionCursor,
    ) -> Result<RetentionCursor, StoreError> {
        let RetentionCursor::After(after) = cursor else { return Ok(cursor) };
        let run = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            let next = forget_step(&transaction, cutoff, after)?;
            transaction.commit()?;
            Ok(next)
        };
        run(&mut self.connection).map_err(|source| StoreError::from_sqlite(&self.path, source))
    }
}

fn forget_step(
    transaction: &Transaction<'_>,
    cutoff: Timestamp,
    after: ExecutionId,
) -> rusqlite::Result<RetentionCursor> {
    // Ids count up in the order of starts: from the first execution that started after the cutoff on,
    // nothing can have ended before it.
    let looked_at: Vec<(ExecutionId, bool)> = transaction
        .prepare_cached(
            "SELECT id, stopped_at IS NOT NULL AND stopped_at < ?2 AND NOT EXISTS (
                 SELECT 1 FROM map_run WHERE map_run.id = execution.map_run) FROM execution
             WHERE id > ?1 AND started_at < ?2 ORDER BY id LIMIT ?3",
        )?
        .query_map(
            params![after.0, cutoff.as_millisecond(), RETENTION_EXECUTIONS_PER_STEP],
            |row| Ok((ExecutionId(row.get(0)?), row.get(1)?)),
        )?
        .collect::<rusqlite::Result<_>>()?;
    let mut rows_left = RETENTION_ROWS_PER_STEP;
    let mut done = after;
    for (id, expired) in &looked_at {
        if *expired && !forget_execution(transaction, *id, &mut rows_left)? {
            return Ok(RetentionCursor::After(done));
        }
        done = *id;
    }
    Ok(if looked_at.is_empty() { RetentionCursor::Done } else { RetentionCursor::After(done) })
}

/// Deletes an execution from the end of its journal on; false if the rows of this step ran out before.
fn forget_execution(
    transaction: &Transaction<'_>,
    id: ExecutionId,
    rows_left: &mut usize,
) -> rusqlite::Result<bool> {
    let (first, last) = id.journal_rows();
    let deleted = transaction
        .prepare_cached(
            "DELETE FROM journal WHERE id IN
                 (SELECT id FROM journal WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3)",
        )?
        .execute(params![first, last, *rows_left])?;
    *rows_left -= deleted;
    if *rows_left == 0 {
        return Ok(false);
    }
    transaction
        .prepare_cached("DELETE FROM execution_data WHERE execution = ?1")?
        .execute([id.0])?;
    transaction
        .prepare_cached(
            "DELETE FROM child_count WHERE map_run IN (SELECT id FROM map_run WHERE execution = ?1)",
        )?
        .execute([id.0])?;
    transaction.prepare_cached("DELETE FROM map_run WHERE execution = ?1")?.execute([id.0])?;
    transaction.prepare_cached("DELETE FROM execution WHERE id = ?1")?.execute([id.0])?;
    Ok(true)
}

impl Archive {
    /// Copies the store as it is now to a new file. Readers and the writer go on meanwhile.
    ///
    /// The copy is made under another name and takes its own when it is whole.
    ///
    /// # Errors
    /// [`StoreError::Exists`], or SQLite's.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(StoreError::Exists { path: to.into() });
        }
        let partial = partial_path(to);
        let copied = self.copy_to(&partial).and_then(|()| {
            std::fs::rename(&partial, to)
                .map_err(|source| StoreError::Copy { path: to.into(), source })
        });
        if copied.is_err() {
            // The copy failed already; that its rest cannot be removed either adds nothing.
            let _ = std::fs::remove_file(&partial);
        }
        copied
    }

    /// In one step: a copy in several would start over whenever the writer commits between two of them.
    fn copy_to(&self, partial: &Path) -> Result<(), StoreError> {
        const ALL_PAGES: i32 = -1;
        let copy = || -> rusqlite::Result<()> {
            // Where this fails, SQLite fails as well and says why.
            let _ = super::private::open(partial);
            let mut target = Connection::open(partial)?;
            Backup::new(&self.connection, &mut target)?.step(ALL_PAGES)?;
            // The copy inherits the mode of the original; without a log beside it, it is one file.
            target.pragma_update(None, "journal_mode", "DELETE")?;
            target.close().map_err(|(_, error)| error)
        };
        copy().map_err(|source| StoreError::from_sqlite(partial, source))
    }
}

fn partial_path(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
