//! Reads a store, whether an engine runs on it or not: what the command line shows without a server.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use stepwell_asl::WorkflowType;
use stepwell_asl::model::StateId;

use crate::arn::{Arns, Qualified, Qualifier, split_label};
use crate::configuration::Tag;
use crate::error::{Error, StoreError};
use crate::handle::ExecutionFilter;
use crate::kernel::Tagged;
use crate::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};
use crate::record::{
    ActivityRecord, AliasRecord, ExecutionRecord, ExecutionSummary, MapRunRecord, MapRunSummary,
    Page, Paged, StateMachineRecord, StateMachineSummary, VersionRecord,
};
use crate::store::{
    AliasRow, Archive, ChildOf, Direction, ExecutionId, ExecutionRow, MapRunRow, Place, Shown,
    StateMachineRow,
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
        let (row, qualifier) = self.qualified(arn)?;
        let missing = || Error::StateMachineDoesNotExist { arn: arn.to_owned() };
        let number = match qualifier {
            None => {
                let definition = self.archive.definition(row.definition)?;
                return Ok(StateMachineRecord::new(&self.arns, &row, &definition));
            }
            Some(Qualifier::Version(number)) => number,
            Some(Qualifier::Alias(name)) => {
                let alias = self.alias(&row, &name)?.ok_or_else(missing)?;
                alias.routes.first().ok_or_else(missing)?.version
            }
        };
        let mut versions = self.archive.versions_of(row.id)?.into_iter();
        let version = versions.find(|version| version.number == number).ok_or_else(missing)?;
        let definition = self.archive.definition(version.definition)?;
        Ok(StateMachineRecord {
            version: Some(VersionRecord::new(&self.arns, &row.name, &version)),
            ..StateMachineRecord::new(&self.arns, &row, &definition)
        })
    }

    pub fn list_versions(&self, arn: &str, page: &Page) -> Result<Paged<VersionRecord>, Error> {
        let row = self.state_machine(arn)?;
        let before = token(page, "v1-", |number| number.parse().ok())?.unwrap_or(i64::MAX);
        let mut rows = self.archive.versions_of(row.id)?;
        rows.retain(|version| version.number < before);
        let next = cut(&mut rows, page).map(|last| format!("v1-{}", last.number));
        let record = |version| VersionRecord::new(&self.arns, &row.name, version);
        Ok(Paged { items: rows.iter().map(record).collect(), next })
    }

    pub fn describe_alias(&self, arn: &str) -> Result<AliasRecord, Error> {
        let missing = || Error::ReferenceDoesNotExist { arn: arn.to_owned() };
        let (row, qualifier) = match self.qualified(arn) {
            Err(Error::StateMachineDoesNotExist { .. }) => return Err(missing()),
            found => found?,
        };
        let Some(Qualifier::Alias(name)) = qualifier else {
            let reason = "expected the ARN of an alias";
            return Err(Error::InvalidArn { arn: arn.to_owned(), reason });
        };
        let alias = self.alias(&row, &name)?.ok_or_else(missing)?;
        Ok(AliasRecord::new(&self.arns, &row.name, &alias))
    }

    pub fn list_aliases(&self, arn: &str, page: &Page) -> Result<Paged<AliasRecord>, Error> {
        let (row, qualifier) = self.qualified(arn)?;
        let after = token(page, "a1-", |name| Some(name.to_owned()))?;
        let version = qualifier.as_ref().and_then(Qualifier::version);
        let routes_there = |alias: &AliasRow| {
            version.is_none_or(|number| alias.routes.iter().any(|route| route.version == number))
        };
        let mut rows = self.archive.aliases()?;
        rows.retain(|alias| alias.state_machine == row.id && routes_there(alias));
        rows.retain(|alias| after.as_ref().is_none_or(|after| alias.name > *after));
        let next = cut(&mut rows, page).map(|last| format!("a1-{}", last.name));
        let record = |alias| AliasRecord::new(&self.arns, &row.name, alias);
        Ok(Paged { items: rows.iter().map(record).collect(), next })
    }

    /// The tags of something; nothing if it does not exist.
    pub(crate) fn tags(&self, of: &Tagged) -> Result<Option<Vec<Tag>>, Error> {
        Ok(match of {
            Tagged::StateMachine(name) => self.archive.state_machine(name)?.map(|row| row.tags),
            Tagged::Activity(name) => {
                let mut rows = self.archive.activities()?.into_iter();
                rows.find(|row| row.name == *name).map(|row| row.tags)
            }
        })
    }

    pub fn describe_state_machine_for_execution(
        &self,
        execution_arn: &str,
    ) -> Result<StateMachineRecord, Error> {
        let execution = self.execution(execution_arn)?;
        let (row, definition) = self.archive.pinned(execution.id)?;
        let record = StateMachineRecord::new(&self.arns, &row, &definition);
        match &execution.child {
            Some(child) => self.of_child(record, child),
            None => Ok(record),
        }
    }

    /// The state machine that the children of a Map run execute: the processor of its Map state.
    fn of_child(
        &self,
        parent: StateMachineRecord,
        child: &ChildOf,
    ) -> Result<StateMachineRecord, Error> {
        let ChildOf { label, uuid, .. } = child;
        let state = self.archive.map_run(uuid)?.map(|row| row.state);
        let name = format!("{}/{label}", parent.name);
        Ok(StateMachineRecord {
            arn: self.arns.state_machine(&name),
            definition: state
                .and_then(|state| processor_text(&parent.definition, state))
                .map_or_else(|| Arc::clone(&parent.definition), Into::into),
            map_run: Some((self.arns.map_run(&parent.name, label, uuid), label.clone())),
            name,
            ..parent
        })
    }

    pub fn list_state_machines(&self, page: &Page) -> Result<Paged<StateMachineSummary>, Error> {
        let after = token(page, "m1-", |name| Some(name.to_owned()))?;
        let mut rows = self.archive.state_machines()?;
        rows.retain(|row| !row.deleted && after.as_ref().is_none_or(|after| row.name > *after));
        rows.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        let next = cut(&mut rows, page).map(|last| format!("m1-{}", last.name));
        let types = self.archive.workflow_types()?;
        let summary = |row: StateMachineRow| StateMachineSummary {
            arn: self.arns.state_machine(&row.name),
            name: row.name,
            workflow: types.get(&row.definition).copied().unwrap_or_default(),
            created_at: row.created_at,
        };
        Ok(Paged { items: rows.into_iter().map(summary).collect(), next })
    }

    pub fn describe_execution(&self, arn: &str) -> Result<ExecutionRecord, Error> {
        let row = self.execution(arn)?;
        let data = self.archive.execution_data(row.id)?;
        let has_full_history =
            row.status.is_unsuccessful() && self.archive.has_full_history(row.id)?;
        Ok(ExecutionRecord {
            is_deleting: row.is_deleting,
            has_full_history,
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
        let shown = Shown {
            status: filter.status,
            redriven: filter.redriven,
            pending_redrive: filter.pending_redrive,
        };
        if let Some(map_run) = &filter.map_run_arn {
            return self.list_children(map_run, shown, page);
        }
        let before = token(page, "e1-", |id| id.parse().ok())?.unwrap_or(i64::MAX);
        let origin =
            filter.state_machine_arn.as_deref().map(|arn| self.qualified(arn)).transpose()?;
        if let Some((row, _)) = &origin
            && self.archive.definition(row.definition)?.workflow == WorkflowType::Express
        {
            return Err(Error::StateMachineTypeNotSupported);
        }
        let mut rows = self.archive.executions(
            origin.as_ref().map(|(row, qualifier)| (row.id, qualifier.as_ref())),
            shown,
            ExecutionId(before),
            limit(page) + 1,
        )?;
        let next = cut(&mut rows, page).map(|last| format!("e1-{}", last.id.0));
        Ok(Paged { items: rows.into_iter().map(|row| self.summary(row)).collect(), next })
    }

    fn list_children(
        &self,
        map_run_arn: &str,
        shown: Shown,
        page: &Page,
    ) -> Result<Paged<ExecutionSummary>, Error> {
        let before = token(page, "c1-", |index| index.parse().ok())?.unwrap_or(i64::MAX);
        let map_run = self.map_run(map_run_arn)?;
        let mut rows = self.archive.children(map_run.id, shown, before, limit(page) + 1)?;
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
            redrives: row.redrives,
            redriven_at: row.redriven_at,
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
        // Every journal begins with a start. Only a child of type EXPRESS has none.
        if items.is_empty() && from.is_none() {
            let reason = "Resource type not valid in this context: express";
            return Err(Error::InvalidArn { arn: arn.to_owned(), reason });
        }
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

    fn qualified(&self, arn: &str) -> Result<(StateMachineRow, Option<Qualifier>), Error> {
        let Qualified { state_machine, qualifier } = self.arns.parse_qualified(arn)?;
        let found = self.archive.state_machine(&state_machine)?;
        let row = found.ok_or_else(|| Error::StateMachineDoesNotExist { arn: arn.to_owned() })?;
        Ok((row, qualifier))
    }

    fn alias(&self, row: &StateMachineRow, name: &str) -> Result<Option<AliasRow>, Error> {
        let mut aliases = self.archive.aliases()?.into_iter();
        Ok(aliases.find(|alias| alias.state_machine == row.id && alias.name == name))
    }

    fn execution(&self, arn: &str) -> Result<ExecutionRow, Error> {
        let (state_machine, name) = self.arns.parse_execution(arn)?;
        let found = self.archive.execution(split_label(state_machine).0, name)?;
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
            version_arn: row.version.map(|number| self.arns.qualified(&row.state_machine, number)),
            alias_arn: row.alias.map(|alias| self.arns.qualified(&row.state_machine, alias)),
            name: row.name,
            status: row.status,
            started_at: row.started_at,
            stopped_at: row.stopped_at,
            child_of,
            redrives: row.redrives,
            redriven_at: row.redriven_at,
            is_pending_redrive: row.is_pending_redrive,
        }
    }
}

/// The `ItemProcessor` of a Map state, as it is written in a definition.
fn processor_text(definition: &str, state: StateId) -> Option<String> {
    let machine = stepwell_asl::parse_kept(definition, WorkflowType::Standard).0?;
    let name = &machine.get(state)?.name;
    let definition: Value = serde_json::from_str(definition).ok()?;
    state_named(&definition, name)?.get("ItemProcessor").map(Value::to_string)
}

/// A state, wherever it is: names are unique in a definition.
fn state_named<'d>(value: &'d Value, name: &str) -> Option<&'d Value> {
    match value {
        Value::Object(fields) => {
            let here = fields.get("States").and_then(|states| states.get(name));
            here.or_else(|| fields.values().find_map(|field| state_named(field, name)))
        }
        Value::Array(items) => items.iter().find_map(|item| state_named(item, name)),
        _ => None,
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
