//! Reads a store, whether an engine runs on it or not: what the command line shows without a server.

use std::path::Path;

use serde_json::Value;

use crate::arn::Arns;
use crate::error::{Error, StoreError};
use crate::handle::ExecutionFilter;
use crate::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use crate::record::{
    ActivityRecord, ExecutionRecord, ExecutionSummary, MapRunRecord, MapRunSummary, Page, Paged,
    StateMachineRecord, StateMachineSummary, Status,
};
use crate::store::{
    Archive, Direction, ExecutionId, ExecutionRow, MapRunRow, Place, StateMachineRow,
};

/// A store opened for reading. Sees what is committed; never waits for the engine and never hinders it.
/// The methods are those of [`crate::Handle`] with the same names, blocking.
#[derive(Debug)]
pub struct Reader {
    archive: Archive,
    arns: Arns,
}

#[expect(missing_docs, clippy::missing_errors_doc, reason = "described at `Handle`")]
impl Reader {
    /// Opens an existing store.
    ///
    /// # Errors
    /// [`StoreError`] if there is none, or it is damaged or newer than this program.
    pub fn open(path: &Path, arns: Arns) -> Result<Self, StoreError> {
        Ok(Self::new(Archive::open(path)?, arns))
    }

    pub(crate) fn new(archive: Archive, arns: Arns) -> Self {
        Self { archive, arns }
    }

    pub(crate) fn arns(&self) -> &Arns {
        &self.arns
    }

    pub(crate) fn path(&self) -> &Path {
        self.archive.path()
    }

    pub fn describe_state_machine(&self, arn: &str) -> Result<StateMachineRecord, Error> {
        let row = self.state_machine(arn)?;
        let definition = self.archive.definition(row.definition)?;
        Ok(StateMachineRecord::new(&self.arns, &row, &definition))
    }

    pub fn describe_state_machine_for_execution(
        &self,
        execution_arn: &str,
    ) -> Result<StateMachineRecord, Error> {
        let execution = self.execution(execution_arn)?;
        let (row, definition) = self.archive.pinned(execution.id)?;
        Ok(StateMachineRecord::new(&self.arns, &row, &definition))
    }

    pub fn list_state_machines(&self, page: &Page) -> Result<Paged<StateMachineSummary>, Error> {
        let after = token(page, "m1-", |name| Some(name.to_owned()))?;
        let mut rows = self.archive.state_machines()?;
        rows.retain(|row| !row.deleted && after.as_ref().is_none_or(|after| row.name > *after));
        rows.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        let next = cut(&mut rows, page).map(|last| format!("m1-{}", last.name));
        let summary = |row: StateMachineRow| StateMachineSummary {
            arn: self.arns.state_machine(&row.name),
            name: row.name,
            created_at: row.created_at,
        };
        Ok(Paged { items: rows.into_iter().map(summary).collect(), next })
    }

    pub fn describe_execution(&self, arn: &str) -> Result<ExecutionRecord, Error> {
        let row = self.execution(arn)?;
        let data = self.archive.execution_data(row.id)?;
        Ok(ExecutionRecord {
            summary: self.summary(row),
            input: data.input,
            output: data.output,
            error: data.error,
            cause: data.cause,
            revision: data.revision,
        })
    }

    pub fn list_executions(
        &self,
        filter: &ExecutionFilter,
        page: &Page,
    ) -> Result<Paged<ExecutionSummary>, Error> {
        if let Some(map_run) = &filter.map_run_arn {
            return self.list_children(map_run, filter.status, page);
        }
        let before = token(page, "e1-", |id| id.parse().ok())?.unwrap_or(i64::MAX);
        let state_machine =
            filter.state_machine_arn.as_deref().map(|arn| self.state_machine(arn)).transpose()?;
        let mut rows = self.archive.executions(
            state_machine.map(|row| row.id),
            filter.status,
            ExecutionId(before),
            limit(page) + 1,
        )?;
        let next = cut(&mut rows, page).map(|last| format!("e1-{}", last.id.0));
        Ok(Paged { items: rows.into_iter().map(|row| self.summary(row)).collect(), next })
    }

    fn list_children(
        &self,
        map_run_arn: &str,
        status: Option<Status>,
        page: &Page,
    ) -> Result<Paged<ExecutionSummary>, Error> {
        let before = token(page, "c1-", |index| index.parse().ok())?.unwrap_or(i64::MAX);
        let map_run = self.map_run(map_run_arn)?;
        let mut rows = self.archive.children(map_run.id, status, before, limit(page) + 1)?;
        let next = cut(&mut rows, page).and_then(|last| last.child.as_ref());
        let next = next.map(|child| format!("c1-{}", child.index));
        Ok(Paged { items: rows.into_iter().map(|row| self.summary(row)).collect(), next })
    }

    pub fn describe_map_run(&self, arn: &str) -> Result<MapRunRecord, Error> {
        let row = self.map_run(arn)?;
        let (executions, items) = self.archive.child_counts(row.id)?;
        let is_running = row.status.is_running();
        let known = row.items.filter(|_| is_running).unwrap_or(0);
        Ok(MapRunRecord {
            status: row.status,
            max_concurrency: row.max_concurrency,
            tolerated_count: row.tolerated_count,
            tolerated_percentage: row.tolerated_percentage,
            executions,
            items,
            items_pending: known.saturating_sub(items.total()),
            summary: self.map_run_summary(&row)?,
        })
    }

    pub fn list_map_runs(
        &self,
        execution_arn: &str,
        page: &Page,
    ) -> Result<Paged<MapRunSummary>, Error> {
        let before = token(page, "r1-", |id| id.parse().ok())?.unwrap_or(i64::MAX);
        let execution = self.execution(execution_arn)?;
        let mut rows = self.archive.map_runs(execution.id, before, limit(page) + 1)?;
        let next = cut(&mut rows, page).map(|last| format!("r1-{}", last.id));
        let items = rows.iter().map(|row| self.map_run_summary(row));
        Ok(Paged { items: items.collect::<Result<_, _>>()?, next })
    }

    fn map_run(&self, arn: &str) -> Result<MapRunRow, Error> {
        let found = self.archive.map_run(self.arns.parse_map_run(arn)?)?;
        found.ok_or_else(|| Error::ResourceNotFound { arn: arn.to_owned() })
    }

    fn map_run_summary(&self, row: &MapRunRow) -> Result<MapRunSummary, Error> {
        let execution = self.archive.names(row.execution)?;
        let execution = execution.ok_or_else(|| Error::Store {
            reason: format!("the execution of Map run {} is missing", row.uuid),
        })?;
        let machine = execution.state_machine.clone();
        Ok(MapRunSummary {
            arn: self.arns.map_run(&machine, &row.label, &row.uuid),
            execution_arn: self.summary(execution).arn,
            state_machine_arn: self.arns.state_machine(&format!("{machine}/{}", row.label)),
            started_at: row.started_at,
            stopped_at: row.stopped_at,
        })
    }

    pub fn history(&self, arn: &str, reverse: bool, page: &Page) -> Result<Paged<Value>, Error> {
        let id = self.execution(arn)?.id;
        let direction = if reverse { Direction::Backward } else { Direction::Forward };
        let from = token(page, "h1-", place)?;
        let mut items = Vec::new();
        let refused = self.archive.entries(id, from, direction, |entry| {
            let is_full = items.len() >= limit(page);
            if !is_full {
                items.extend(entry.to_history_event());
            }
            !is_full
        })?;
        let next = refused.map(|place| format!("h1-{}-{}", place.batch, place.index));
        Ok(Paged { items, next })
    }

    pub fn describe_activity(&self, arn: &str) -> Result<ActivityRecord, Error> {
        let name = self.arns.parse_activity(arn)?;
        let rows = self.archive.activities()?;
        let found = rows.iter().find(|row| name == Some(row.name.as_str()));
        let found = found.map(|row| ActivityRecord::new(&self.arns, row));
        found.ok_or_else(|| Error::ActivityDoesNotExist { arn: arn.to_owned() })
    }

    pub fn list_activities(&self, page: &Page) -> Result<Paged<ActivityRecord>, Error> {
        let after = token(page, "a1-", |name| Some(name.to_owned()))?;
        let mut rows = self.archive.activities()?;
        rows.retain(|row| after.as_ref().is_none_or(|after| row.name > *after));
        rows.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        let next = cut(&mut rows, page).map(|last| format!("a1-{}", last.name));
        let items = rows.iter().map(|row| ActivityRecord::new(&self.arns, row)).collect();
        Ok(Paged { items, next })
    }

    /// Copies the store; see [`crate::Handle::backup`].
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.archive.backup(to)
    }

    fn state_machine(&self, arn: &str) -> Result<StateMachineRow, Error> {
        let found = self.archive.state_machine(self.arns.parse_state_machine(arn)?)?;
        found.ok_or_else(|| Error::StateMachineDoesNotExist { arn: arn.to_owned() })
    }

    fn execution(&self, arn: &str) -> Result<ExecutionRow, Error> {
        let (state_machine, name) = self.arns.parse_execution(arn)?;
        let found = self.archive.execution(state_machine, name)?;
        // A child is found by the name of its state machine, and has a label besides.
        let found = found.filter(|row| self.arns.execution(&machine_name(row), &row.name) == arn);
        found.ok_or_else(|| Error::ExecutionDoesNotExist { arn: arn.to_owned() })
    }

    fn summary(&self, row: ExecutionRow) -> ExecutionSummary {
        let machine = machine_name(&row);
        let child_of = row.child.as_ref().map(|child| {
            (self.arns.map_run(&row.state_machine, &child.label, &child.uuid), child.items)
        });
        ExecutionSummary {
            arn: self.arns.execution(&machine, &row.name),
            state_machine_arn: self.arns.state_machine(&machine),
            name: row.name,
            status: row.status,
            started_at: row.started_at,
            stopped_at: row.stopped_at,
            child_of,
        }
    }
}

/// The name of the state machine in the ARN of an execution: with a label, if it is a child.
fn machine_name(row: &ExecutionRow) -> String {
    match &row.child {
        Some(child) => format!("{}/{}", row.state_machine, child.label),
        None => row.state_machine.clone(),
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store { reason: stepwell_task::in_one_line(&error) }
    }
}

fn limit(page: &Page) -> usize {
    if page.limit == 0 { PAGE_ITEMS_DEFAULT } else { page.limit.min(PAGE_ITEMS_MAX) }
}

/// Cuts rows down to a page; the last row of the page, if more follow it.
fn cut<'a, T>(rows: &'a mut Vec<T>, page: &Page) -> Option<&'a T> {
    let limit = limit(page);
    let more = rows.len() > limit;
    rows.truncate(limit);
    if more { rows.last() } else { None }
}

/// Reads the token of a page; `prefix` tells the kind of list and the version of the token.
fn token<T>(
    page: &Page,
    prefix: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Error> {
    let Some(token) = &page.token else { return Ok(None) };
    let place = token.strip_prefix(prefix).and_then(read);
    place.map(Some).ok_or_else(|| Error::InvalidToken { token: token.clone() })
}

fn place(text: &str) -> Option<Place> {
    let (batch, index) = text.split_once('-')?;
    let (batch, index) = (batch.parse().ok()?, index.parse().ok()?);
    (0..ExecutionId::BATCHES_MAX).contains(&batch).then_some(Place { batch, index })
}
