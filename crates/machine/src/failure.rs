//! What happens when a state fails: its Retriers, then its Catchers, then the Parallel or Map state around
//! it, and at last the execution.
//!
//! `States.Runtime` is the exception. AWS ends the execution where an evaluation fails with it, whatever is
//! around: branches and iterations leave no event behind. Only a Retrier or Catcher that names it can help.
//! As recorded where a Map state itself cannot be evaluated: `MapStateEntered`, then `ExecutionFailed`. Inside
//! of branches it is not recorded; the developer guide says that the error always fails the execution, and
//! users report this history from AWS: `ParallelStateStarted`, `PassStateEntered`, `ExecutionFailed`.
//!
//! Left to others: the delay of a retry (`retry`), the output of a Catcher (`catch`), what becomes of the
//! other branches (`abort`).

use stepwell_asl::StateMachine;
use stepwell_asl::error_name::ErrorMatcher;
use stepwell_asl::eval::StatesError;
use stepwell_asl::jsonata::QueryError;
use stepwell_asl::model::StateKind;

use crate::decide::Decider;
use crate::event::{Event, EventId, Reason, TaskLimit};
use crate::frame::FrameId;
use crate::run::Run;
use crate::{abort, catch, limits, retry};

/// Why a state failed, as `Retry` and `Catch` see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) origin: Origin,
}

/// Where a failure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From a task or a Fail state.
    Reported,
    /// From a limit that a task exceeded.
    Limit(TaskLimit),
    /// From the Map run of a Distributed Map.
    MapRun,
    /// From the interpreter: something could not be evaluated.
    Evaluation,
}

impl Failure {
    /// An evaluation failed: the text names the state and the event that entered it.
    pub(crate) fn of_evaluation(run: &Run, frame: FrameId, error: StatesError) -> Self {
        let StatesError { error, cause, .. } = error;
        // What is tested alone was entered by no event.
        let entered = run.folded.frame(frame).filter(|frame| frame.entered > 0);
        let cause = match entered {
            Some(frame) => format!(
                "An error occurred while executing the state '{}' (entered at the event id #{}). {cause}",
                run.machine().state(frame.state).name,
                frame.entered,
            ),
            None => cause,
        };
        Self { error: Some(error.to_owned()), cause: Some(cause), origin: Origin::Evaluation }
    }

    /// What a state gave is larger than AWS allows.
    pub(crate) fn too_large(run: &Run, frame: FrameId) -> Self {
        let state = run.folded.frame(frame).map(|frame| &*run.machine().state(frame.state).name);
        let cause = Some(limits::too_large(state.unwrap_or_default()));
        let error = Some("States.DataLimitExceeded".to_owned());
        Self { error, cause, origin: Origin::Evaluation }
    }

    /// A task or a Fail state said so.
    pub(crate) fn reported(error: Option<String>, cause: Option<String>) -> Self {
        Self { error, cause, origin: Origin::Reported }
    }

    /// A Map run failed.
    pub(crate) fn of_map_run(error: Option<String>, cause: Option<String>) -> Self {
        Self { error, cause, origin: Origin::MapRun }
    }

    /// A task exceeded a limit.
    pub(crate) fn timeout(limit: TaskLimit) -> Self {
        Self { error: Some("States.Timeout".to_owned()), cause: None, origin: Origin::Limit(limit) }
    }

    /// Whether a Retrier or Catcher is for this failure.
    ///
    /// A missed heartbeat is recorded as `States.Timeout`, and a Retrier or Catcher may name it
    /// `States.HeartbeatTimeout` as well.
    pub(crate) fn is_matched_by(&self, errors: &ErrorMatcher) -> bool {
        let is_heartbeat = self.origin == Origin::Limit(TaskLimit::Heartbeat);
        errors.matches(self.error.as_deref().unwrap_or_default())
            || (is_heartbeat && errors.matches("States.HeartbeatTimeout"))
    }

    /// Whether the execution ends here unless somebody names the error.
    fn is_fatal(&self) -> bool {
        self.origin == Origin::Evaluation && self.error.as_deref() == Some("States.Runtime")
    }

    /// Whether the state itself failed after it had begun, of which a Parallel or Map state has an event.
    fn has_failed_event(&self) -> bool {
        self.is_of_query() || self.origin == Origin::MapRun
    }

    /// Whether an expression of a JSONata state failed.
    pub(crate) fn is_of_query(&self) -> bool {
        self.origin == Origin::Evaluation && self.error.as_deref() == Some(QueryError::NAME)
    }

    fn into_reason(self) -> Reason {
        Reason { error: self.error, cause: self.cause }
    }
}

/// The state that a frame is in failed.
pub(crate) fn fail(d: &mut Decider<'_>, machine: &StateMachine, frame: FrameId, failure: Failure) {
    let after = d.cursor(frame);
    if retry::schedule(d, machine, frame, &failure, after) {
        return;
    }
    if let Some(event) = failed_event(d.run, machine, frame).filter(|_| failure.has_failed_event())
    {
        d.emit_after(frame, after, event);
    }
    match catch::take(d, machine, frame, failure) {
        Ok(()) => {}
        Err(failure) => give_up(d, machine, frame, failure),
    }
}

/// Nothing in the frame handles the failure: it belongs to whoever opened the frame.
pub(crate) fn give_up(
    d: &mut Decider<'_>,
    machine: &StateMachine,
    frame: FrameId,
    failure: Failure,
) {
    let after = d.cursor(frame);
    match d.run.folded.parent(frame) {
        Some(parent) if !failure.is_fatal() || is_named_around(d, machine, parent, &failure) => {
            fail_around(d, machine, parent, frame, failure, after);
        }
        _ => d.end(after, Event::ExecutionFailed(failure.into_reason())),
    }
}

/// Whether a Parallel or Map state, this one or one around it, has a Retrier or Catcher for the failure.
fn is_named_around(
    d: &Decider<'_>,
    machine: &StateMachine,
    frame: FrameId,
    failure: &Failure,
) -> bool {
    let around = std::iter::successors(Some(frame), |frame| d.run.folded.parent(*frame));
    let mut states = around.filter_map(|frame| d.run.folded.frame(frame));
    states.any(|frame| {
        let kind = &machine.state(frame.state).kind;
        retry::position(kind, failure).is_some() || catch::position(kind, failure).is_some()
    })
}

/// A branch or iteration failed, and with it the Parallel or Map state around it.
fn fail_around(
    d: &mut Decider<'_>,
    machine: &StateMachine,
    parent: FrameId,
    failed: FrameId,
    failure: Failure,
    after: EventId,
) {
    abort::abort_fork(d, machine, parent, failed, after);
    if retry::schedule(d, machine, parent, &failure, after) {
        return;
    }
    if let Some(event) = failed_event(d.run, machine, parent) {
        d.emit_after(parent, after, event);
    }
    match catch::take(d, machine, parent, failure) {
        Ok(()) => {}
        Err(failure) => give_up(d, machine, parent, failure),
    }
}

/// The event that only a failed Parallel or Map state has.
fn failed_event(run: &Run, machine: &StateMachine, frame: FrameId) -> Option<Event> {
    match &machine.state(run.folded.frame(frame)?.state).kind {
        StateKind::Parallel(_) => Some(Event::ParallelStateFailed),
        StateKind::Map(_) => Some(Event::MapStateFailed),
        StateKind::Pass(_)
        | StateKind::Task(_)
        | StateKind::Choice(_)
        | StateKind::Wait(_)
        | StateKind::Succeed(_)
        | StateKind::Fail(_) => None,
    }
}
