//! What people ask: lists, descriptions and histories, page by page.

use std::ops::ControlFlow;

use jiff::Timestamp;
use rusqlite::{Row, params};
use stepwell_machine::Entry;

use super::archive::{Archive, Direction, optional_timestamp, status, timestamp};
use super::rows::{DefinitionRow, ExecutionId, StateMachineId, StateMachineRow};
use crate::arn::Qualifier;
use crate::error::StoreError;
use crate::record::Status;

/// An execution with the names that its ARN is made of.
#[derive(Debug)]
pub(crate) struct ExecutionRow {
    pub(crate) id: ExecutionId,
    pub(crate) state_machine: String,
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) started_at: Timestamp,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) child: Option<ChildOf>,
    pub(crate) version: Option<i64>,
    pub(crate) alias: Option<String>,
    pub(crate) redrives: u32,
    pub(crate) redriven_at: Option<Timestamp>,
    /// The state machine was deleted.
    pub(crate) is_deleting: bool,
    /// The redrive of its Map run has yet to come to it.
    pub(crate) is_pending_redrive: bool,
}

/// Which executions are shown; nothing stands for all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shown {
    pub(crate) status: Option<Status>,
    /// Those that were redriven, or the others.
    pub(crate) redriven: Option<bool>,
    /// Children that are to be redriven: their status is not what it was.
    pub(crate) pending_redrive: bool,
}

impl Shown {
    pub(super) fn is_pending_redrive(self) -> Option<bool> {
        (self.pending_redrive || self.status.is_some()).then_some(self.pending_redrive)
    }
}

/// The Map run that started an execution.
#[derive(Debug)]
pub(crate) struct ChildOf {
    pub(crate) label: String,
    pub(crate) uuid: String,
    pub(crate) items: u64,
    pub(crate) index: u64,
}

/// The larger part of an execution, which only a description shows.
#[derive(Debug)]
pub(crate) struct ExecutionData {
    pub(crate) input: String,
    pub(crate) output: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) revision: i64,
}

/// A place in a journal: the number of a batch and an index in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) batch: i64,
    pub(crate) index: usize,
}

pub(super) const EXECUTION: &str = "SELECT execution.id, state_machine.name, execution.name,
        execution.status, execution.started_at, execution.stopped_at,
        map_run.label, map_run.uuid, execution.map_items, execution.map_index,
        execution.version, execution.alias, execution.redrives, execution.redriven_at,
        state_machine.status = 'DELETED',
        coalesce(map_run.status = 'RUNNING' AND execution.map_attempt < map_run.redrives
            AND execution.status IN ('FAILED', 'TIMED_OUT', 'ABORTED'), 0) AS is_pending_redrive
    FROM execution JOIN state_machine ON state_machine.id = execution.state_machine
    LEFT JOIN map_run ON map_run.id = execution.map_run";

/// What is selected by it.
pub(super) const EXECUTION_COLUMNS: usize = 16;

impl Archive {
    pub(crate) fn state_machine(&self, name: &str) -> Result<Option<StateMachineRow>, StoreError> {
        let found = self.state_machines()?;
        Ok(found.into_iter().find(|row| row.name == name && !row.deleted))
    }

    /// The state machine of an execution and the revision that it was started with.
    pub(crate) fn pinned(
        &self,
        id: ExecutionId,
    ) -> Result<(StateMachineRow, DefinitionRow), StoreError> {
        let sql = "SELECT definition FROM execution WHERE id = ?1";
        let definition = self.one(sql, [id.0], |row| row.get(0))?;
        let definition = self.definition(definition.unwrap_or_default())?;
        let machines = self.state_machines()?;
        let machine = machines.into_iter().find(|row| row.id == definition.state_machine);
        let machine = machine.ok_or_else(|| self.damaged("a state machine is missing".to_owned()));
        Ok((machine?, definition))
    }

    pub(crate) fn execution(
        &self,
        state_machine: &str,
        name: &str,
    ) -> Result<Option<ExecutionRow>, StoreError> {
        let sql = format!("{EXECUTION} WHERE state_machine.name = ?1 AND execution.name = ?2");
        self.one(&sql, [state_machine, name], execution_row)
    }

    pub(crate) fn execution_data(&self, id: ExecutionId) -> Result<ExecutionData, StoreError> {
        let sql = "SELECT input, output, error, cause, revision
             FROM execution_data
             JOIN execution ON execution.id = execution_data.execution
             JOIN definition ON definition.id = execution.definition
             WHERE execution_data.execution = ?1";
        let found = self.one(sql, [id.0], |row| {
            Ok(ExecutionData {
                input: row.get(0)?,
                output: row.get(1)?,
                error: row.get(2)?,
                cause: row.get(3)?,
                revision: row.get(4)?,
            })
        })?;
        found.ok_or_else(|| self.damaged(format!("the data of execution {} is missing", id.0)))
    }

    /// Executions with ids below `before`, newest first.
    ///
    /// The index is by status and state machine, so that a list of all executions of one state machine is
    /// merged from one list per status: no sort, whatever the number of executions.
    ///
    /// A state machine that was deleted and created again counts its versions anew: what the old ones started is not
    /// listed by the new ones.
    pub(crate) fn executions(
        &self,
        state_machine: Option<(StateMachineId, Option<&Qualifier>)>,
        shown: Shown,
        before: ExecutionId,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        let Some((state_machine, by)) = state_machine else {
            return self.executions_of_all(shown, before, limit);
        };
        let sql = format!(
            "{EXECUTION} WHERE execution.status = ?1 AND execution.state_machine = ?2
                AND execution.map_run IS NULL AND execution.id < ?3
                AND (?5 IS NULL OR execution.version = ?5)
                AND (?6 IS NULL OR execution.alias = ?6)
                AND (?7 IS NULL OR (execution.redrives > 0) = ?7)
                AND (?5 IS NULL AND ?6 IS NULL
                     OR execution.started_at >= state_machine.created_at)
             ORDER BY execution.id DESC LIMIT ?4"
        );
        let mut found = Vec::new();
        let wanted = |one: &Status| shown.status.is_none_or(|it| it == *one);
        for status in Status::ALL.into_iter().filter(wanted) {
            let (version, alias) = (by.and_then(Qualifier::version), by.and_then(Qualifier::alias));
            let status = status.as_str();
            let params =
                params![status, state_machine, before.0, limit, version, alias, shown.redriven];
            found.extend(self.all(&sql, params, execution_row)?);
        }
        found.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
        found.truncate(limit);
        Ok(found)
    }

    fn executions_of_all(
        &self,
        shown: Shown,
        before: ExecutionId,
        limit: usize,
    ) -> Result<Vec<ExecutionRow>, StoreError> {
        let sql = format!(
            "{EXECUTION} WHERE (?1 IS NULL OR +execution.status = ?1)
                AND execution.map_run IS NULL AND execution.id < ?2
                AND (?4 IS NULL OR (execution.redrives > 0) = ?4)
             ORDER BY execution.id DESC LIMIT ?3"
        );
        let status = shown.status.map(Status::as_str);
        self.all(&sql, params![status, before.0, limit, shown.redriven], execution_row)
    }

    /// Shows the entries of an execution to `take`, from a place on (or backward from it) until it refuses
    /// one, and gives the place of that one.
    pub(crate) fn entries(
        &self,
        id: ExecutionId,
        from: Option<Place>,
        direction: Direction,
        mut take: impl FnMut(&Entry) -> bool,
    ) -> Result<Option<Place>, StoreError> {
        let (first, last) = id.journal_rows();
        let edge = from.map(|place| id.journal_row(place.batch));
        let range = match direction {
            Direction::Forward => (edge.unwrap_or(first), last),
            Direction::Backward => (first, edge.unwrap_or(last)),
        };
        let mut refused = None;
        self.rows(range, direction, |batch, entries| {
            let start = from.filter(|place| place.batch == batch).map(|place| place.index);
            let index = first_refused(&entries, start, direction, &mut take);
            refused = index.map(|index| Place { batch, index });
            if refused.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(refused)
    }
}

/// The index of the first entry that `take` refuses, walking from `start`.
fn first_refused(
    entries: &[Entry],
    start: Option<usize>,
    direction: Direction,
    take: &mut impl FnMut(&Entry) -> bool,
) -> Option<usize> {
    let refuses = |index: &usize| !take(&entries[*index]);
    match direction {
        Direction::Forward => (start.unwrap_or(0)..entries.len()).find(refuses),
        Direction::Backward => {
            let end = start.map_or(entries.len(), |start| (start + 1).min(entries.len()));
            (0..end).rev().find(refuses)
        }
    }
}

pub(super) fn execution_row(row: &Row<'_>) -> rusqlite::Result<ExecutionRow> {
    Ok(ExecutionRow {
        id: ExecutionId(row.get(0)?),
        state_machine: row.get(1)?,
        name: row.get(2)?,
        status: status(row, 3)?,
        started_at: timestamp(row, 4)?,
        stopped_at: optional_timestamp(row, 5)?,
        child: match row.get(6)? {
            None => None,
            Some(label) => {
                Some(ChildOf { label, uuid: row.get(7)?, items: row.get(8)?, index: row.get(9)? })
            }
        },
        version: row.get(10)?,
        alias: row.get(11)?,
        redrives: row.get(12)?,
        redriven_at: optional_timestamp(row, 13)?,
        is_deleting: row.get(14)?,
        is_pending_redrive: row.get(15)?,
    })
}
