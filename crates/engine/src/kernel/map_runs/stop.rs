//! What ends it early: too many failures, items that cannot be read, a parent that wants no results any more.

use jiff::Timestamp;
use stepwell_machine::{EventId, Input, Reason};

use super::{Cut, MapRun, Stage};
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
                map_run.stage = map_run.stage.unwanted();
                self.due_map_runs.insert(*id);
            }
        }
    }

    /// A Map run cannot go on: its children are stopped first.
    pub(in crate::kernel) fn fail_map_run(&mut self, id: MapRunId, reason: Reason) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        map_run.fail(reason);
        self.due_map_runs.insert(id);
    }

    /// Stops its children; once the last of them has ended, what results there are go out.
    pub(super) fn stop_children(&mut self, id: MapRunId, cut: Cut, now: Timestamp) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        if let (Cut::Failed(reason), None) = (&cut, &map_run.row.failure) {
            map_run.row.failure = Some(reason.clone());
            let row = map_run.row.clone();
            // Before the children: with those that are stopped alone, the next process would find another reason.
            self.write(vec![Record::MapRun(row)], Vec::new(), None);
        }
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        if map_run.running.is_empty() {
            return self.give_rest(id, cut, now);
        }
        if std::mem::replace(&mut map_run.has_stopped, true) {
            return;
        }
        let running: Vec<ExecutionId> = map_run.running.iter().copied().collect();
        for child in running {
            self.deliver(child, Input::Stop { error: None, cause: None }.into());
        }
    }
}

impl Stage {
    /// What becomes of it when its parent gives it up. Results that are on their way out get there.
    fn unwanted(&self) -> Self {
        match self {
            Self::Open | Self::Left | Self::Stopping(_) => Self::Stopping(Cut::Unwanted),
            Self::Writing(_) => Self::Writing(Some(Cut::Unwanted)),
        }
    }
}

impl MapRun {
    /// It cannot go on; the first reason counts.
    pub(super) fn fail(&mut self, reason: Reason) {
        if self.stage == Stage::Open {
            self.stage = Stage::Stopping(Cut::Failed(reason));
        }
    }

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
