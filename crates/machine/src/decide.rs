//! What follows from one input: first what the input says, then everything that goes on without the world.
//!
//! | Input | Entries |
//! | --- | --- |
//! | `Start` | `ExecutionStarted` |
//! | `TaskStarted` | `TaskStarted` |
//! | `TaskHeartbeat` | a hidden fact |
//! | `TaskTaken` | `ActivityStarted` |
//! | `TaskGivenBack` | a hidden fact |
//! | `TaskSubmitted` | `TaskStarted` if it is not recorded yet, then `TaskSubmitted` |
//! | `TaskReported` | `TaskSucceeded` or `TaskFailed`; a hidden fact while the task is not submitted |
//! | `TaskFinished` | `TaskStarted` if it is not recorded yet, then `TaskSucceeded`, `TaskSubmitted` or `TaskFailed` |
//! | `MapRunFinished` | `MapRunSucceeded` or `MapRunFailed` |
//! | `Stop` | `ExecutionAborted` |
//! | `Redrive` | `ExecutionRedriven` |
//! | `Continue`, `TimerFired` | none of their own |
//!
//! Then, until nothing is left or the budget is used up: limits and timers whose time has come, in the
//! order of their time; after them the frames that are ready, the oldest first.
//!
//! Left to others: what a state does ([`crate::states`]), what an entry changes (`apply`).

use std::cell::LazyCell;
use std::sync::Arc;

use jiff::{Timestamp, Unit};
use serde_json::Value;
use stepwell_asl::eval::{Context, Observer, Scope, States, StatesError};
use stepwell_asl::variable::Assigned;
use stepwell_asl::{Data, StateMachine};

use crate::apply::apply;
use crate::context_object;
use crate::data_flow::check_depth;
use crate::decision::{Activities, Command, DecideContext, Decision, Input, TaskResult};
use crate::event::{Entry, Event, EventId, Reason};
use crate::failure::{Failure, fail};
use crate::frame::{Frame, FrameId, ROOT, Step};
use crate::limits::{self, Limits};
use crate::random::SplitMix64;
use crate::run::{Phase, Run};
use crate::states;
use crate::test_state::Inspection;
use crate::token;
use crate::variables::Visible;

/// How many entries a decision may hold before it stops and asks for another call. A step of a frame is
/// never cut in two, so a few more are possible; giving up a Map state takes one step.
///
/// Large enough that one commit covers many transitions, small enough that a run-away loop neither fills
/// memory nor keeps other executions waiting.
pub const ENTRIES_PER_DECISION: usize = 1_000;

/// What follows from one input. Changes `run` through [`apply`] alone.
pub fn decide(run: &mut Run, input: Input, ctx: &DecideContext) -> Decision {
    let mut decider = Decider::new(run, ctx);
    if decider.accepts(&input) {
        decider.receive(input);
        decider.go_on();
    }
    decider.decision
}

/// A decision in the making.
pub(crate) struct Decider<'a> {
    pub(crate) run: &'a mut Run,
    pub(crate) now: Timestamp,
    pub(crate) random: SplitMix64,
    pub(crate) activities: Activities,
    secret: u128,
    machine: Arc<StateMachine>,
    pub(crate) decision: Decision,
    /// What is seen of a state that is tested alone.
    inspection: Option<&'a mut Inspection>,
}

impl<'a> Decider<'a> {
    fn new(run: &'a mut Run, ctx: &DecideContext) -> Self {
        let machine = Arc::clone(&run.start.definition);
        let random = SplitMix64::new(ctx.seed);
        Self {
            run,
            now: whole_millisecond(ctx.now),
            random,
            activities: ctx.activities.clone(),
            secret: ctx.secret,
            machine,
            decision: Decision::default(),
            inspection: None,
        }
    }

    /// A decider that lets the stages of the data flow be seen.
    pub(crate) fn inspecting(
        run: &'a mut Run,
        ctx: &DecideContext,
        inspection: &'a mut Inspection,
    ) -> Self {
        Self { inspection: Some(inspection), ..Self::new(run, ctx) }
    }

    /// Nothing but a redrive follows the end, and nothing but a start precedes the start.
    fn accepts(&self, input: &Input) -> bool {
        let is_new = self.run.folded.last_event == 0;
        match (&self.run.folded.phase, input) {
            (Phase::Running, Input::Redrive { .. }) => false,
            (Phase::Running, input) => matches!(input, Input::Start { .. }) == is_new,
            (phase, Input::Redrive { .. }) => phase.is_redrivable(),
            _ => false,
        }
    }

    fn receive(&mut self, input: Input) {
        match input {
            Input::Start { limits } => self.start(limits),
            Input::Continue | Input::TimerFired => {}
            Input::TaskStarted { scheduled, at } => {
                if let Some(frame) = self.run.folded.task_frame(scheduled) {
                    states::task::started(self, frame, whole_millisecond(at), None);
                }
            }
            Input::TaskHeartbeat { scheduled } => {
                if let Some(frame) = self.run.folded.task_frame(scheduled) {
                    self.emit(frame, Event::TaskHeartbeat);
                }
            }
            Input::TaskTaken { scheduled, worker } => {
                if let Some(frame) = self.run.folded.task_frame(scheduled) {
                    states::task::started(self, frame, self.now, worker);
                }
            }
            Input::TaskGivenBack { scheduled } => {
                if let Some(frame) = self.run.folded.task_frame(scheduled) {
                    states::task::given_back(self, frame);
                }
            }
            Input::TaskSubmitted { scheduled, started_at, output } => {
                if let Some(frame) = self.run.folded.task_frame(scheduled) {
                    states::task::started(self, frame, whole_millisecond(started_at), None);
                    states::task::submitted(self, frame, output);
                }
            }
            Input::TaskReported { scheduled, report } => {
                if let Some(frame) = self.run.folded.task_frame(scheduled) {
                    states::task::reported(self, frame, report);
                }
            }
            Input::TaskFinished { scheduled, started_at, outcome } => {
                self.finish_task(scheduled, whole_millisecond(started_at), outcome);
            }
            Input::MapRunFinished { scheduled, outcome } => {
                if let Some(frame) = self.run.folded.task_frame(scheduled) {
                    states::distributed_map::finished(self, frame, outcome);
                }
            }
            Input::Stop { error, cause } => {
                self.end(0, Event::ExecutionAborted(Reason { error, cause }));
            }
            Input::Redrive { token, from } => self.redrive(token, from),
        }
    }

    fn start(&mut self, limits: Limits) {
        let input = self.run.start.input.clone();
        let role_arn = Arc::clone(&self.run.start.context.role_arn);
        self.emit_after(ROOT, 0, Event::ExecutionStarted { input, role_arn, limits });
    }

    fn finish_task(&mut self, scheduled: EventId, started_at: Timestamp, outcome: TaskResult) {
        if let Some(frame) = self.run.folded.task_frame(scheduled) {
            states::task::started(self, frame, started_at, None);
            states::task::finished(self, frame, outcome);
        }
    }

    /// Does what can be done without the world.
    fn go_on(&mut self) {
        let machine = Arc::clone(&self.machine);
        while self.run.folded.phase == Phase::Running {
            let due = self.run.folded.next_due(self.now);
            let ready = self.run.folded.next_ready();
            let is_late = self.run.folded.deadline.is_some_and(|deadline| deadline <= self.now);
            if is_late {
                let error = Some("States.Timeout".to_owned());
                self.end(0, Event::ExecutionTimedOut(Reason { error, cause: None }));
            } else if due.or(ready).is_some() && self.is_full() {
                self.decision.more = true;
                return;
            } else if let Some(frame) = due {
                states::time_is_up(self, &machine, frame);
            } else if let Some(frame) = ready {
                self.step(&machine, frame);
            } else {
                return;
            }
        }
    }

    /// Takes a frame one step further.
    fn step(&mut self, machine: &StateMachine, frame: FrameId) {
        let Some(current) = self.run.folded.frame(frame) else { return };
        let result = match &current.step {
            Step::TaskFailed(failure) | Step::MapRunFailed(_, failure) => Err(failure.clone()),
            Step::Ended => {
                states::ended(self, machine, frame);
                Ok(())
            }
            _ => states::step(self, machine, frame),
        };
        if let Err(failure) = result {
            fail(self, machine, frame, failure);
        }
    }

    /// Whether the decision has used up its budget.
    pub(crate) fn is_full(&self) -> bool {
        self.decision.entries.len() >= ENTRIES_PER_DECISION
    }

    /// Records that something happened to a frame, following from what happened to it last.
    pub(crate) fn emit(&mut self, frame: FrameId, event: Event) -> EventId {
        self.emit_after(frame, self.cursor(frame), event)
    }

    /// Records that something happened to a frame, following from another event.
    pub(crate) fn emit_after(
        &mut self,
        frame: FrameId,
        previous: EventId,
        event: Event,
    ) -> EventId {
        self.emit_at(frame, previous, self.now, event)
    }

    /// Records that something happened to a frame at another time than now.
    ///
    /// Where that would be one event too many, the execution ends instead; what else the step under way has to say
    /// is not recorded.
    pub(crate) fn emit_at(
        &mut self,
        frame: FrameId,
        previous: EventId,
        at: Timestamp,
        event: Event,
    ) -> EventId {
        let follows_the_end = matches!(event, Event::ExecutionRedriven { .. });
        if self.run.folded.phase != Phase::Running && !follows_the_end {
            return 0;
        }
        let id = (!event.is_hidden()).then(|| self.run.folded.last_event + 1);
        if id.is_some_and(|id| self.run.folded.limits.end_before(id, &event)) {
            self.end_full_history();
            return 0;
        }
        let entry = Entry { id, previous, at, frame, event };
        apply(self.run, &entry).expect("a decision makes legal entries");
        self.decision.entries.push(entry);
        id.unwrap_or_default()
    }

    /// Ends the execution.
    pub(crate) fn end(&mut self, previous: EventId, event: Event) {
        let open: Vec<EventId> = self.run.folded.open_tasks().collect();
        for scheduled in open {
            self.cancel(scheduled);
        }
        self.emit_after(ROOT, previous, event);
    }

    fn end_full_history(&mut self) {
        let error = Some("States.Runtime".to_owned());
        let cause = Some(limits::history_is_full());
        self.end(self.run.folded.last_event, Event::ExecutionFailed(Reason { error, cause }));
    }

    /// Gives up a task. If this very decision scheduled it, nobody need hear of it.
    pub(crate) fn cancel(&mut self, scheduled: EventId) {
        let commands = &mut self.decision.commands;
        let is_new = |command: &Command| match command {
            Command::ScheduleTask(task) => task.scheduled == scheduled,
            Command::StartMapRun(run) => run.scheduled == scheduled,
            Command::CancelTask { .. } => false,
        };
        match commands.iter().position(is_new) {
            Some(index) => {
                commands.remove(index);
            }
            None => commands.push(Command::CancelTask { scheduled }),
        }
    }

    /// Asks for the open task of a frame to be done.
    pub(crate) fn schedule(&mut self, frame: FrameId) {
        self.decision.commands.extend(self.run.schedule_command(frame));
    }

    /// The token of the task that the next event schedules.
    pub(crate) fn next_token(&self) -> Arc<str> {
        let arn = &self.run.start.context.execution_arn;
        token::make(self.secret, arn, self.run.folded.last_event + 1)
    }

    /// The event that the next one of a frame follows from.
    pub(crate) fn cursor(&self, frame: FrameId) -> EventId {
        self.run.folded.frame(frame).map_or(0, |frame| frame.cursor)
    }

    /// The raw input of the state that a frame is in.
    pub(crate) fn input(&self, frame: FrameId) -> Data {
        self.run.folded.frame(frame).map(crate::frame::Frame::data).unwrap_or_default()
    }

    /// Evaluates something of the state that a frame is in.
    ///
    /// # Errors
    /// What the evaluation fails with, in the words of the state.
    pub(crate) fn evaluate<T>(
        &mut self,
        frame: FrameId,
        evaluation: impl FnOnce(&mut Scope<'_>) -> Result<T, StatesError>,
    ) -> Result<T, Failure> {
        self.evaluate_task(frame, None, evaluation)
    }

    /// Evaluates something of the Task state that a frame is in, where the token of the task can be seen.
    ///
    /// # Errors
    /// What the evaluation fails with, in the words of the state.
    pub(crate) fn evaluate_task<T>(
        &mut self,
        frame: FrameId,
        token: Option<&str>,
        evaluation: impl FnOnce(&mut Scope<'_>) -> Result<T, StatesError>,
    ) -> Result<T, Failure> {
        let input = self.input(frame);
        let run = &*self.run;
        let built = LazyCell::new(|| context_object::of_task(run, frame, token));
        let (context, observer): (&dyn Context, Option<&mut dyn Observer>) =
            match self.inspection.as_deref_mut() {
                Some(Inspection { context, stages }) => (context, Some(stages)),
                None => (&built, None),
            };
        let result = evaluation(&mut Scope {
            context,
            variables: &Visible { run, frame },
            states: States { input, ..States::default() },
            random: &mut self.random,
            now: self.now,
            observer,
        });
        let previous = self.run.folded.frame(frame).map_or(0, Frame::before_evaluation);
        result.map_err(|error| self.evaluation_failed(frame, frame, previous, error))
    }

    /// Evaluates something of a Map state that is tested alone, with a `Map` in its context object.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub(crate) fn evaluate_with_map<T>(
        &mut self,
        frame: FrameId,
        map: Value,
        evaluation: impl FnOnce(&mut Scope<'_>) -> Result<T, StatesError>,
    ) -> Result<T, Failure> {
        let Some(inspection) = self.inspection.as_deref_mut() else {
            return self.evaluate(frame, evaluation);
        };
        let plain = inspection.context.clone();
        inspection.context["Map"] = map;
        let result = self.evaluate(frame, evaluation);
        if let Some(inspection) = self.inspection.as_deref_mut() {
            inspection.context = plain;
        }
        result
    }

    /// The failure of the state that `frame` is in. If an expression failed, it is recorded as something that
    /// happened to the frame `of`.
    fn evaluation_failed(
        &mut self,
        frame: FrameId,
        of: FrameId,
        previous: EventId,
        error: StatesError,
    ) -> Failure {
        let location = error.location.clone();
        let failure = Failure::of_evaluation(self.run, frame, error);
        let state = self.run.folded.frame(frame).map(|frame| frame.state);
        if let Some(state) = state.filter(|_| failure.is_of_query()) {
            let name = Arc::clone(&self.machine.state(state).name);
            let reason = Reason { error: failure.error.clone(), cause: failure.cause.clone() };
            self.emit_after(of, previous, Event::EvaluationFailed { name, reason, location });
        }
        failure
    }

    /// The failure of the state that a frame is in, for what it found and cannot use.
    pub(crate) fn value_refused(&mut self, frame: FrameId, error: StatesError) -> Failure {
        self.evaluation_failed(frame, frame, self.cursor(frame), error)
    }

    /// Lets data pass that may be recorded of a frame; its raw input always may.
    ///
    /// # Errors
    /// `States.Runtime` if the data is nested too deep, `States.DataLimitExceeded` if it is too large.
    pub(crate) fn recordable(&self, frame: FrameId, data: &Data) -> Result<(), Failure> {
        if Arc::ptr_eq(data, &self.input(frame)) {
            return Ok(());
        }
        check_depth(data).map_err(|error| Failure::of_evaluation(self.run, frame, error))?;
        if self.run.folded.limits.exclude(data) {
            return Err(Failure::too_large(self.run, frame));
        }
        Ok(())
    }

    /// Lets variables pass that may be assigned in a frame.
    ///
    /// # Errors
    /// As [`Self::recordable`]; all variables together have a limit of their own.
    pub(crate) fn assignable(&self, frame: FrameId, assigned: &Assigned) -> Result<(), Failure> {
        for value in assigned.values() {
            self.recordable(frame, value)?;
        }
        let folded = &self.run.folded;
        if folded.limits.exclude_variables(assigned, folded.variables_beside(frame, assigned)) {
            return Err(Failure::too_large(self.run, frame));
        }
        Ok(())
    }

    /// Evaluates something of the Map state that a frame is in, for one of its items, as something that happens
    /// to the frame of that item.
    ///
    /// # Errors
    /// What the evaluation fails with, in the words of the Map state.
    pub(crate) fn evaluate_item<T>(
        &mut self,
        frame: FrameId,
        iteration: FrameId,
        index: usize,
        evaluation: impl FnOnce(&mut Scope<'_>) -> Result<T, StatesError>,
    ) -> Result<T, Failure> {
        let run = &*self.run;
        let context = LazyCell::new(|| context_object::of_item(run, frame, index));
        let result = evaluation(&mut Scope {
            context: &context,
            variables: &Visible { run, frame },
            states: States { input: self.input(frame), ..States::default() },
            random: &mut self.random,
            now: self.now,
            observer: None,
        });
        let previous = self.cursor(iteration);
        result.map_err(|error| self.evaluation_failed(frame, iteration, previous, error))
    }
}

/// Times are kept in milliseconds, so that the journal holds them exactly.
fn whole_millisecond(at: Timestamp) -> Timestamp {
    at.round(jiff::TimestampRound::new().smallest(Unit::Millisecond).mode(jiff::RoundMode::Floor))
        .unwrap_or(at)
}
