//! What goes on after its end.

use std::ops::{ControlFlow, Range};

use rusqlite::{Transaction, params};
use stepwell_machine::{Event, Limits, is_full_history};

use super::archive::{Archive, Direction, OPEN_EXECUTION, OpenExecution, open_execution};
use super::rows::{ExecutionId, MapRunId, RedriveRow};
use crate::error::StoreError;

/// An execution goes on: it has no end any more.
pub(super) fn write(
    transaction: &Transaction<'_>,
    execution: ExecutionId,
    row: &RedriveRow,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE execution SET redrives = ?2, redriven_at = ?3, map_attempt = ?4 WHERE id = ?1",
        )?
        .execute(params![execution.0, row.count, row.at.as_millisecond(), row.attempt])?;
    transaction
        .prepare_cached(
            "UPDATE execution_data SET output = NULL, error = NULL, cause = NULL
             WHERE execution = ?1",
        )?
        .execute([execution.0])
        .map(drop)
}

impl Archive {
    /// An execution, as [`open_execution`](Self::open_execution) gives it, whether it has ended or not.
    pub(crate) fn any_execution(&self, id: ExecutionId) -> Result<OpenExecution, StoreError> {
        let found = self.one(&format!("{OPEN_EXECUTION} WHERE id = ?1"), [id.0], open_execution)?;
        found.ok_or_else(|| self.damaged(format!("execution {} is missing", id.0)))
    }

    /// Children of a Map run that ended without success before its redrive number `attempt`, by their index.
    pub(crate) fn children_to_redrive(
        &self,
        map_run: MapRunId,
        attempt: u32,
        indexes: Range<u64>,
        limit: usize,
    ) -> Result<Vec<OpenExecution>, StoreError> {
        let sql = format!(
            "{OPEN_EXECUTION} WHERE map_run = ?1 AND map_attempt < ?2
                AND map_index >= ?3 AND map_index < ?4
                AND status IN ('FAILED', 'TIMED_OUT', 'ABORTED') ORDER BY map_index LIMIT ?5"
        );
        let Range { start, end } = indexes;
        // Larger than any index is as good as none.
        let end = i64::try_from(end).unwrap_or(i64::MAX);
        self.all(&sql, params![map_run, attempt, start, end, limit], open_execution)
    }

    /// Whether the history of an execution is too long for a redrive.
    pub(crate) fn has_full_history(&self, id: ExecutionId) -> Result<bool, StoreError> {
        let mut events = 0;
        self.rows(id.journal_rows(), Direction::Backward, |_, entries| {
            let last = entries.iter().rev().find_map(|entry| entry.id);
            events = last.unwrap_or_default();
            if last.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        // The limits stand at the other end of the journal, and seldom matter.
        if !is_full_history(Limits::Aws, events) {
            return Ok(false);
        }
        let mut limits = Limits::None;
        self.rows(id.journal_rows(), Direction::Forward, |_, entries| {
            if let Some(Event::ExecutionStarted { limits: found, .. }) =
                entries.first().map(|entry| &entry.event)
            {
                limits = *found;
            }
            ControlFlow::Break(())
        })?;
        Ok(is_full_history(limits, events))
    }
}
