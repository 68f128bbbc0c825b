//! Its children: executions that start as there are items and room for them, and count when their end is on disk.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use stepwell_asl::model::{StateKind, WorkflowType};
use stepwell_machine::{Input, Limits, Payload, Reason, Run, Start, child_item};

use super::MapRun;
use crate::error::Halted;
use crate::kernel::fold::context;
use crate::kernel::slot::{Awake, Keeping, Letter, Life};
use crate::kernel::{Kernel, Mode};
use crate::limits::{MAP_RUN_CHILDREN_DEFAULT, MAP_RUN_CHILDREN_MAX};
use crate::store::{Birth, ChildRow, ExecutionId, MapRunId, StateMachineId};

impl Kernel {
    pub(super) fn start_children(&mut self, id: MapRunId, now: Timestamp) -> Result<(), Halted> {
        let parent = self.map_runs[&id].row.execution;
        if self.mode != Mode::Open {
            return Ok(());
        }
        self.wake(parent).map_err(|error| self.halt(error.to_string()))?;
        while self.map_runs[&id].has_room() {
            if self.redrive_child(id)? {
                continue;
            }
            let started = match self.next_child(id, now) {
                Next::Child(input, items) => self.start_child(id, input, items, now),
                Next::Nothing => break,
                Next::Failed(reason) => Err(reason),
            };
            if let Err(reason) = started {
                self.fail_map_run(id, reason);
                return self.drive(id, now);
            }
        }
        self.read_on(id);
        if self.map_runs[&id].is_complete() {
            self.give_results(id);
        }
        Ok(())
    }

    /// Takes items until the next child has its input.
    fn next_child(&mut self, id: MapRunId, now: Timestamp) -> Next {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return Next::Nothing };
        let Some(slot) = self.slots.get(&map_run.row.execution) else { return Next::Nothing };
        let Life::Awake(parent) = &slot.life else { return Next::Nothing };
        let scheduled = map_run.row.scheduled;
        loop {
            let Some(item) = map_run.next_item() else { return map_run.last_child() };
            let index = map_run.source.taken - 1;
            let seed = self.entropy.next_u64();
            let item = match child_item(&parent.run, scheduled, index, item, now, seed) {
                Ok(item) => item,
                Err(reason) => return Next::Failed(reason),
            };
            let Some(form) = &map_run.plan.batch else { return Next::Child(item, 1) };
            if let Some((input, items)) = map_run.batch.add(form, item) {
                return Next::Child(input, items);
            }
        }
    }

    fn start_child(
        &mut self,
        id: MapRunId,
        input: Value,
        items: u64,
        now: Timestamp,
    ) -> Result<(), Reason> {
        let child = self.new_child(id, input, items, now).ok_or_else(unreadable)?;
        let NewChild { state_machine, name, limits, awake } = child;
        let execution = self.place(state_machine, name, awake);
        if let Some(map_run) = self.map_runs.get_mut(&id) {
            map_run.next_child += 1;
            map_run.placed += items;
            map_run.running.insert(execution);
        }
        self.deliver(execution, Letter::from(Input::Start { limits }));
        Ok(())
    }

    fn new_child(
        &mut self,
        id: MapRunId,
        input: Value,
        items: u64,
        now: Timestamp,
    ) -> Option<NewChild> {
        let life = self.entropy.next_u64();
        let map_run = self.map_runs.get(&id)?;
        let index = map_run.next_child;
        let parent = self.slots.get(&map_run.row.execution)?;
        let revision = self.registry.known(map_run.row.definition)?;
        let machine_name = map_run.machine_name(self.registry.name(parent.state_machine)?);
        let name: Arc<str> = child_name(&map_run.row.uuid, index).into();
        let data = Payload::from(Arc::new(input));
        let start = Start {
            definition: map_run.processor.clone().ok()?,
            context: context(&self.arns, &machine_name, &name, revision, now),
            input: data.clone(),
        };
        let child = ChildRow { map_run: id, index, items, attempt: map_run.row.redrives };
        let awake = Awake {
            arn: Arc::clone(&start.context.execution_arn),
            definition: map_run.row.definition,
            birth: Some(Birth {
                state_machine: parent.state_machine,
                definition: map_run.row.definition,
                name: name.to_string(),
                input: data.text(),
                started_at: now,
                child: Some(child),
                version: None,
                alias: None,
            }),
            run: Run::new(start),
            started_at: now,
            input: data,
            next_batch: 0,
            next_seq: 0,
            more: false,
            is_child: true,
            keeping: if map_run.is_express() { Keeping::Ends { life } } else { Keeping::Journal },
            last_write: 0,
            redrives: 0,
        };
        Some(NewChild { state_machine: parent.state_machine, name, limits: map_run.limits, awake })
    }

    /// The end of an execution is on disk. If it is a child, it counts from now on.
    pub(in crate::kernel) fn child_ended(&mut self, id: ExecutionId) {
        let Some(slot) = self.slots.get(&id) else { return };
        let (Some(child), Life::Ended { status, .. }) = (slot.child, &slot.life) else { return };
        let Some(map_run) = self.map_runs.get_mut(&child.map_run) else { return };
        map_run.running.remove(&id);
        map_run.count_child(&child, *status);
        self.due_map_runs.insert(child.map_run);
    }
}

/// What comes of taking items.
enum Next {
    /// The input of a child, and how many items are in it.
    Child(Value, u64),
    /// There is none now.
    Nothing,
    /// An item cannot be selected.
    Failed(Reason),
}

/// A child that has no place yet.
struct NewChild {
    state_machine: StateMachineId,
    name: Arc<str>,
    limits: Limits,
    awake: Awake,
}

impl MapRun {
    /// The items that are left, if no more come.
    fn last_child(&mut self) -> Next {
        match &self.plan.batch {
            Some(form) if self.is_exhausted() && !self.batch.is_empty() => {
                let (input, items) = self.batch.take(form);
                Next::Child(input, items)
            }
            _ => Next::Nothing,
        }
    }

    /// Whether its children are of type EXPRESS.
    pub(super) fn is_express(&self) -> bool {
        let state = self.processor.as_ref().ok().and_then(|machine| machine.get(self.row.state));
        let Some(StateKind::Map(map)) = state.map(|state| &state.kind) else { return false };
        let form = map.distributed.as_ref();
        form.is_some_and(|form| form.execution_type == WorkflowType::Express)
    }

    fn has_room(&self) -> bool {
        let max = match self.row.max_concurrency as usize {
            0 => MAP_RUN_CHILDREN_DEFAULT,
            bound => bound.min(MAP_RUN_CHILDREN_MAX),
        };
        self.running.len() < max
    }
}

/// The name of a child: a UUID (version 8) of the Map run's own and its number. So names of one Map run count up, which
/// keeps the index of names compact, and a child that never came to disk is called the same when it starts again.
fn child_name(map_run: &str, index: u64) -> String {
    let run = uuid::Uuid::parse_str(map_run).unwrap_or_default();
    let (high, _) = run.as_u64_pair();
    let bits = (u128::from(high) << 64) | u128::from(index);
    uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

fn unreadable() -> Reason {
    let cause = "The definition of the item processor can no longer be read.".to_owned();
    Reason { error: Some("States.Runtime".to_owned()), cause: Some(cause) }
}
