//! How a run stands between two entries: its frames, and what each of them is about to do.
//!
//! A run has a root frame and one per Parallel branch and Map iteration that is under way. A frame is in
//! exactly one state of the machine, and its [`Step`] says how far it has come there.
//!
//! Left to others: how entries change frames (`apply`), what a frame does next ([`crate::states`]).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stepwell_asl::Data;
use stepwell_asl::model::StateId;
use stepwell_asl::variable::Assigned;

use crate::event::{EventId, MapRunPlan, Payload, Report, TaskLimit, TaskResource};
use crate::failure::Failure;

/// Names a frame within its run; counts from the root in the order of opening, never used twice.
pub type FrameId = u64;

/// The frame that is there from start to end.
pub(crate) const ROOT: FrameId = 0;

/// A line of states under way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    /// The frame whose Parallel or Map state opened this one, and the index of the branch or iteration.
    pub(crate) parent: Option<(FrameId, usize)>,
    /// The state that it is in or about to enter.
    pub(crate) state: StateId,
    /// The raw input of that state; once the frame has ended, its output.
    pub(crate) input: Payload,
    /// What the next event follows from.
    pub(crate) cursor: EventId,
    /// What the event that entered the state follows from.
    pub(crate) before: EventId,
    /// The event that entered the state.
    pub(crate) entered: EventId,
    /// When the state was entered.
    pub(crate) entered_at: Timestamp,
    /// The variables that its states have assigned.
    pub(crate) variables: Assigned,
    /// How often each Retrier of the state was used during this visit.
    pub(crate) retries: Vec<u64>,
    /// How far it has come.
    pub(crate) step: Step,
}

/// How far a frame has come in its state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// To enter the state. Goes on by itself.
    Enter,
    /// To select the item and enter the first state of a Map iteration. Goes on by itself.
    EnterItem,
    /// To do what the state does. Goes on by itself.
    Work,
    /// A task is scheduled; waits for its outcome or for a limit.
    Task(Box<OpenTask>),
    /// A Distributed Map runs; before its Map run is recorded, it goes on by itself.
    MapRun(Box<OpenMapRun>),
    /// The task or Map run has a result. Goes on by itself.
    TaskSucceeded(Data),
    /// The task failed. Goes on by itself.
    TaskFailed(Failure),
    /// The Map run failed. Goes on by itself.
    MapRunFailed(Box<OpenMapRun>, Failure),
    /// A Wait state waits.
    Waiting(Timestamp),
    /// The state failed and is tried again then.
    Backoff(Timestamp),
    /// A Parallel or Map state has frames of its own.
    Fork(Box<Fork>),
    /// The Parallel or Map state failed with those frames: they are laid up for a redrive. Something follows at once.
    ForkFailed(Box<Fork>),
    /// The frame has come to its end. Goes on by itself.
    Ended,
}

impl Step {
    /// Whether the frame goes on without the world.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Enter
            | Self::EnterItem
            | Self::Work
            | Self::TaskSucceeded(_)
            | Self::TaskFailed(_)
            | Self::MapRunFailed(..)
            | Self::Ended => true,
            Self::Fork(fork) => fork.has_room() || fork.is_complete(),
            Self::MapRun(run) => run.started.is_none(),
            Self::Task(_) | Self::Waiting(_) | Self::Backoff(_) | Self::ForkFailed(_) => false,
        }
    }

    /// Whether the frame has entered its state and not left it.
    pub(crate) fn is_inside(&self) -> bool {
        !matches!(self, Self::Enter | Self::EnterItem | Self::Ended)
    }

    /// Whether the frame may leave its state: it has entered it, and none of its own frames is under way.
    pub(crate) fn may_be_left(&self) -> bool {
        match self {
            Self::Fork(fork) => fork.is_complete(),
            _ => self.is_inside(),
        }
    }

    /// When the frame goes on even if nothing happens.
    pub(crate) fn timer(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting(at) | Self::Backoff(at) => Some(*at),
            Self::Task(task) => task.limit().map(|(at, _)| at),
            _ => None,
        }
    }
}

/// A task that has no outcome yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenTask {
    pub(crate) scheduled: EventId,
    pub(crate) resource: TaskResource,
    pub(crate) parameters: Data,
    pub(crate) started: bool,
    /// Whether the history says that it started. A task that was given back has to start once more.
    pub(crate) is_start_told: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) heartbeat: Option<Duration>,
    /// From when `timeout` counts; nothing for an activity that no worker has taken.
    pub(crate) running_since: Option<Timestamp>,
    /// From when `heartbeat` counts.
    pub(crate) alive_at: Option<Timestamp>,
    /// With which others may end it.
    pub(crate) token: Option<Arc<str>>,
    /// The response of the service that the task goes on at.
    pub(crate) submitted: Option<Data>,
    /// How it ended, while the service has not answered yet.
    pub(crate) reported: Option<Report>,
}

impl OpenTask {
    /// Somebody works on it.
    pub(crate) fn begin(&mut self, at: Timestamp) {
        self.started = true;
        self.running_since.get_or_insert(at);
        self.alive_at.get_or_insert(at);
    }

    /// Whether somebody must work on it: a handler, or a worker that has yet to take it. Otherwise it only waits for
    /// its token.
    pub(crate) fn is_outstanding(&self) -> bool {
        match self.resource {
            TaskResource::Lambda(_) => true,
            TaskResource::Activity(_) => !self.started,
            TaskResource::Service(..) => {
                !(self.resource.waits_for_token() && self.submitted.is_some())
            }
        }
    }

    /// When `TimeoutSeconds` are over.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        later(self.running_since?, self.timeout?)
    }

    /// The limit that will be exceeded first, and when.
    pub(crate) fn limit(&self) -> Option<(Timestamp, TaskLimit)> {
        let timeout = self.deadline().map(|at| (at, TaskLimit::Timeout));
        let silence = self
            .alive_at
            .zip(self.heartbeat)
            .and_then(|(at, heartbeat)| later(at, heartbeat))
            .map(|at| (at, TaskLimit::Heartbeat));
        [timeout, silence].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

/// A Map run that has no outcome yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenMapRun {
    /// What `ItemSelector` sees.
    pub(crate) input: Data,
    /// The items, unless they are read from outside.
    pub(crate) items: Option<Data>,
    /// What it was started with.
    pub(crate) started: Option<StartedMapRun>,
    /// What is to be redriven; nothing if it is to start.
    pub(crate) stopped: Option<StartedMapRun>,
}

/// What a Map run was started with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StartedMapRun {
    pub(crate) scheduled: EventId,
    pub(crate) arn: Arc<str>,
    pub(crate) plan: Arc<MapRunPlan>,
    pub(crate) redrives: u32,
}

impl Step {
    /// The id of the event that handed out what the frame waits for: a task or a Map run.
    pub(crate) fn scheduled(&self) -> Option<EventId> {
        match self {
            Self::Task(task) => Some(task.scheduled),
            Self::MapRun(run) => run.started.as_ref().map(|started| started.scheduled),
            _ => None,
        }
    }

    /// Whether something was handed out for the frame whose outcome is still to come.
    pub(crate) fn is_outstanding(&self) -> bool {
        match self {
            Self::Task(task) => task.is_outstanding(),
            Self::MapRun(run) => run.started.is_some(),
            _ => false,
        }
    }
}

/// The last instant that a timer can name, in the year 9999.
pub(crate) const END_OF_TIME: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// `from + by`, or nothing if that lies beyond the end of time.
pub(crate) fn later(from: Timestamp, by: Duration) -> Option<Timestamp> {
    from.checked_add(by).ok().filter(|at| *at <= END_OF_TIME)
}

/// The frames of a Parallel or Map state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fork {
    /// What branches get, and what `ItemSelector` sees.
    pub(crate) input: Data,
    /// The items of a Map state.
    pub(crate) items: Option<Data>,
    /// How many may run at a time; 0 is without bound.
    pub(crate) max_concurrency: usize,
    /// How many were started.
    pub(crate) started: usize,
    /// Those under way.
    pub(crate) running: BTreeSet<FrameId>,
    /// The output of each, in order.
    pub(crate) results: Vec<Option<Data>>,
    /// What the next iteration follows from.
    pub(crate) previous: EventId,
}

impl Fork {
    /// Whether another iteration may start.
    pub(crate) fn has_room(&self) -> bool {
        let is_allowed = self.max_concurrency == 0 || self.running.len() < self.max_concurrency;
        is_allowed && self.started < self.results.len()
    }

    /// Whether every frame has come to its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.running.is_empty() && self.started == self.results.len()
    }

    /// The item of an iteration.
    pub(crate) fn item(&self, index: usize) -> Option<&serde_json::Value> {
        self.items.as_deref()?.get(index)
    }

    /// The outputs as one array.
    pub(crate) fn output(&self) -> serde_json::Value {
        let outputs = self.results.iter().flatten();
        serde_json::Value::Array(outputs.map(|output| (**output).clone()).collect())
    }
}

impl Frame {
    /// A frame about to enter its first state.
    pub(crate) fn new(
        parent: Option<(FrameId, usize)>,
        state: StateId,
        input: Payload,
        step: Step,
        cursor: EventId,
        at: Timestamp,
    ) -> Self {
        Self {
            parent,
            state,
            input,
            cursor,
            before: 0,
            entered: 0,
            entered_at: at,
            variables: Assigned::new(),
            retries: Vec::new(),
            step,
        }
    }

    /// What a failed evaluation follows from. AWS evaluates the fields of a state while it enters it: the
    /// failure then follows from what came before.
    pub(crate) fn before_evaluation(&self) -> EventId {
        if self.cursor == self.entered && self.step == Step::Work {
            self.before
        } else {
            self.cursor
        }
    }

    /// `$$.State.RetryCount`
    pub(crate) fn retry_count(&self) -> u64 {
        self.retries.iter().sum()
    }

    /// The raw input of the state.
    pub(crate) fn data(&self) -> Data {
        Arc::clone(self.input.data())
    }
}
