//! The heart of the engine: one loop's worth of state, without I/O of its own but for reading the store.
//!
//! Whoever drives it (the engine's own thread, or the simulator) tells it [`Event`]s and the time, lets it
//! take [`step`](Kernel::step)s, and performs the [`Write`]s it gives, in order: commit the records, then
//! perform the actions. Commands and answers exist only as actions of a write, so that nothing can be done
//! or said before what justifies it is on disk.
//!
//! Each execution has a slot; letters for it gather in its inbox, and it takes its turn when its place
//! in the queue comes. A turn may build on turns that are not committed yet, because writes are committed
//! in order and a failed one ends the engine.
//!
//! Left to others: what follows from an input (`stepwell-machine`), committing, timers that ring, handlers.

mod activities;
mod administration;
mod aliases;
mod event;
mod executions;
mod express;
mod fold;
mod map_runs;
mod redrive;
pub(crate) mod registry;
mod slot;
mod state_machines;
mod timers;
mod tokens;
mod turn;
mod unreadable;
mod versions;
mod write;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use stepwell_machine::Input;

pub use administration::{Administration, Tagged};
pub use event::{Definition, Event, MapRunChange, Reply, StartRequest};
pub use express::{ExpressOrder, ExpressReply};
pub(crate) use map_runs::Batch;
pub use redrive::{RedriveRequest, RedriveStart};
pub use tokens::TokenRequest;
pub use write::{
    Action, Answer, Delivery, HandOut, Pending, ReadOrder, TaskOrder, Write, WriteOrder,
};

use crate::arn::Arns;
use crate::clock::Entropy;
use crate::error::{Error, Halted, StoreError};
use crate::limits::{UNCOMMITTED_ENTRIES_MAX, UNCOMMITTED_WRITES_MAX};
use crate::store::{Archive, DefinitionId, ExecutionId, MapRunId, Record, StateMachineId};
use activities::{Activities, Worker};
use map_runs::MapRun;
use redrive::Waiting;
use registry::Registry;
use slot::{Letter, Life, Slot};
use state_machines::Change;
use timers::Timers;
pub(crate) use turn::status;

/// The state of the engine.
#[derive(Debug)]
pub struct Kernel {
    arns: Arns,
    archive: Archive,
    entropy: Box<dyn Entropy>,
    registry: Registry,
    slots: HashMap<ExecutionId, Slot>,
    by_name: HashMap<(StateMachineId, Arc<str>), ExecutionId>,
    /// Executions that have something to do, in the order of their turns.
    queue: VecDeque<ExecutionId>,
    timers: Timers,
    activities: Activities,
    map_runs: HashMap<MapRunId, MapRun>,
    /// Map runs to which something happened that they have not looked at.
    due_map_runs: BTreeSet<MapRunId>,
    last_map_run: MapRunId,
    /// Redrives that waited and are to be looked at again.
    redrives: Vec<Waiting>,
    /// How long executions are kept after their end; nothing for ever.
    retention: Option<SignedDuration>,
    last_definition: DefinitionId,
    last_execution: ExecutionId,
    writes: Vec<Write>,
    last_write: u64,
    /// Writes that are not known to be on disk, with what follows when they are.
    uncommitted: VecDeque<Uncommitted>,
    uncommitted_entries: usize,
    mode: Mode,
}

/// What is known of a write that was given out.
#[derive(Debug)]
struct Uncommitted {
    number: u64,
    entries: usize,
    /// The execution that may leave memory once this write is on disk.
    settles: Option<ExecutionId>,
}

/// Whether requests are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mode {
    Open,
    Draining,
    Closing,
    Halted(Halted),
}

impl Kernel {
    /// Takes up a store: everything that was open goes on.
    ///
    /// Executions with open tasks are folded, and their tasks handed out again with the first writes. The
    /// others stay on disk until their time comes or somebody asks for them.
    ///
    /// # Errors
    /// [`StoreError`] if the store is damaged or cannot be read.
    pub fn open(
        arns: Arns,
        archive: Archive,
        entropy: Box<dyn Entropy>,
    ) -> Result<Self, StoreError> {
        let registry = Registry::load(&archive)?;
        let (last_definition, last_execution) = archive.highest_ids()?;
        let activities = Activities::new(archive.activities()?);
        let last_map_run = archive.highest_map_run()?;
        let mut kernel = Self {
            arns,
            archive,
            entropy,
            registry,
            slots: HashMap::new(),
            by_name: HashMap::new(),
            queue: VecDeque::new(),
            timers: Timers::default(),
            activities,
            map_runs: HashMap::new(),
            due_map_runs: BTreeSet::new(),
            last_map_run,
            redrives: Vec::new(),
            retention: None,
            last_definition,
            last_execution,
            writes: Vec::new(),
            last_write: 0,
            uncommitted: VecDeque::new(),
            uncommitted_entries: 0,
            mode: Mode::Open,
        };
        kernel.list_activities();
        kernel.recover()?;
        let (executions, folded) = (kernel.running(), kernel.writes.len());
        tracing::info!(executions, folded, "took up the store");
        Ok(kernel)
    }

    /// Says how long executions are kept after their end: one that is about to be deleted is not redriven.
    #[must_use]
    pub fn keeping_for(self, retention: Option<SignedDuration>) -> Self {
        Self { retention, ..self }
    }

    /// Takes in an event. Requests are answered through the writes.
    ///
    /// # Errors
    /// [`Halted`] if the store cannot be read or a commit failed; the kernel is of no use afterwards.
    pub fn handle(&mut self, event: Event, now: Timestamp) -> Result<(), Halted> {
        match event {
            Event::CreateStateMachine { name, definition, role_arn, configuration, reply } => {
                let answer =
                    self.create_state_machine(&name, definition, role_arn, configuration, now);
                self.answer(reply, answer);
            }
            Event::UpdateStateMachine { name, definition, role_arn, settings, publish, reply } => {
                let change = Change { definition, role_arn, settings, publish };
                let answer = self.update_state_machine(&name, change, now);
                self.answer(reply, answer);
            }
            Event::DeleteStateMachine { name, reply } => {
                let answer = self.delete_state_machine(&name);
                self.answer(reply, answer);
            }
            Event::Administer(request) => self.administer(request, now),
            Event::Start { request, reply } => self.start(request, reply, now)?,
            Event::StartSync { request, reply } => {
                self.start_express(request, ExpressReply::Ended(reply), now)?;
            }
            Event::Stop { state_machine, name, error, cause, reply } => {
                self.stop(&state_machine, &name, Input::Stop { error, cause }, reply)?;
            }
            Event::Redrive { request, reply } => self.redrive(request, reply, now)?,
            Event::Wait { state_machine, name, reply } => self.wait(&state_machine, &name, reply),
            Event::CreateActivity { name, tags, reply } => {
                let answer = self.create_activity(&name, tags, now);
                self.answer(reply, answer);
            }
            Event::DeleteActivity { name, reply } => {
                let answer = self.delete_activity(&name);
                self.answer(reply, answer);
            }
            Event::PollActivity { activity, worker, reply } => {
                self.poll_activity(&activity, Worker { name: worker, reply });
            }
            Event::GivenBack { execution, scheduled } => {
                self.deliver(execution, Input::TaskGivenBack { scheduled }.into());
            }
            Event::Report { request, reply } => self.hear(request, reply)?,
            Event::TaskSubmitted { execution, scheduled, started_at, output } => {
                let input = Input::TaskSubmitted { scheduled, started_at, output };
                self.deliver(execution, input.into());
            }
            Event::TaskStarted { execution, scheduled, at } => {
                self.deliver(execution, Input::TaskStarted { scheduled, at }.into());
            }
            Event::TaskHeartbeat { execution, scheduled } => {
                self.deliver(execution, Input::TaskHeartbeat { scheduled }.into());
            }
            Event::TaskFinished { execution, scheduled, started_at, outcome } => {
                let input = Input::TaskFinished { scheduled, started_at, outcome };
                self.deliver(execution, input.into());
            }
            Event::UpdateMapRun { uuid, change, reply } => {
                let answer = self.update_map_run(&uuid, change);
                self.answer(reply, answer);
            }
            Event::ItemsRead { map_run, skip, items, end } => {
                self.items_read(map_run, skip, items, end);
            }
            Event::ItemsFailed { map_run, attempt, reason } => {
                self.items_failed(map_run, attempt, reason);
            }
            Event::ResultsWritten { map_run, attempt, outcome } => {
                self.results_written(map_run, attempt, outcome, now);
            }
            Event::Committed { through } => self.committed(through),
            Event::CommitFailed { reason } => return Err(self.halt(reason)),
            Event::Nudge => {}
            Event::Drain => {
                self.mode = Mode::Draining;
                self.activities.close();
            }
            Event::Close => self.mode = Mode::Closing,
        }
        Ok(())
    }

    /// Wakes the executions whose time has come.
    pub fn tick(&mut self, now: Timestamp) {
        while let Some(id) = self.timers.pop_due(now) {
            if let Some(slot) = self.slots.get_mut(&id) {
                slot.armed = None;
            }
            self.deliver(id, Input::TimerFired.into());
        }
    }

    /// When [`tick`](Self::tick) is due next.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Whether [`step`](Self::step) has something to do. Not while so much waits for the disk that more
    /// would only fill memory.
    pub fn has_work(&self) -> bool {
        (!self.queue.is_empty() || !self.due_map_runs.is_empty() || !self.redrives.is_empty())
            && self.uncommitted_entries < UNCOMMITTED_ENTRIES_MAX
    }

    /// Whether it was told to close and has decided all that came in before.
    pub fn is_closed(&self) -> bool {
        self.mode == Mode::Closing && self.queue.is_empty()
    }

    /// Executions that run.
    pub fn running(&self) -> usize {
        self.slots.len()
    }

    /// What is to be written and done since the last call, in order.
    pub fn take_writes(&mut self) -> Vec<Write> {
        std::mem::take(&mut self.writes)
    }

    /// Puts a letter into the inbox of an execution. One that is unknown has ended.
    fn deliver(&mut self, id: ExecutionId, letter: Letter) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.inbox.push_back(letter);
        self.enqueue(id);
    }

    /// Gives an execution a place in the queue, if it has none.
    fn enqueue(&mut self, id: ExecutionId) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        if !std::mem::replace(&mut slot.queued, true) {
            self.queue.push_back(id);
        }
    }

    /// Answers once all writes given out so far are on disk: an answer may tell of what they hold.
    fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, answer: Result<T, Error>) {
        self.write(Vec::new(), vec![Action::Answer(Answer::new(reply, answer))], None);
    }

    /// Gives out a write and returns its number.
    fn write(
        &mut self,
        records: Vec<Record>,
        actions: Vec<Action>,
        settles: Option<ExecutionId>,
    ) -> u64 {
        self.last_write += 1;
        let mut write = Write { number: self.last_write, records, actions, receipt: false };
        let entries = write.entries();
        self.uncommitted_entries += entries;
        write.receipt = settles.is_some()
            || self.uncommitted_entries >= UNCOMMITTED_ENTRIES_MAX / 2
            || self.uncommitted.len() >= UNCOMMITTED_WRITES_MAX;
        self.uncommitted.push_back(Uncommitted { number: write.number, entries, settles });
        self.writes.push(write);
        self.last_write
    }

    fn committed(&mut self, through: u64) {
        while self.uncommitted.front().is_some_and(|write| write.number <= through) {
            let write = self.uncommitted.pop_front().expect("it was there a moment ago");
            self.uncommitted_entries -= write.entries;
            if let Some(id) = write.settles {
                self.settle(id, write.number);
            }
        }
    }

    /// Lets an execution leave memory, now that its last write is on disk: for good if it ended, until its
    /// time comes if it only waits.
    fn settle(&mut self, id: ExecutionId, number: u64) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        match &slot.life {
            // An earlier write may settle too: that of a turn after which it only waited.
            Life::Ended { write, .. } if *write <= number => self.dismiss(id),
            Life::Awake(awake) if awake.last_write == number && !slot.queued => {
                slot.life = Life::Dormant;
            }
            Life::Ended { .. } | Life::Awake(_) | Life::Dormant | Life::Unreadable { .. } => {}
        }
    }

    /// Takes an execution that ended out of memory. Whoever asked of it in the last moment is answered.
    fn dismiss(&mut self, id: ExecutionId) {
        self.turn_away(id);
        self.child_ended(id);
        if let Some(slot) = self.slots.remove(&id) {
            self.by_name.remove(&(slot.state_machine, slot.name));
            self.redrives.extend(slot.redrives);
        }
    }

    /// Whether requests are accepted.
    fn accept(&self) -> Result<(), Error> {
        match &self.mode {
            Mode::Open => Ok(()),
            Mode::Draining | Mode::Closing => Err(Error::ShuttingDown),
            Mode::Halted(halted) => Err(Error::Stopped { reason: halted.reason.clone() }),
        }
    }

    fn halt(&mut self, reason: String) -> Halted {
        let halted = Halted { reason };
        self.mode = Mode::Halted(halted.clone());
        halted
    }
}
