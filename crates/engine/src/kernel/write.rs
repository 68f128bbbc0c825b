//! What the kernel wants done, in the only order that is allowed.

use std::sync::Arc;

use jiff::Timestamp;
use stepwell_asl::Data;
use stepwell_machine::{EventId, MapRunData, MapRunPlan, Run, ScheduledTask};
use stepwell_task::IdempotencyKey;

use super::event::Reply;
use super::express::ExpressOrder;
use crate::error::Error;
use crate::execution_log::LogOrder;
use crate::record::StatusChange;
use crate::store::{ExecutionId, MapRunId, Record};

/// Records to commit, and what to do **once they are on disk**: a command or an answer can leave the kernel
/// in no other way than behind the records that justify it.
///
/// Writes are performed in the order in which the kernel gave them. Several may share one commit.
#[derive(Debug)]
pub struct Write {
    /// Counts up by one from 1.
    pub number: u64,
    /// To commit, all or nothing. May be empty: then the actions wait for the writes before.
    pub records: Vec<Record>,
    /// To perform after the commit, in order.
    pub actions: Vec<Action>,
    /// Whether the kernel wants to hear that this write is on disk. It need not hear of every one: that
    /// would wake its thread once per commit for nothing.
    pub receipt: bool,
}

impl Write {
    /// Journal entries in the records; a turn without any counts as one.
    pub fn entries(&self) -> usize {
        let entries = |record: &Record| match record {
            Record::Turn(turn) => turn.entries.len().max(1),
            Record::StateMachine(_)
            | Record::Definition(_)
            | Record::Version(_)
            | Record::VersionGone { .. }
            | Record::Alias(_)
            | Record::AliasGone { .. }
            | Record::Activity(_)
            | Record::ActivityDeleted { .. }
            | Record::MapRun(_) => 0,
        };
        self.records.iter().map(entries).sum()
    }
}

/// What to do after a commit.
#[derive(Debug)]
pub enum Action {
    /// Hand a task to its handler.
    Dispatch(TaskOrder),
    /// The outcome of a task is no longer wanted.
    Cancel {
        /// The execution.
        execution: ExecutionId,
        /// The id of the task's scheduled event.
        scheduled: EventId,
    },
    /// Give a task of an activity to the worker that took it: with [`deliver`](Delivery::deliver).
    Deliver(Delivery),
    /// Read items of a Map run.
    ReadItems(ReadOrder),
    /// No more items of a Map run are wanted.
    CloseItems(MapRunId),
    /// Write the results of a Map run.
    WriteResults(WriteOrder),
    /// Log events of an execution.
    Log(LogOrder),
    /// Run an Express execution in memory, unless there are too many already.
    RunExpress(ExpressOrder),
    /// Tell the subscribers.
    Announce(StatusChange),
    /// Answer a request.
    Answer(Answer),
}

/// A task to hand to its handler.
#[derive(Debug, Clone)]
pub struct TaskOrder {
    /// The execution.
    pub execution: ExecutionId,
    /// Its ARN.
    pub execution_arn: Arc<str>,
    /// The task.
    pub task: ScheduledTask,
    /// Set if the task does not outlive this process, because its execution would begin anew in another.
    pub life: Option<u64>,
}

impl TaskOrder {
    /// Names the task to its handler.
    pub fn key(&self) -> IdempotencyKey {
        let (arn, scheduled) = (&self.execution_arn, self.task.scheduled);
        match self.life {
            None => IdempotencyKey::new(arn, scheduled),
            Some(life) => IdempotencyKey::of_life(arn, scheduled, life),
        }
    }
}

/// A task of an activity on its way to a worker.
#[derive(Debug)]
pub struct Delivery {
    pub(super) order: TaskOrder,
    pub(super) reply: Reply<HandOut>,
}

impl Delivery {
    /// Gives the task to the worker. If the worker does not take it, `give_back` is called with it, so that the
    /// kernel hears of it ([`Event::GivenBack`](super::Event::GivenBack)).
    pub fn deliver(self, give_back: impl FnOnce(TaskOrder) + Send + 'static) {
        let hand_out = HandOut(Some((self.order, Box::new(give_back))));
        // A worker that has gone drops what it was sent, which gives it back.
        drop(self.reply.send(Ok(hand_out)));
    }
}

/// A task of an activity in the hands of a worker. Dropped without being taken, it is given back.
pub struct HandOut(Option<(TaskOrder, GiveBack)>);

type GiveBack = Box<dyn FnOnce(TaskOrder) + Send>;

impl HandOut {
    /// Takes the task for good.
    pub fn take(mut self) -> TaskOrder {
        self.0.take().expect("it is taken once").0
    }
}

impl Drop for HandOut {
    fn drop(&mut self) {
        if let Some((order, give_back)) = self.0.take() {
            give_back(order);
        }
    }
}

impl std::fmt::Debug for HandOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HandOut")
    }
}

/// Items to read.
#[derive(Debug, Clone)]
pub struct ReadOrder {
    /// The Map run.
    pub map_run: MapRunId,
    /// How often it was redriven.
    pub attempt: u32,
    /// Its `ItemReader`.
    pub reader: MapRunData,
    /// So many items were read before.
    pub skip: u64,
    /// So many are wanted at most.
    pub count: usize,
}

/// Results to write, or to collect if there is no place to write them to.
#[derive(Debug, Clone)]
pub struct WriteOrder {
    /// The Map run.
    pub map_run: MapRunId,
    /// How often it was redriven.
    pub attempt: u32,
    /// Its ARN.
    pub arn: Arc<str>,
    /// Its `ResultWriter`.
    pub writer: Option<MapRunData>,
    /// What was not started, if it failed.
    pub pending: Option<Box<Pending>>,
}

/// The items of a Map run that are in no child, and what is needed to make inputs of them.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its parent.
    pub run: Run,
    /// The id of the event that started it.
    pub scheduled: EventId,
    /// The items in the input of the Map state, unless they are read.
    pub given: Option<Data>,
    /// How they were to be read and batched.
    pub plan: Arc<MapRunPlan>,
    /// So many items are in children.
    pub taken: u64,
    /// The time of the evaluations.
    pub now: Timestamp,
    /// Seed of what they draw.
    pub seed: u64,
}

/// An answer on its way: give it with [`send`](Self::send).
pub struct Answer(Box<dyn FnOnce() + Send>);

impl Answer {
    pub(super) fn new<T: Send + 'static>(reply: Reply<T>, answer: Result<T, Error>) -> Self {
        // Whoever asked may have gone; then nobody misses the answer.
        Self(Box::new(move || drop(reply.send(answer))))
    }

    /// Gives the answer.
    pub fn send(self) {
        (self.0)();
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer")
    }
}
