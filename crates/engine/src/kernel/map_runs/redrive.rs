//! Redrives of Map runs: the children that ended without success go on, then those start that never did.
//!
//! A Map run that is redriven is the same one again: its row, its children and their numbers stay. What tells a child that
//! is to be redriven from one that failed since is on disk with it: the *attempt*, the number of redrives that its Map run
//! had when the child was last started or redriven. So a restart finds the rest of a redrive without anything else.
//!
//! A child that still was to be stopped when its Map run was redriven is redriven once its end is on disk. Children of
//! type EXPRESS are run from their first state, the others go on where they failed, however long ago that was.
//!
//! Source: Developer Guide, "Redriving Map Runs".

use std::collections::{HashSet, VecDeque};

use jiff::Timestamp;
use stepwell_machine::{Input, RedriveFrom, StartMapRun, TaskResult};

use super::items::Source;
use super::{Batch, MapRun, Stage, processor};
use crate::error::{Error, Halted, StoreError};
use crate::kernel::Kernel;
use crate::kernel::registry::Revision;
use crate::kernel::slot::{Awake, Life};
use crate::limits::MAP_RUN_CHILDREN_REDRIVEN;
use crate::record::Status;
use crate::store::{ChildRow, Counts, ExecutionId, MapRunId, MapRunRow, OpenExecution, Record};

/// How far a redrive has come.
#[derive(Debug, Default)]
pub(super) struct Redrive {
    /// Children that were looked up.
    next: VecDeque<OpenExecution>,
    /// The number of the first child behind them.
    from: u64,
    /// Numbers of children before that whose ends came to disk since.
    late: VecDeque<u64>,
}

impl Redrive {
    /// Sees to it that a child whose end is on disk now is looked up, and once: one that was given up must not come again.
    fn expect(&mut self, index: u64) {
        let is_looked_up = |open: &OpenExecution| open.child.is_some_and(|it| it.index == index);
        if index < self.from && !self.next.iter().any(is_looked_up) {
            self.late.push_back(index);
        }
    }
}

impl Kernel {
    /// Lets a Map run go on whose redrive a turn of its parent decided. One that cannot fails at once.
    pub(super) fn reopen_map_run(
        &mut self,
        parent: ExecutionId,
        start: &StartMapRun,
        now: Timestamp,
    ) -> Option<Record> {
        match self.reopened(parent, start, now) {
            Ok(map_run) => {
                let row = map_run.row.clone();
                self.map_runs.insert(row.id, map_run);
                self.due_map_runs.insert(row.id);
                let open = &mut self.slots.get_mut(&parent)?.map_runs;
                if !open.contains(&row.id) {
                    open.push(row.id);
                }
                Some(Record::MapRun(row))
            }
            Err(error) => {
                let (error, cause) = ("States.Runtime".to_owned(), Some(error.to_string()));
                let outcome = TaskResult::Failed { error, cause };
                let input = Input::MapRunFinished { scheduled: start.scheduled, outcome };
                self.deliver(parent, input.into());
                None
            }
        }
    }

    fn reopened(
        &mut self,
        parent: ExecutionId,
        start: &StartMapRun,
        now: Timestamp,
    ) -> Result<MapRun, Error> {
        let missing = || Error::ResourceNotFound { arn: start.arn.to_string() };
        let uuid = start.arn.rsplit(':').next().unwrap_or_default();
        let row = self.archive.map_run(uuid)?.ok_or_else(missing)?;
        let mut map_run = if let Some(stopping) = self.map_runs.remove(&row.id) {
            stopping
        } else {
            let revision = self.revision_of(parent).ok_or_else(missing)?;
            self.ended_map_run(row, &revision)?
        };
        map_run.begin_again(start, now);
        Ok(map_run)
    }

    /// A Map run that is on disk alone, with all of its children.
    fn ended_map_run(&self, row: MapRunRow, revision: &Revision) -> Result<MapRun, Error> {
        let (executions, items) = self.archive.child_counts(row.id)?;
        let processor = processor(revision, &row);
        let mut map_run = MapRun::new(row, processor);
        map_run.count_on(executions, items, HashSet::new());
        Ok(map_run)
    }

    /// Redrives one child; false if there is none now.
    pub(super) fn redrive_child(&mut self, id: MapRunId) -> Result<bool, Halted> {
        if self.map_runs[&id].executions.pending_redrive == 0 {
            return Ok(false);
        }
        let next = self.next_to_redrive(id).map_err(|error| self.halt(error.to_string()))?;
        let Some(open) = next else { return Ok(false) };
        match self.fold_child(&open) {
            Ok(awake) if !awake.run.has_full_history() => self.take_up_child(id, open, awake),
            Ok(_) => self.give_up_child(id, &open),
            Err(error) => {
                tracing::error!(execution = %open.name, %error, "a child cannot be redriven");
                self.give_up_child(id, &open);
            }
        }
        Ok(true)
    }

    /// The next child that is to be redriven. One in memory is under way already.
    fn next_to_redrive(&mut self, id: MapRunId) -> Result<Option<OpenExecution>, StoreError> {
        loop {
            let Some(map_run) = self.map_runs.get_mut(&id) else { return Ok(None) };
            while let Some(open) = map_run.redrive.next.pop_front() {
                if !self.slots.contains_key(&open.id) {
                    return Ok(Some(open));
                }
            }
            let attempt = map_run.row.redrives;
            if let Some(index) = map_run.redrive.late.pop_front() {
                let found = self.archive.children_to_redrive(id, attempt, index..index + 1, 1)?;
                map_run.redrive.next.extend(found);
                continue;
            }
            let rest = map_run.redrive.from..u64::MAX;
            let limit = MAP_RUN_CHILDREN_REDRIVEN;
            let page = self.archive.children_to_redrive(id, attempt, rest, limit)?;
            let Some(last) = page.last().and_then(|open| open.child) else { return Ok(None) };
            map_run.redrive.from = last.index + 1;
            map_run.redrive.next = page.into();
        }
    }

    fn fold_child(&mut self, open: &OpenExecution) -> Result<Awake, Error> {
        self.registry.revision(open.definition, &self.archive)?;
        let journal = self.archive.journal(open)?;
        self.fold_again(open, &journal)
    }

    fn take_up_child(&mut self, id: MapRunId, mut open: OpenExecution, mut awake: Awake) {
        awake.begin_life(&mut *self.entropy);
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        let Some(child) = &mut open.child else { return };
        child.attempt = map_run.row.redrives;
        map_run.take_from_pending(child);
        map_run.running.insert(open.id);
        let from = map_run.restart(&awake);
        self.adopt(&open, Life::Awake(Box::new(awake)));
        self.deliver(open.id, Input::Redrive { token: None, from }.into());
    }

    /// A child that cannot be redriven has failed for good.
    fn give_up_child(&mut self, id: MapRunId, open: &OpenExecution) {
        let found = self.archive.find(open.state_machine, &open.name);
        let status = found.ok().flatten().map_or(Status::Failed, |found| found.status);
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        let Some(child) = &open.child else { return };
        map_run.take_from_pending(child);
        map_run.executions.add(status, 1);
        map_run.items.add(status, child.items);
        self.due_map_runs.insert(id);
    }

    /// The results of a Map run are out, or could not be written. Those that somebody asked for before a redrive come
    /// to nothing.
    pub(in crate::kernel) fn results_written(
        &mut self,
        id: MapRunId,
        attempt: u32,
        outcome: TaskResult,
        now: Timestamp,
    ) {
        let Some(map_run) = self.map_runs.get(&id) else { return };
        if matches!(map_run.stage, Stage::Writing(_)) && map_run.row.redrives == attempt {
            self.finish_map_run(id, Some(outcome), now);
        }
    }
}

impl MapRun {
    fn begin_again(&mut self, start: &StartMapRun, now: Timestamp) {
        self.row = MapRunRow {
            scheduled: start.scheduled,
            status: Status::Running,
            stopped_at: None,
            redrives: start.redrives,
            redriven_at: Some(now),
            failure: None,
            ..self.row.clone()
        };
        self.executions = to_redrive(self.executions);
        self.items = to_redrive(self.items);
        self.redrive = Redrive::default();
        self.has_stopped = false;
        // What was read or asked for before is read again, behind the items that are in children.
        self.source = Source { taken: self.placed, ..Source::default() };
        self.batch = Batch::default();
        self.stage = Stage::Open;
        self.attach(start);
    }

    /// Counts a child whose end is on disk; one that ended without success before the last redrive is to be redriven.
    pub(super) fn count_child(&mut self, child: &ChildRow, status: Status) {
        if child.attempt < self.row.redrives && status.is_unsuccessful() {
            self.executions.pending_redrive += 1;
            self.items.pending_redrive += child.items;
            self.redrive.expect(child.index);
            return;
        }
        self.executions.add(status, 1);
        self.items.add(status, child.items);
    }

    fn take_from_pending(&mut self, child: &ChildRow) {
        self.executions.pending_redrive = self.executions.pending_redrive.saturating_sub(1);
        self.items.pending_redrive = self.items.pending_redrive.saturating_sub(child.items);
    }

    /// Where a child goes on: one of type EXPRESS from the beginning.
    fn restart(&self, awake: &Awake) -> Option<RedriveFrom> {
        let state = self.processor.as_ref().ok()?.start_at;
        self.is_express().then(|| RedriveFrom { state, input: awake.input.clone() })
    }
}

fn to_redrive(counts: Counts) -> Counts {
    Counts {
        running: counts.running,
        succeeded: counts.succeeded,
        pending_redrive: counts.pending_redrive + counts.unsuccessful(),
        ..Counts::default()
    }
}
