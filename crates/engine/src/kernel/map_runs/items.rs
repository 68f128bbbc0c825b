//! Its items: those of the input of the Map state, or read ahead of the children that take them.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;
use stepwell_machine::Reason;

use super::MapRun;
use crate::kernel::Kernel;
use crate::kernel::write::{Action, ReadOrder};
use crate::limits::MAP_RUN_ITEMS_READ;
use crate::store::MapRunId;

/// Where the items come from.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The items in the input of the Map state, unless they are read.
    pub(super) given: Option<Arc<Value>>,
    /// Those that were read and not taken.
    pub(super) read: VecDeque<Value>,
    /// Whether more were asked for.
    pub(super) is_reading: bool,
    /// Whether there are no more behind those that were read.
    pub(super) is_at_end: bool,
    /// Items taken.
    pub(super) taken: u64,
}

impl Source {
    /// How many items come before those that are to be read next.
    fn behind(&self) -> u64 {
        self.taken + self.read.len() as u64
    }
}

impl Kernel {
    /// Asks for more items before the last ones are taken.
    pub(super) fn read_on(&mut self, id: MapRunId) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        let Some(count) = map_run.wants_to_read() else { return };
        let Some(reader) = map_run.plan.reader.clone() else { return };
        map_run.source.is_reading = true;
        let skip = map_run.source.behind();
        let attempt = map_run.row.redrives;
        let order = ReadOrder { map_run: id, attempt, reader, skip, count };
        self.write(Vec::new(), vec![Action::ReadItems(order)], None);
    }

    /// A failure to read from before a redrive says nothing of what is read now.
    pub(in crate::kernel) fn items_failed(&mut self, id: MapRunId, attempt: u32, reason: Reason) {
        if self.map_runs.get(&id).is_some_and(|map_run| map_run.row.redrives == attempt) {
            self.fail_map_run(id, reason);
        }
    }

    pub(in crate::kernel) fn items_read(
        &mut self,
        id: MapRunId,
        skip: u64,
        items: Vec<Value>,
        end: bool,
    ) {
        let Some(map_run) = self.map_runs.get_mut(&id) else {
            // It ended while its items were read, and nobody closed what was being read.
            self.write(Vec::new(), vec![Action::CloseItems(id)], None);
            return;
        };
        // What was asked for before a redrive may come after it.
        if !map_run.source.is_reading || skip != map_run.source.behind() {
            return;
        }
        map_run.source.is_reading = false;
        map_run.source.is_at_end = end;
        map_run.source.read.extend(items);
        self.due_map_runs.insert(id);
    }
}

impl MapRun {
    fn items_left(&self) -> u64 {
        let max = self.plan.max_items.map_or(u64::MAX, |max| max.max(0) as u64);
        max.saturating_sub(self.source.taken)
    }

    pub(super) fn next_item(&mut self) -> Option<Value> {
        if self.items_left() == 0 {
            return None;
        }
        let item = match &self.source.given {
            Some(items) => items.get(usize::try_from(self.source.taken).ok()?)?.clone(),
            None => self.source.read.pop_front()?,
        };
        self.source.taken += 1;
        Some(item)
    }

    /// Whether every item was taken.
    pub(super) fn is_exhausted(&self) -> bool {
        let is_empty = match &self.source.given {
            Some(items) => self.source.taken >= items.as_array().map_or(0, Vec::len) as u64,
            None => self.source.is_at_end && self.source.read.is_empty(),
        };
        is_empty || self.items_left() == 0
    }

    /// How many items to ask for, if it is time to ask.
    fn wants_to_read(&self) -> Option<usize> {
        let source = &self.source;
        let waiting = source.read.len();
        let has_enough = waiting >= MAP_RUN_ITEMS_READ / 2 || self.items_left() <= waiting as u64;
        let is_done = source.given.is_some() || source.is_at_end || source.is_reading;
        (!is_done && !has_enough).then_some(MAP_RUN_ITEMS_READ)
    }
}
