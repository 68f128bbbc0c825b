//! Map runs and their children.
//!
//! A child is an execution with a number. Children are committed in the order of their numbers, so that those on disk
//! are the first ones without a gap: how far the items were read, and what became of them, follows from how many children
//! there are in each status ([`super::tally`]).

use jiff::Timestamp;
use rusqlite::{Row, Transaction, params};
use stepwell_asl::model::StateId;
use stepwell_machine::Reason;

use super::archive::{Archive, optional_timestamp, status, timestamp};
use super::queries::{EXECUTION, EXECUTION_COLUMNS, ExecutionRow, Shown, execution_row};
use super::rows::{ExecutionId, MapRunId, MapRunRow};
use crate::error::StoreError;
use crate::record::Status;

/// How many there are in each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub struct Counts {
    pub running: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub aborted: u64,
    /// Those that ended without success before the last redrive of the Map run, which has yet to come to them.
    pub pending_redrive: u64,
}

impl Counts {
    /// Adds some in a status.
    pub(crate) fn add(&mut self, status: Status, count: u64) {
        *match status {
            Status::Running => &mut self.running,
            Status::Succeeded => &mut self.succeeded,
            Status::Failed => &mut self.failed,
            Status::TimedOut => &mut self.timed_out,
            Status::Aborted => &mut self.aborted,
        } += count;
    }

    /// Those that ended without success.
    pub(crate) fn unsuccessful(&self) -> u64 {
        self.failed + self.timed_out + self.aborted
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.running + self.succeeded + self.unsuccessful() + self.pending_redrive
    }
}

/// What is recorded of an ended child.
#[derive(Debug)]
pub(crate) struct ChildData {
    pub(crate) row: ExecutionRow,
    pub(crate) input: String,
    pub(crate) output: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

const MAP_RUN: &str = "SELECT id, execution, scheduled, definition, state, label, uuid, status,
        started_at, stopped_at, items, max_concurrency, tolerated_count, tolerated_percentage,
        redrives, redriven_at, error, cause
    FROM map_run";

pub(super) fn write(transaction: &Transaction<'_>, row: &MapRunRow) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO map_run (id, execution, scheduled, definition, state, label,
                 uuid, status, started_at, stopped_at, items, max_concurrency, tolerated_count,
                 tolerated_percentage, redrives, redriven_at, error, cause)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        )?
        .execute(params![
            row.id,
            row.execution.0,
            row.scheduled,
            row.definition,
            row.state.0,
            row.label,
            row.uuid,
            row.status.as_str(),
            row.started_at.as_millisecond(),
            row.stopped_at.map(Timestamp::as_millisecond),
            row.items,
            row.max_concurrency,
            row.tolerated_count,
            row.tolerated_percentage,
            row.redrives,
            row.redriven_at.map(Timestamp::as_millisecond),
            row.failure.as_ref().map(|reason| reason.error.as_deref().unwrap_or_default()),
            row.failure.as_ref().and_then(|reason| reason.cause.as_deref()),
        ])
        .map(drop)
}

impl Archive {
    /// The Map runs that have not ended.
    pub(crate) fn open_map_runs(&self) -> Result<Vec<MapRunRow>, StoreError> {
        self.all(&format!("{MAP_RUN} WHERE status = 'RUNNING' ORDER BY id"), [], map_run_row)
    }

    /// The highest id of a Map run in use. Children may be there longer than the row of their Map run.
    pub(crate) fn highest_map_run(&self) -> Result<MapRunId, StoreError> {
        let sql = "SELECT max(coalesce((SELECT max(id) FROM map_run), 0),
                          coalesce((SELECT max(map_run) FROM execution), 0))";
        let found = self.one(sql, [], |row| row.get(0))?;
        Ok(found.unwrap_or_default())
    }

    /// The Map run with this last part of its ARN.
    pub(crate) fn map_run(&self, uuid: &str) -> Result<Option<MapRunRow>, StoreError> {
        self.one(&format!("{MAP_RUN} WHERE uuid = ?1"), [uuid], map_run_row)
    }

    /// The Map runs of an execution with ids below `before`, newest first.
    pub(crate) fn map_runs(
        &self,
        execution: ExecutionId,
        before: MapRunId,
        limit: usize,
    ) -> Result<Vec<MapRunRow>, StoreError> {
        let sql = format!("{MAP_RUN} WHERE execution = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
        self.all(&sql, params![execution.0, before, limit], map_run_row)
    }

    /// How many children and items there are in each status.
    pub(crate) fn child_counts(&self, map_run: MapRunId) -> Result<(Counts, Counts), StoreError> {
        let sql = "SELECT child_count.status, executions, child_count.items,
                       map_run.status = 'RUNNING' AND attempt < map_run.redrives
                   FROM child_count JOIN map_run ON map_run.id = child_count.map_run
                   WHERE child_count.map_run = ?1";
        let rows: Vec<(Status, u64, u64, bool)> = self.all(sql, [map_run], |row| {
            Ok((status(row, 0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        let (mut executions, mut items) = (Counts::default(), Counts::default());
        for (status, count, item_count, is_old) in rows {
            if is_old && status.is_unsuccessful() {
                executions.pending_redrive += count;
                items.pending_redrive += item_count;
            } else {
                executions.add(status, count);
                items.add(status, item_count);
            }
        }
        Ok((executions, items))
    }

    /// Children of a Map run with indexes below `before`, newest first.
    pub(crate) fn children(
        &self,
        map_run: MapRunId,
        shown: Shown,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        let sql = format!(
            "{EXECUTION} WHERE execution.map_run = ?1 AND (?2 IS NULL OR execution.status = ?2)
                AND execution.map_index < ?3 AND (?5 IS NULL OR (execution.redrives > 0) = ?5)
                AND (?6 IS NULL OR is_pending_redrive = ?6)
             ORDER BY execution.map_index DESC LIMIT ?4"
        );
        let status = shown.status.map(Status::as_str);
        let params =
            params![map_run, status, before, limit, shown.redriven, shown.is_pending_redrive()];
        self.all(&sql, params, execution_row)
    }

    /// Children of a Map run with their data from an index on, in their order.
    pub(crate) fn child_data(
        &self,
        map_run: MapRunId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<ChildData>, StoreError> {
        let sql = format!(
            "{}{}",
            EXECUTION.replacen(
                "FROM execution",
                ", data.input, data.output, data.error, data.cause FROM execution",
                1
            ),
            " JOIN execution_data AS data ON data.execution = execution.id
              WHERE execution.map_run = ?1 AND execution.map_index >= ?2
              ORDER BY execution.map_index LIMIT ?3"
        );
        self.all(&sql, params![map_run, from, limit], |row| {
            Ok(ChildData {
                row: execution_row(row)?,
                input: row.get(EXECUTION_COLUMNS)?,
                output: row.get(EXECUTION_COLUMNS + 1)?,
                error: row.get(EXECUTION_COLUMNS + 2)?,
                cause: row.get(EXECUTION_COLUMNS + 3)?,
            })
        })
    }

    /// The state machine and the name of an execution.
    pub(crate) fn names(&self, id: ExecutionId) -> Result<Option<ExecutionRow>, StoreError> {
        self.one(&format!("{EXECUTION} WHERE execution.id = ?1"), [id.0], execution_row)
    }
}

fn map_run_row(row: &Row<'_>) -> rusqlite::Result<MapRunRow> {
    Ok(MapRunRow {
        id: row.get(0)?,
        execution: ExecutionId(row.get(1)?),
        scheduled: row.get(2)?,
        definition: row.get(3)?,
        state: StateId(row.get(4)?),
        label: row.get(5)?,
        uuid: row.get(6)?,
        status: status(row, 7)?,
        started_at: timestamp(row, 8)?,
        stopped_at: optional_timestamp(row, 9)?,
        items: row.get(10)?,
        max_concurrency: row.get(11)?,
        tolerated_count: row.get(12)?,
        tolerated_percentage: row.get(13)?,
        redrives: row.get(14)?,
        redriven_at: optional_timestamp(row, 15)?,
        failure: match row.get(16)? {
            None => None,
            error => Some(Reason { error, cause: row.get(17)? }),
        },
    })
}
