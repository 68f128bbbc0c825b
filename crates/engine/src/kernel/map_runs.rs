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

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use stepwell_asl::StateMachine;
use stepwell_asl::model::StateKind;
use stepwell_machine::{
    Command, EventId, Input, Limits, MapRunBatch, MapRunPlan, Payload, Reason, Run, Start,
    StartMapRun, TaskResult, child_item,
};

use super::fold::context;
use super::map_run_redrives::Redrive;
use super::registry::Revision;
use super::slot::{Awake, Letter, Life};
use super::write::{Action, ReadOrder, WriteOrder};
use super::{Kernel, MapRunChange, Mode};
use crate::error::{Error, Halted, StoreError};
use crate::limits::{
    MAP_RUN_CHILDREN_DEFAULT, MAP_RUN_CHILDREN_MAX, MAP_RUN_ITEMS_READ, MAP_RUN_RESULTS_READ,
};
use crate::record::Status;
use crate::results;
use crate::store::{
    Birth, ChildRow, Counts, ExecutionId, MapRunId, MapRunRow, Record, StateMachineId,
};

/// A Map run under way.
#[derive(Debug)]
pub(super) struct MapRun {
    pub(super) row: MapRunRow,
    /// What its children execute.
    pub(super) processor: Result<Arc<StateMachine>, Error>,
    plan: Arc<MapRunPlan>,
    arn: Arc<str>,
    source: Source,
    batch: Batch,
    /// The number of the next child.
    next_child: u64,
    pub(super) running: HashSet<ExecutionId>,
    pub(super) executions: Counts,
    pub(super) items: Counts,
    pub(super) stage: Stage,
    /// Whether its children were told to stop: once is enough, as no more start then.
    pub(super) has_stopped: bool,
    /// Whether something happened that it has not looked at.
    pub(super) is_due: bool,
    /// How far its redrive has come.
    pub(super) redrive: Redrive,
}

/// Where the items come from.
#[derive(Debug, Default)]
struct Source {
    /// The items in the input of the Map state, unless they are read.
    given: Option<Arc<Value>>,
    /// Those that were read and not taken.
    read: VecDeque<Value>,
    /// Whether more were asked for.
    is_reading: bool,
    /// Whether there are no more behind those that were read.
    is_at_end: bool,
    /// Items taken.
    taken: u64,
}

/// Items of the next child.
#[derive(Debug, Default)]
struct Batch {
    items: Vec<Value>,
    bytes: usize,
}

/// How far a Map run has come.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// Children start.
    Open,
    /// It failed, or nobody wants its results: its children are stopped.
    Stopping(Option<Reason>),
    /// Its results are on their way out.
    Writing,
}

impl Kernel {
    /// Makes a Map run of what a turn of its parent started.
    pub(super) fn open_map_run(
        &mut self,
        parent: ExecutionId,
        command: Command,
        now: Timestamp,
    ) -> Option<Record> {
        let Command::StartMapRun(start) = command else { return None };
        if start.redrives > 0 {
            return self.reopen_map_run(parent, &start, now);
        }
        let revision = self.revision_of(parent)?;
        self.last_map_run += 1;
        let row = new_row(self.last_map_run, parent, &revision, &start, now)?;
        let mut map_run = MapRun::new(row.clone(), processor(&revision, &row));
        map_run.attach(&start);
        self.map_runs.insert(row.id, map_run);
        Some(Record::MapRun(row))
    }

    /// The revision that an execution in memory runs.
    pub(super) fn revision_of(&self, id: ExecutionId) -> Option<Arc<Revision>> {
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
        let mut ids: Vec<MapRunId> = self.map_runs.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let parent = self.map_runs[&id].row.execution;
            self.wake(parent)?;
            let (executions, items) = self.archive.child_counts(id)?;
            let running = self.children_of(id);
            let start = self.open_command(id);
            let Some(map_run) = self.map_runs.get_mut(&id) else { continue };
            map_run.count_on(executions, items, running);
            match start {
                Some(start) => map_run.attach(&start),
                None => map_run.stage = Stage::Stopping(None),
            }
        }
        Ok(())
    }

    fn children_of(&self, id: MapRunId) -> HashSet<ExecutionId> {
        let is_child = |child: Option<ChildRow>| child.is_some_and(|child| child.map_run == id);
        let slots = self.slots.iter();
        slots.filter(|(_, slot)| is_child(slot.child)).map(|(id, _)| *id).collect()
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

    /// Map runs whose results are no longer wanted: those that a turn cancelled, or all of a parent that ended.
    pub(super) fn cancel_map_runs(
        &mut self,
        parent: ExecutionId,
        cancelled: &[EventId],
        has_ended: bool,
    ) {
        if self.map_runs.is_empty() {
            return;
        }
        for map_run in self.map_runs.values_mut().filter(|it| it.row.execution == parent) {
            if has_ended || cancelled.contains(&map_run.row.scheduled) {
                map_run.stage = Stage::Stopping(None);
                map_run.is_due = true;
            }
        }
    }

    /// The end of an execution is on disk. If it is a child, it counts from now on.
    pub(super) fn child_ended(&mut self, id: ExecutionId) {
        let Some(slot) = self.slots.get(&id) else { return };
        let (Some(child), Life::Ended { status, .. }) = (slot.child, &slot.life) else { return };
        let Some(map_run) = self.map_runs.get_mut(&child.map_run) else { return };
        map_run.running.remove(&id);
        map_run.count_child(&child, *status);
        map_run.is_due = true;
    }

    pub(super) fn items_read(&mut self, id: MapRunId, skip: u64, items: Vec<Value>, end: bool) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        // What was asked for before a redrive may come after it.
        if !map_run.source.is_reading || skip != map_run.source.behind() {
            return;
        }
        map_run.source.is_reading = false;
        map_run.source.is_at_end = end;
        map_run.source.read.extend(items);
        map_run.is_due = true;
    }

    /// A Map run cannot go on: its children are stopped first.
    pub(super) fn fail_map_run(&mut self, id: MapRunId, reason: Reason) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        if map_run.stage == Stage::Open {
            map_run.stage = Stage::Stopping(Some(reason));
            map_run.is_due = true;
        }
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
        self.write(vec![Record::MapRun(row)], Vec::new(), None);
        Ok(())
    }

    /// Lets every Map run go on to which something happened.
    pub(super) fn drive_map_runs(&mut self, now: Timestamp) -> Result<(), Halted> {
        if !self.has_due_map_run() {
            return Ok(());
        }
        let due = self.map_runs.iter().filter(|(_, map_run)| map_run.is_due);
        let mut due: Vec<MapRunId> = due.map(|(id, _)| *id).collect();
        due.sort_unstable();
        due.into_iter().try_for_each(|id| self.drive(id, now))
    }

    pub(super) fn has_due_map_run(&self) -> bool {
        self.map_runs.values().any(|map_run| map_run.is_due)
    }

    /// Lets a Map run go on as far as it can: children start, more items are asked for, results are given.
    fn drive(&mut self, id: MapRunId, now: Timestamp) -> Result<(), Halted> {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return Ok(()) };
        map_run.is_due = false;
        if let Some(reason) = map_run.threshold_exceeded() {
            map_run.stage = Stage::Stopping(Some(reason));
        }
        match map_run.stage.clone() {
            Stage::Open => self.start_children(id, now),
            Stage::Stopping(reason) => {
                self.stop_children(id, reason, now);
                Ok(())
            }
            Stage::Writing => Ok(()),
        }
    }

    fn start_children(&mut self, id: MapRunId, now: Timestamp) -> Result<(), Halted> {
        let parent = self.map_runs[&id].row.execution;
        if self.mode != Mode::Open {
            return Ok(());
        }
        self.wake(parent).map_err(|error| self.halt(error.to_string()))?;
        while self.map_runs[&id].has_room() {
            if self.redrive_child(id)? {
                continue;
            }
            match self.next_child(id, now) {
                Next::Child(input, items) => self.start_child(id, input, items, now),
                Next::Nothing => break,
                Next::Failed(reason) => {
                    self.fail_map_run(id, reason);
                    return self.drive(id, now);
                }
            }
        }
        self.read_on(id);
        if self.map_runs[&id].is_complete() {
            return self.give_results(id, now);
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
            let Some(item) = map_run.next_item() else {
                let is_last = map_run.is_exhausted() && !map_run.batch.items.is_empty();
                return if is_last { map_run.take_batch() } else { Next::Nothing };
            };
            let index = map_run.source.taken - 1;
            let seed = self.entropy.next_u64();
            let item = match child_item(&parent.run, scheduled, index, item, now, seed) {
                Ok(item) => item,
                Err(reason) => return Next::Failed(reason),
            };
            if map_run.plan.batch.is_none() {
                return Next::Child(item, 1);
            }
            if let Some(full) = map_run.add_to_batch(item) {
                return full;
            }
        }
    }

    fn start_child(&mut self, id: MapRunId, input: Value, items: u64, now: Timestamp) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        let index = map_run.next_child;
        map_run.next_child += 1;
        let Some(child) = self.new_child(id, index, input, items, now) else {
            return self.fail_map_run(id, unreadable());
        };
        let NewChild { state_machine, name, limits, awake } = child;
        let execution = self.place(state_machine, name, awake);
        if let Some(map_run) = self.map_runs.get_mut(&id) {
            map_run.running.insert(execution);
        }
        self.deliver(execution, Letter::from(Input::Start { limits }));
    }

    fn new_child(
        &self,
        id: MapRunId,
        index: u64,
        input: Value,
        items: u64,
        now: Timestamp,
    ) -> Option<NewChild> {
        let map_run = self.map_runs.get(&id)?;
        let parent = self.slots.get(&map_run.row.execution)?;
        let Life::Awake(around) = &parent.life else { return None };
        let limits = around.run.limits();
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
            last_write: 0,
            redrives: 0,
        };
        Some(NewChild { state_machine: parent.state_machine, name, limits, awake })
    }

    /// Asks for more items before the last ones are taken.
    fn read_on(&mut self, id: MapRunId) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        let Some(count) = map_run.wants_to_read() else { return };
        let Some(reader) = map_run.plan.reader.clone() else { return };
        map_run.source.is_reading = true;
        let skip = map_run.source.behind();
        let order = ReadOrder { map_run: id, reader, skip, count };
        self.write(Vec::new(), vec![Action::ReadItems(order)], None);
    }

    fn stop_children(&mut self, id: MapRunId, reason: Option<Reason>, now: Timestamp) {
        let Some(map_run) = self.map_runs.get_mut(&id) else { return };
        let running: Vec<ExecutionId> = map_run.running.iter().copied().collect();
        let has_stopped = std::mem::replace(&mut map_run.has_stopped, true);
        if running.is_empty() {
            let Reason { error, cause } = reason.unwrap_or_default();
            let error = error.unwrap_or_default();
            return self.finish_map_run(id, TaskResult::Failed { error, cause }, now);
        }
        for child in running.into_iter().filter(|_| !has_stopped) {
            self.deliver(child, Input::Stop { error: None, cause: None }.into());
        }
    }

    /// Every child ended: the results go to the parent, or out.
    fn give_results(&mut self, id: MapRunId, now: Timestamp) -> Result<(), Halted> {
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
    pub(super) fn finish_map_run(&mut self, id: MapRunId, outcome: TaskResult, now: Timestamp) {
        let Some(mut map_run) = self.map_runs.remove(&id) else { return };
        let is_wanted = map_run.stage != Stage::Stopping(None);
        map_run.row.stopped_at = Some(now);
        map_run.row.status = match &outcome {
            _ if !is_wanted => Status::Aborted,
            TaskResult::Succeeded { .. } => Status::Succeeded,
            TaskResult::Failed { .. } => Status::Failed,
        };
        let (parent, scheduled) = (map_run.row.execution, map_run.row.scheduled);
        let row = Record::MapRun(map_run.row);
        if !is_wanted {
            self.write(vec![row], vec![Action::CloseItems(id)], None);
            return;
        }
        self.write(Vec::new(), vec![Action::CloseItems(id)], None);
        if let Some(slot) = self.slots.get_mut(&parent) {
            slot.ended_map_runs.push(row);
        }
        self.deliver(parent, Input::MapRunFinished { scheduled, outcome }.into());
    }
}

/// A child that has no place yet.
struct NewChild {
    state_machine: StateMachineId,
    name: Arc<str>,
    limits: Limits,
    awake: Awake,
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

impl Source {
    /// How many items come before those that are to be read next.
    fn behind(&self) -> u64 {
        self.taken + self.read.len() as u64
    }
}

impl MapRun {
    pub(super) fn new(row: MapRunRow, processor: Result<Arc<StateMachine>, Error>) -> Self {
        Self {
            row,
            processor,
            plan: Arc::default(),
            arn: "".into(),
            source: Source::default(),
            batch: Batch::default(),
            next_child: 0,
            running: HashSet::new(),
            executions: Counts::default(),
            items: Counts::default(),
            stage: Stage::Open,
            has_stopped: false,
            is_due: true,
            redrive: Redrive::default(),
        }
    }

    /// Takes over what the parent has open.
    pub(super) fn attach(&mut self, start: &StartMapRun) {
        self.plan = Arc::clone(&start.plan);
        self.arn = Arc::clone(&start.arn);
        self.source.given.clone_from(&start.items);
        if start.plan.max_items.is_some_and(|max| max <= 0) {
            self.stage = Stage::Stopping(Some(reader_failed("field MaxItems must be positive")));
        }
    }

    /// Takes over what is on disk of its children.
    pub(super) fn count_on(
        &mut self,
        executions: Counts,
        items: Counts,
        running: HashSet<ExecutionId>,
    ) {
        self.next_child = executions.total();
        self.source.taken = items.total();
        self.executions = Counts { running: 0, ..executions };
        self.items = Counts { running: 0, ..items };
        self.running = running;
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
        self.is_due = true;
    }

    fn has_room(&self) -> bool {
        let max = match self.row.max_concurrency as usize {
            0 => MAP_RUN_CHILDREN_DEFAULT,
            bound => bound.min(MAP_RUN_CHILDREN_MAX),
        };
        self.running.len() < max
    }

    fn items_left(&self) -> u64 {
        let max = self.plan.max_items.map_or(u64::MAX, |max| max.max(0) as u64);
        max.saturating_sub(self.source.taken)
    }

    fn next_item(&mut self) -> Option<Value> {
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
    fn is_exhausted(&self) -> bool {
        let is_empty = match &self.source.given {
            Some(items) => self.source.taken >= items.as_array().map_or(0, Vec::len) as u64,
            None => self.source.is_at_end && self.source.read.is_empty(),
        };
        is_empty || self.items_left() == 0
    }

    fn is_complete(&self) -> bool {
        self.running.is_empty()
            && self.executions.pending_redrive == 0
            && self.batch.items.is_empty()
            && self.is_exhausted()
    }

    /// How many items to ask for, if it is time to ask.
    fn wants_to_read(&self) -> Option<usize> {
        let source = &self.source;
        let waiting = source.read.len();
        let has_enough = waiting >= MAP_RUN_ITEMS_READ / 2 || self.items_left() <= waiting as u64;
        let is_done = source.given.is_some() || source.is_at_end || source.is_reading;
        (!is_done && !has_enough).then_some(MAP_RUN_ITEMS_READ)
    }

    /// Adds an item; the batch before it if it does not fit any more, or with it if that is full.
    fn add_to_batch(&mut self, item: Value) -> Option<Next> {
        let MapRunBatch { max_items, max_bytes, .. } = self.plan.batch.clone()?;
        let bytes = item.to_string().len() + 1;
        let overflows = max_bytes.is_some_and(|max| (self.batch.bytes + bytes) as u64 > max);
        let before = (overflows && !self.batch.items.is_empty()).then(|| self.take_batch());
        self.batch.items.push(item);
        self.batch.bytes += bytes;
        let is_full = max_items.is_some_and(|max| self.batch.items.len() as u64 >= max);
        before.or_else(|| is_full.then(|| self.take_batch()))
    }

    /// `{"BatchInput": {...}, "Items": [...]}`
    fn take_batch(&mut self) -> Next {
        let Batch { items, .. } = std::mem::take(&mut self.batch);
        let count = items.len() as u64;
        let mut input = Map::new();
        if let Some(batch_input) = self.plan.batch.as_ref().and_then(|batch| batch.input.as_ref()) {
            input.insert("BatchInput".to_owned(), (**batch_input).clone());
        }
        input.insert("Items".to_owned(), Value::Array(items));
        Next::Child(Value::Object(input), count)
    }

    /// Why it fails, once more children failed than it tolerates. A share is known when the number of items is.
    fn threshold_exceeded(&self) -> Option<Reason> {
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
    })
}

pub(super) fn processor(revision: &Revision, row: &MapRunRow) -> Result<Arc<StateMachine>, Error> {
    let machine = revision.machine()?;
    match machine.get(row.state).map(|state| &state.kind) {
        Some(StateKind::Map(map)) => Ok(Arc::new(machine.processor(map))),
        _ => Err(Error::Store { reason: format!("the Map state of {} is missing", row.uuid) }),
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

fn reader_failed(cause: &str) -> Reason {
    let error = Some("States.ItemReaderFailed".to_owned());
    Reason { error, cause: Some(cause.to_owned()) }
}

fn unreadable() -> Reason {
    let cause = "The definition of the item processor can no longer be read.".to_owned();
    Reason { error: Some("States.Runtime".to_owned()), cause: Some(cause) }
}
