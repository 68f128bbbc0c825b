//! Its end: the results go to the parent, or out, and the parent hears of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_machine::{Input, TaskResult};

use super::Stage;
use crate::error::{Halted, StoreError};
use crate::kernel::Kernel;
use crate::kernel::slot::Letter;
use crate::kernel::write::{Action, WriteOrder};
use crate::limits::MAP_RUN_RESULTS_READ;
use crate::record::Status;
use crate::results;
use crate::store::{MapRunId, Record};

impl Kernel {
    /// Every child ended: the results go to the parent, or out.
    pub(super) fn give_results(&mut self, id: MapRunId, now: Timestamp) -> Result<(), Halted> {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return Ok(()) };
        map_run.stage = Stage::Writing;
        let writer = map_run.plan.writer.clone();
        if let Some(writer) = writer.clone().filter(|writer| writer.resource.is_some()) {
            let order = WriteOrder { map_run: id, arn: Arc::clone(&map_run.arn), writer };
            self.write(Vec::new(), vec![Action::WriteResults(order)], None);
            return Ok(());
        }
        let form = writer.map_or_else(|| json!({}), |writer| (*writer.config).clone());
        let output = self.collect(id, &form).map_err(|error| self.halt(error.to_string()))?;
        self.finish_map_run(id, TaskResult::Succeeded { output: Arc::new(output) }, now);
        Ok(())
    }

    /// The results as one array.
    fn collect(&self, id: MapRunId, form: &Value) -> Result<Value, StoreError> {
        let (mut all, mut from) = (Vec::new(), 0);
        loop {
            let page = self.archive.child_data(id, from, MAP_RUN_RESULTS_READ)?;
            let Some(last) = page.last() else { return Ok(Value::Array(all)) };
            from = last.row.child.as_ref().map_or(u64::MAX, |child| child.index + 1);
            for child in &page {
                results::add(&mut all, &results::of_child(&self.arns, child), form);
            }
        }
    }

    /// Ends a Map run: its parent hears of it. Its row says so in the commit in which the parent does: a row that said it
    /// earlier would leave a parent that waits for ever.
    pub(in crate::kernel) fn finish_map_run(
        &mut self,
        id: MapRunId,
        outcome: TaskResult,
        now: Timestamp,
    ) {
        let Some(mut map_run) = self.map_runs.remove(&id) else { return };
        let is_wanted = map_run.stage != Stage::Stopping(None);
        map_run.row.stopped_at = Some(now);
        map_run.row.status = match &outcome {
            _ if !is_wanted => Status::Aborted,
            TaskResult::Succeeded { .. } => Status::Succeeded,
            TaskResult::Failed { .. } => Status::Failed,
        };
        let (parent, scheduled) = (map_run.row.execution, map_run.row.scheduled);
        if let Some(slot) = self.slots.get_mut(&parent) {
            slot.map_runs.retain(|open| *open != id);
        }
        let row = Record::MapRun(map_run.row);
        let closes = vec![Action::CloseItems(id)];
        if !is_wanted {
            self.write(vec![row], closes, None);
            return;
        }
        self.write(Vec::new(), closes, None);
        let input = Input::MapRunFinished { scheduled, outcome };
        self.deliver(parent, Letter { record: Some(row), ..input.into() });
    }
}
