//! What ends it early: too many failures, items that cannot be read, a parent that wants no results any more.

use jiff::Timestamp;
use stepwell_machine::{EventId, Input, Reason, TaskResult};

use super::{MapRun, Stage};
use crate::kernel::Kernel;
use crate::store::{ExecutionId, MapRunId, Record};

impl Kernel {
    /// Map runs whose results are no longer wanted: those that a turn cancelled, or all of a parent that ended.
    pub(in crate::kernel) fn cancel_map_runs(
        &mut self,
        parent: ExecutionId,
        cancelled: &[EventId],
        has_ended: bool,
    ) {
        let Some(slot) = self.slots.get(&parent) else { return };
        for id in &slot.map_runs {
            let Some(map_run) = self.map_runs.get_mut(id) else { continue };
            if has_ended || cancelled.contains(&map_run.row.scheduled) {
                map_run.stage = Stage::Stopping(None);
                self.due_map_runs.insert(*id);
            }
        }
    }

    /// A Map run cannot go on: its children are stopped first.
    pub(in crate::kernel) fn fail_map_run(&mut self, id: MapRunId, reason: Reason) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        if map_run.stage == Stage::Open {
            map_run.stage = Stage::Stopping(Some(reason));
            self.due_map_runs.insert(id);
        }
    }

    pub(super) fn stop_children(&mut self, id: MapRunId, reason: Option<Reason>, now: Timestamp) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        if map_run.running.is_empty() {
            let Reason { error, cause } = reason.unwrap_or_default();
            let error = error.unwrap_or_default();
            return self.finish_map_run(id, TaskResult::Failed { error, cause }, now);
        }
        if std::mem::replace(&mut map_run.has_stopped, true) {
            return;
        }
        let running: Vec<ExecutionId> = map_run.running.iter().copied().collect();
        map_run.row.failure = reason;
        let row = map_run.row.clone();
        // Before the children: with those that are stopped alone, the next process would find another reason.
        self.write(vec![Record::MapRun(row)], Vec::new(), None);
        for child in running {
            self.deliver(child, Input::Stop { error: None, cause: None }.into());
        }
    }
}

impl MapRun {
    /// Why it fails, once more children failed than it tolerates. A share is known when the number of items is.
    pub(super) fn threshold_exceeded(&self) -> Option<Reason> {
        let failed = self.items.unsuccessful();
        if self.stage != Stage::Open || failed == 0 {
            return None;
        }
        let total = self.row.items.or_else(|| self.is_exhausted().then_some(self.source.taken));
        let share_max = self.row.tolerated_percentage;
        let share = total.map(|total| failed as f64 * 100.0 / total as f64);
        let by_count = self.row.tolerated_count > 0 || share_max <= 0.0;
        let exceeds = (by_count && failed > self.row.tolerated_count)
            || (share_max > 0.0 && share.is_some_and(|share| share > share_max));
        exceeds.then(|| Reason {
            error: Some("States.ExceedToleratedFailureThreshold".to_owned()),
            cause: Some("The specified tolerated failure threshold was exceeded".to_owned()),
        })
    }
}

pub(super) fn reader_failed(cause: &str) -> Reason {
    let error = Some("States.ItemReaderFailed".to_owned());
    Reason { error, cause: Some(cause.to_owned()) }
}
