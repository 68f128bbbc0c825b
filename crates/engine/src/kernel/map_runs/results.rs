//! Its end: the results go to the parent, or out, and the parent hears of it.

use std::sync::Arc;

use jiff::Timestamp;
use stepwell_machine::{Input, Reason, TaskResult};

use super::{Cut, MapRun, Stage};
use crate::kernel::Kernel;
use crate::kernel::slot::{Letter, Life};
use crate::kernel::write::{Action, Pending, WriteOrder};
use crate::record::Status;
use crate::store::{MapRunId, Record};

impl Kernel {
    /// Every child ended: the results go to the parent, or out.
    pub(super) fn give_results(&mut self, id: MapRunId) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        map_run.stage = Stage::Writing(None);
        let (arn, writer) = (Arc::clone(&map_run.arn), map_run.plan.writer.clone());
        let attempt = map_run.row.redrives;
        let order = WriteOrder { map_run: id, attempt, arn, writer, pending: None };
        self.write(Vec::new(), vec![Action::WriteResults(order)], None);
    }

    /// The children of a Map run that was cut short have ended: their results go out, if there is a place for them.
    pub(super) fn give_rest(&mut self, id: MapRunId, cut: Cut, now: Timestamp) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        let is_wanted = matches!(cut, Cut::Failed(_));
        map_run.stage = Stage::Writing(Some(cut));
        let writer = map_run.plan.writer.clone().filter(|writer| writer.resource.is_some());
        if writer.is_none() {
            return self.finish_map_run(id, None, now);
        }
        let (arn, attempt) = (Arc::clone(&map_run.arn), map_run.row.redrives);
        // Of a Map state that was given up, items cannot be selected any more.
        let pending = is_wanted.then(|| self.pending(id, now)).flatten().map(Box::new);
        let order = WriteOrder { map_run: id, attempt, arn, writer, pending };
        self.write(Vec::new(), vec![Action::WriteResults(order)], None);
    }

    /// The items that are in no child.
    fn pending(&mut self, id: MapRunId, now: Timestamp) -> Option<Pending> {
        let map_run = self.map_runs.get(&id)?;
        let Life::Awake(parent) = &self.slots.get(&map_run.row.execution)?.life else {
            return None;
        };
        Some(Pending {
            run: parent.run.clone(),
            scheduled: map_run.row.scheduled,
            given: map_run.source.given.clone(),
            plan: Arc::clone(&map_run.plan),
            taken: map_run.items.total(),
            now,
            seed: self.entropy.next_u64(),
        })
    }

    /// Ends a Map run: its parent hears of it. Its row says so in the commit in which the parent does: a row that said it
    /// earlier would leave a parent that waits for ever.
    pub(in crate::kernel) fn finish_map_run(
        &mut self,
        id: MapRunId,
        written: Option<TaskResult>,
        now: Timestamp,
    ) {
        let Some(mut map_run) = self.map_runs.remove(&id) else { return };
        let (parent, scheduled) = (map_run.row.execution, map_run.row.scheduled);
        if let Some(slot) = self.slots.get_mut(&parent) {
            slot.map_runs.retain(|open| *open != id);
        }
        let outcome = map_run.outcome(written);
        map_run.row.stopped_at = Some(now);
        map_run.row.status = match &outcome {
            None => Status::Aborted,
            Some(TaskResult::Succeeded { .. }) => Status::Succeeded,
            Some(TaskResult::Failed { .. }) => Status::Failed,
        };
        let (row, closes) = (Record::MapRun(map_run.row), vec![Action::CloseItems(id)]);
        let Some(outcome) = outcome else {
            self.write(vec![row], closes, None);
            return;
        };
        self.write(Vec::new(), closes, None);
        let input = Input::MapRunFinished { scheduled, outcome };
        self.deliver(parent, Letter { record: Some(row), ..input.into() });
    }
}

impl MapRun {
    /// What its parent hears; nothing if it wants nothing. One that was cut short ends for the reason why it was.
    fn outcome(&self, written: Option<TaskResult>) -> Option<TaskResult> {
        match &self.stage {
            Stage::Writing(Some(Cut::Unwanted)) => None,
            Stage::Writing(Some(Cut::Failed(Reason { error, cause }))) => {
                let (error, cause) = (error.clone().unwrap_or_default(), cause.clone());
                Some(TaskResult::Failed { error, cause })
            }
            _ => written,
        }
    }
}
