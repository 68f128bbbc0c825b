//! Map runs: the children of a Distributed Map, from its first item to its results.
//!
//! A Map run is part of what its parent has open, as a task is. Its children are executions with a slot, a journal and a
//! number. Three rules make it survive:
//!
//! - Its row is committed together with `MapRunStarted`.
//! - Children are committed in the order of their numbers. What is on disk says how many items were taken; the next
//!   process reads on behind them. A child that is not on disk never existed.
//! - An end counts once it is on disk: what is counted, and read as results, cannot be undone.
//!
//! Left to others: what an item becomes (`stepwell_machine::child_item`), reading items and writing results
//! (`driver::map_data`), which only happens after a commit like everything else.

mod batch;
mod children;
mod items;
mod redrive;
mod results;
mod stop;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use stepwell_asl::StateMachine;
use stepwell_asl::model::StateKind;
use stepwell_machine::{Command, Limits, MapRunPlan, Reason, StartMapRun};

pub(crate) use self::batch::Batch;
use self::items::Source;
use self::redrive::Redrive;
use self::stop::reader_failed;
use super::registry::Revision;
use super::slot::Life;
use super::{Kernel, MapRunChange};
use crate::error::{Error, Halted, StoreError};
use crate::record::Status;
use crate::store::{Counts, ExecutionId, MapRunId, MapRunRow, Record};

/// A Map run under way.
#[derive(Debug)]
pub(super) struct MapRun {
    row: MapRunRow,
    /// What its children execute.
    pub(super) processor: Result<Arc<StateMachine>, Error>,
    plan: Arc<MapRunPlan>,
    arn: Arc<str>,
    /// What its children are held to.
    pub(super) limits: Limits,
    source: Source,
    batch: Batch,
    /// Items that are in children.
    placed: u64,
    /// The number of the next child.
    next_child: u64,
    running: HashSet<ExecutionId>,
    executions: Counts,
    items: Counts,
    stage: Stage,
    /// Whether its children were told to stop: once is enough, as no more start then.
    has_stopped: bool,
    /// How far its redrive has come.
    redrive: Redrive,
}

/// How far a Map run has come.
#[derive(Debug, Clone, PartialEq)]
enum Stage {
    /// Children start.
    Open,
    /// Its parent cannot be read by this program: it is left as it is, as its parent is.
    Left,
    /// Its children are stopped.
    Stopping(Cut),
    /// Its results are on their way out: all of them, or those that there are when it is cut short.
    Writing(Option<Cut>),
}

/// Why a Map run ends before its time.
#[derive(Debug, Clone, PartialEq)]
enum Cut {
    /// It failed.
    Failed(Reason),
    /// Its parent no longer wants its results.
    Unwanted,
}

impl Kernel {
    /// Makes a Map run of what a turn of its parent started.
    pub(super) fn open_map_run(
        &mut self,
        parent: ExecutionId,
        start: &StartMapRun,
        now: Timestamp,
    ) -> Option<Record> {
        if start.redrives > 0 {
            return self.reopen_map_run(parent, start, now);
        }
        let revision = self.revision_of(parent)?;
        self.last_map_run += 1;
        let row = new_row(self.last_map_run, parent, &revision, start, now)?;
        let mut map_run = MapRun::new(row.clone(), processor(&revision, &row));
        map_run.attach(start);
        self.map_runs.insert(row.id, map_run);
        self.due_map_runs.insert(row.id);
        self.slots.get_mut(&parent)?.map_runs.push(row.id);
        Some(Record::MapRun(row))
    }

    /// The revision that an execution in memory runs.
    fn revision_of(&self, id: ExecutionId) -> Option<Arc<Revision>> {
        let slot = self.slots.get(&id)?;
        let Life::Awake(awake) = &slot.life else { return None };
        self.registry.known(awake.definition).map(Arc::clone)
    }

    /// Reads the Map runs that had not ended when the last process did.
    pub(super) fn take_up_map_runs(&mut self) -> Result<(), StoreError> {
        for row in self.archive.open_map_runs()? {
            let revision = self.registry.revision(row.definition, &self.archive)?;
            let processor = processor(&revision, &row);
            self.map_runs.insert(row.id, MapRun::new(row, processor));
        }
        Ok(())
    }

    /// Lets them go on: with what their parents have open, and behind the children that are on disk.
    pub(super) fn resume_map_runs(&mut self) -> Result<(), StoreError> {
        let mut children = self.children();
        let mut ids: Vec<MapRunId> = self.map_runs.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let parent = self.map_runs[&id].row.execution;
            self.wake(parent)?;
            self.due_map_runs.insert(id);
            if let Some(slot) = self.slots.get_mut(&parent) {
                slot.map_runs.push(id);
            }
            let (executions, items) = self.archive.child_counts(id)?;
            let running = children.remove(&id).unwrap_or_default();
            let is_readable = self.is_readable(parent);
            let start = self.open_command(id);
            let Some(map_run) = self.map_runs.get_mut(&id) else { continue };
            map_run.count_on(executions, items, running);
            match start {
                Some(start) => map_run.attach(&start),
                None if is_readable => map_run.stage = Stage::Stopping(Cut::Unwanted),
                None => map_run.stage = Stage::Left,
            }
        }
        Ok(())
    }

    fn is_readable(&self, id: ExecutionId) -> bool {
        !self.slots.get(&id).is_some_and(|slot| matches!(slot.life, Life::Unreadable { .. }))
    }

    /// The children that run, by their Map run.
    fn children(&self) -> HashMap<MapRunId, HashSet<ExecutionId>> {
        let mut children = HashMap::<_, HashSet<_>>::new();
        for (id, slot) in &self.slots {
            if let Some(child) = slot.child {
                children.entry(child.map_run).or_default().insert(*id);
            }
        }
        children
    }

    /// What the parent of a Map run has open of it.
    fn open_command(&self, id: MapRunId) -> Option<StartMapRun> {
        let row = &self.map_runs.get(&id)?.row;
        let Life::Awake(parent) = &self.slots.get(&row.execution)?.life else { return None };
        parent.run.outstanding().into_iter().find_map(|command| match command {
            Command::StartMapRun(start) if start.scheduled == row.scheduled => Some(start),
            _ => None,
        })
    }

    pub(super) fn update_map_run(&mut self, uuid: &str, change: MapRunChange) -> Result<(), Error> {
        self.accept()?;
        let found = self.map_runs.values_mut().find(|map_run| map_run.row.uuid == uuid);
        let Some(map_run) = found else {
            let known = self.archive.map_run(uuid)?;
            let arn = uuid.to_owned();
            return Err(match known {
                Some(_) => Error::MapRunEnded { arn },
                None => Error::ResourceNotFound { arn },
            });
        };
        map_run.change(change);
        let row = map_run.row.clone();
        self.due_map_runs.insert(row.id);
        self.write(vec![Record::MapRun(row)], Vec::new(), None);
        Ok(())
    }

    /// Lets every Map run go on to which something happened.
    pub(super) fn drive_map_runs(&mut self, now: Timestamp) -> Result<(), Halted> {
        while let Some(id) = self.due_map_runs.pop_first() {
            self.drive(id, now)?;
        }
        Ok(())
    }

    /// Lets a Map run go on as far as it can: children start, more items are asked for, results are given.
    fn drive(&mut self, id: MapRunId, now: Timestamp) -> Result<(), Halted> {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return Ok(()) };
        if let Some(reason) = map_run.threshold_exceeded() {
            map_run.stage = Stage::Stopping(Cut::Failed(reason));
        }
        match map_run.stage.clone() {
            Stage::Open => self.start_children(id, now),
            Stage::Stopping(cut) => {
                self.stop_children(id, cut, now);
                Ok(())
            }
            Stage::Left | Stage::Writing(_) => Ok(()),
        }
    }
}

impl MapRun {
    fn new(row: MapRunRow, processor: Result<Arc<StateMachine>, Error>) -> Self {
        Self {
            row,
            processor,
            plan: Arc::default(),
            arn: "".into(),
            limits: Limits::None,
            source: Source::default(),
            batch: Batch::default(),
            placed: 0,
            next_child: 0,
            running: HashSet::new(),
            executions: Counts::default(),
            items: Counts::default(),
            stage: Stage::Open,
            has_stopped: false,
            redrive: Redrive::default(),
        }
    }

    /// Takes over what the parent has open.
    fn attach(&mut self, start: &StartMapRun) {
        self.plan = Arc::clone(&start.plan);
        self.arn = Arc::clone(&start.arn);
        self.limits = start.limits;
        self.source.given.clone_from(&start.items);
        if start.plan.max_items.is_some_and(|max| max <= 0) {
            self.fail(reader_failed("field MaxItems must be positive"));
        }
        if let Some(reason) = &self.row.failure {
            self.stage = Stage::Stopping(Cut::Failed(reason.clone()));
        }
    }

    /// Takes over what is on disk of its children.
    fn count_on(&mut self, executions: Counts, items: Counts, running: HashSet<ExecutionId>) {
        self.next_child = executions.total();
        self.source.taken = items.total();
        self.placed = items.total();
        self.executions = Counts { running: 0, ..executions };
        self.items = Counts { running: 0, ..items };
        self.running = running;
    }

    pub(super) fn label(&self) -> &str {
        &self.row.label
    }

    /// The name that ARNs of children have in the place of that of their state machine.
    pub(super) fn machine_name(&self, state_machine: &str) -> Arc<str> {
        format!("{state_machine}/{}", self.row.label).into()
    }

    fn change(&mut self, change: MapRunChange) {
        let row = &mut self.row;
        row.max_concurrency = change.max_concurrency.unwrap_or(row.max_concurrency);
        row.tolerated_count = change.tolerated_count.unwrap_or(row.tolerated_count);
        row.tolerated_percentage = change.tolerated_percentage.unwrap_or(row.tolerated_percentage);
    }

    fn is_complete(&self) -> bool {
        self.running.is_empty()
            && self.executions.pending_redrive == 0
            && self.batch.is_empty()
            && self.is_exhausted()
    }
}

fn new_row(
    id: MapRunId,
    execution: ExecutionId,
    revision: &Revision,
    start: &StartMapRun,
    now: Timestamp,
) -> Option<MapRunRow> {
    let (machine, uuid) = start.arn.rsplit_once(':')?;
    let (_, label) = machine.rsplit_once('/')?;
    let items = start.items.as_ref().and_then(|items| items.as_array());
    Some(MapRunRow {
        id,
        execution,
        scheduled: start.scheduled,
        definition: revision.row.id,
        state: start.state,
        label: label.to_owned(),
        uuid: uuid.to_owned(),
        status: Status::Running,
        started_at: now,
        stopped_at: None,
        items: items.map(|items| items.len() as u64),
        max_concurrency: start.plan.max_concurrency,
        tolerated_count: start.plan.tolerated_count.unwrap_or(0),
        tolerated_percentage: start.plan.tolerated_percentage.unwrap_or(0.0),
        redrives: 0,
        redriven_at: None,
        failure: None,
    })
}

fn processor(revision: &Revision, row: &MapRunRow) -> Result<Arc<StateMachine>, Error> {
    let machine = revision.machine()?;
    match machine.get(row.state).map(|state| &state.kind) {
        Some(StateKind::Map(map)) => Ok(Arc::new(machine.processor(map))),
        _ => Err(Error::Store { reason: format!("the Map state of {} is missing", row.uuid) }),
    }
}
