//! One execution, folded from its journal, with the indexes that make the next thing to do cheap to find.
//!
//! Left to others: changing it (`apply`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use stepwell_asl::variable::Assigned;
use stepwell_asl::{Data, StateMachine};

use crate::decision::{Command, ScheduledTask, StartMapRun};
use crate::event::{EventId, TaskResource};
use crate::frame::{Frame, FrameId, OpenTask, Step};
use crate::limits::Limits;
use crate::start::Start;
use crate::token;

/// One execution, folded from its journal.
#[derive(Debug, Clone)]
pub struct Run {
    pub(crate) start: Start,
    pub(crate) folded: Folded,
    /// Whether somebody waits for its end by `StartSyncExecution`.
    pub(crate) is_sync: bool,
}

/// What the journal decides: equal journals give equal values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Folded {
    pub(crate) phase: Phase,
    pub(crate) last_event: EventId,
    pub(crate) next_frame: FrameId,
    frames: BTreeMap<FrameId, Frame>,
    /// Frames that a redrive takes up again: those of failed Parallel and Map states, and all of an execution that
    /// ended without success.
    pub(crate) laid_up: BTreeMap<FrameId, Frame>,
    /// How often it was redriven, and when last.
    pub(crate) redrives: u32,
    pub(crate) redriven_at: Option<Timestamp>,
    /// The tokens of the last redrives.
    pub(crate) redrive_tokens: VecDeque<(Arc<str>, Timestamp)>,
    pub(crate) limits: Limits,
    /// When the `TimeoutSeconds` of the machine are over.
    pub(crate) deadline: Option<Timestamp>,
    /// Frames that go on by themselves.
    ready: BTreeSet<FrameId>,
    /// Frames that go on at a time.
    timers: BTreeSet<(Timestamp, FrameId)>,
    /// Open tasks and Map runs by the id of the event that handed them out.
    tasks: BTreeMap<EventId, FrameId>,
    /// How many of them are outstanding.
    outstanding: usize,
}

/// How an execution stands.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum Phase {
    Running,
    Succeeded { output: Data },
    Failed { error: Option<String>, cause: Option<String> },
    TimedOut { error: Option<String>, cause: Option<String> },
    Aborted { error: Option<String>, cause: Option<String> },
}

impl Run {
    /// An execution of which nothing is recorded yet.
    pub fn new(start: Start) -> Self {
        let folded = Folded {
            phase: Phase::Running,
            last_event: 0,
            next_frame: 0,
            frames: BTreeMap::new(),
            laid_up: BTreeMap::new(),
            redrives: 0,
            redriven_at: None,
            redrive_tokens: VecDeque::new(),
            limits: Limits::None,
            deadline: None,
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            tasks: BTreeMap::new(),
            outstanding: 0,
        };
        Self { start, folded, is_sync: false }
    }

    /// An execution of `StartSyncExecution`: as recorded, its context object has no `RedriveCount`.
    pub fn of_sync(start: Start) -> Self {
        Self { is_sync: true, ..Self::new(start) }
    }

    /// The limits that it is held to.
    pub fn limits(&self) -> Limits {
        self.folded.limits
    }

    /// When it started.
    pub fn started_at(&self) -> Timestamp {
        self.start.context.start_time
    }

    /// How it stands.
    pub fn phase(&self) -> &Phase {
        &self.folded.phase
    }

    /// The earliest instant at which [`Input::TimerFired`](crate::Input::TimerFired) is due.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let timer = self.folded.timers.first().map(|(at, _)| *at);
        [timer, self.folded.deadline].into_iter().flatten().min()
    }

    /// Whether there is something to do without the world: the last decision said `more`, and
    /// [`Input::Continue`](crate::Input::Continue) was not given yet.
    pub fn is_ready(&self) -> bool {
        self.folded.next_ready().is_some()
    }

    /// The commands that are outstanding, derived from the folded state alone: what recovery performs. A task that
    /// only waits for its token is not among them.
    pub fn outstanding(&self) -> Vec<Command> {
        let is_outstanding = |frame: &&FrameId| {
            self.folded.frame(**frame).is_some_and(|it| it.step.is_outstanding())
        };
        let frames = self.folded.tasks.values().filter(is_outstanding);
        frames.filter_map(|frame| self.schedule_command(*frame)).collect()
    }

    /// How many commands are [`outstanding`](Self::outstanding).
    pub fn outstanding_count(&self) -> usize {
        self.folded.outstanding
    }

    /// Whether the task of a scheduled event is open.
    pub fn is_open(&self, scheduled: EventId) -> bool {
        self.folded.tasks.contains_key(&scheduled)
    }

    /// Whether this is the token of an open task; nothing if the task is not open, or somebody said already how
    /// it ended.
    pub fn has_token(&self, scheduled: EventId, token: &str) -> Option<bool> {
        let task = self.open_task(scheduled).filter(|task| task.reported.is_none())?;
        Some(task.token.as_deref().is_some_and(|own| token::is_same(own, token)))
    }

    /// Whether somebody may still say how the task of a scheduled event ended.
    pub fn is_reportable(&self, scheduled: EventId) -> bool {
        self.open_task(scheduled).is_some_and(|task| task.reported.is_none())
    }

    fn open_task(&self, scheduled: EventId) -> Option<&OpenTask> {
        match &self.folded.frame(self.folded.task_frame(scheduled)?)?.step {
            Step::Task(task) => Some(task),
            _ => None,
        }
    }

    /// The command that hands over the open task or Map run of a frame.
    pub(crate) fn schedule_command(&self, frame: FrameId) -> Option<Command> {
        let frame = self.folded.frame(frame)?;
        let task = match &frame.step {
            Step::Task(task) => task,
            Step::MapRun(run) => {
                let started = run.started.as_ref()?;
                return Some(Command::StartMapRun(StartMapRun {
                    scheduled: started.scheduled,
                    arn: Arc::clone(&started.arn),
                    state: frame.state,
                    plan: Arc::clone(&started.plan),
                    items: run.items.clone(),
                    redrives: started.redrives,
                    limits: self.folded.limits,
                }));
            }
            _ => return None,
        };
        Some(Command::ScheduleTask(ScheduledTask {
            scheduled: task.scheduled,
            state_name: Arc::clone(&self.machine().state(frame.state).name),
            resource: resource_text(&task.resource),
            parameters: Arc::clone(&task.parameters),
            deadline: task.deadline(),
            heartbeat: task.heartbeat,
            token: task.token.clone(),
            submitted: task.submitted.clone(),
        }))
    }

    /// The definition.
    pub(crate) fn machine(&self) -> &StateMachine {
        &self.start.definition
    }
}

/// Equal if the same was recorded of both; the definition is taken to be the same.
impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.start.context == other.start.context && self.folded == other.folded
    }
}

/// The `Resource` as written in the definition.
fn resource_text(resource: &TaskResource) -> Arc<str> {
    match resource {
        TaskResource::Lambda(arn) | TaskResource::Activity(arn) => Arc::clone(arn),
        TaskResource::Service(service, action) => {
            format!("arn:aws:states:::{service}:{action}").into()
        }
    }
}

impl Folded {
    pub(crate) fn frame(&self, id: FrameId) -> Option<&Frame> {
        self.frames.get(&id)
    }

    /// The variables of all frames, but those that one frame is about to assign anew.
    pub(crate) fn variables_beside<'f>(
        &'f self,
        frame: FrameId,
        assigned: &'f Assigned,
    ) -> impl Iterator<Item = &'f Data> {
        let frames = self.frames.iter();
        frames.flat_map(move |(id, one)| {
            let is_kept = move |name| *id != frame || !assigned.contains_key(name);
            one.variables.iter().filter(move |(name, _)| is_kept(*name)).map(|(_, value)| value)
        })
    }

    /// The frame that opened another.
    pub(crate) fn parent(&self, id: FrameId) -> Option<FrameId> {
        self.frame(id)?.parent.map(|(parent, _)| parent)
    }

    /// The first frame that goes on by itself.
    pub(crate) fn next_ready(&self) -> Option<FrameId> {
        self.ready.first().copied()
    }

    /// The first frame whose time has come.
    pub(crate) fn next_due(&self, now: Timestamp) -> Option<FrameId> {
        self.timers.first().filter(|(at, _)| *at <= now).map(|(_, frame)| *frame)
    }

    /// The frame of an open task.
    pub(crate) fn task_frame(&self, scheduled: EventId) -> Option<FrameId> {
        self.tasks.get(&scheduled).copied()
    }

    /// The open tasks and Map runs.
    pub(crate) fn open_tasks(&self) -> impl Iterator<Item = EventId> {
        self.tasks.keys().copied()
    }

    /// Adds a frame.
    pub(crate) fn open(&mut self, frame: Frame) -> FrameId {
        let id = self.next_frame;
        self.next_frame += 1;
        self.index(id, &frame.step);
        self.frames.insert(id, frame);
        id
    }

    /// Changes a frame; nothing if there is none.
    pub(crate) fn update<T>(
        &mut self,
        id: FrameId,
        change: impl FnOnce(&mut Frame) -> T,
    ) -> Option<T> {
        let mut frame = self.frames.remove(&id)?;
        self.unindex(id, &frame.step);
        let result = change(&mut frame);
        self.index(id, &frame.step);
        self.frames.insert(id, frame);
        Some(result)
    }

    /// Adds a frame that was there before.
    pub(crate) fn take_up(&mut self, id: FrameId, frame: Frame) {
        self.index(id, &frame.step);
        self.frames.insert(id, frame);
    }

    /// Removes a frame and those that it opened.
    pub(crate) fn close(&mut self, id: FrameId) {
        if let Some(frame) = self.laid_up.remove(&id) {
            return self.close_those_of(&frame.step);
        }
        let Some(frame) = self.frames.remove(&id) else { return };
        self.unindex(id, &frame.step);
        self.close_those_of(&frame.step);
    }

    /// Removes the frames that one opened for what it does.
    pub(crate) fn close_those_of(&mut self, step: &Step) {
        if let Step::Fork(fork) | Step::ForkFailed(fork) = step {
            fork.running.iter().for_each(|child| self.close(*child));
        }
    }

    /// Lays up a frame and those that it opened: they do nothing until a redrive.
    pub(crate) fn lay_up(&mut self, id: FrameId) {
        let Some(frame) = self.frames.remove(&id) else { return };
        self.unindex(id, &frame.step);
        if let Step::Fork(fork) = &frame.step {
            fork.running.iter().for_each(|child| self.lay_up(*child));
        }
        self.laid_up.insert(id, frame);
    }

    /// Ends the execution: nothing goes on any more, unless it is redriven.
    pub(crate) fn end(&mut self, phase: Phase) {
        let mut frames = std::mem::take(&mut self.frames);
        if let Phase::Succeeded { .. } = phase {
            self.laid_up.clear();
        } else {
            self.laid_up.append(&mut frames);
        }
        self.phase = phase;
        self.deadline = None;
        self.ready.clear();
        self.timers.clear();
        self.tasks.clear();
        self.outstanding = 0;
    }

    fn index(&mut self, id: FrameId, step: &Step) {
        if step.is_ready() {
            self.ready.insert(id);
        }
        if let Some(at) = step.timer() {
            self.timers.insert((at, id));
        }
        if let Some(scheduled) = step.scheduled() {
            self.tasks.insert(scheduled, id);
            self.outstanding += usize::from(step.is_outstanding());
        }
    }

    fn unindex(&mut self, id: FrameId, step: &Step) {
        if step.is_ready() {
            self.ready.remove(&id);
        }
        if let Some(at) = step.timer() {
            self.timers.remove(&(at, id));
        }
        if let Some(scheduled) = step.scheduled() {
            self.tasks.remove(&scheduled);
            self.outstanding -= usize::from(step.is_outstanding());
        }
    }
}
