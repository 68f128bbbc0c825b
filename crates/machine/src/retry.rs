//! Retriers: which one is for a failure, and when the state is tried again.
//!
//! Every Retrier counts on its own during one visit of the state. The first that is for the error decides:
//! once it is used up the Catchers follow, whatever other Retriers say.

use stepwell_asl::StateMachine;
use stepwell_asl::model::{Retrier, StateKind};

use crate::decide::Decider;
use crate::event::{Event, EventId};
use crate::failure::Failure;
use crate::frame::{FrameId, later};

/// Records when the state of a frame is tried again, if a Retrier wants it.
pub(crate) fn schedule(
    d: &mut Decider<'_>,
    machine: &StateMachine,
    frame: FrameId,
    failure: &Failure,
    after: EventId,
) -> bool {
    let Some(current) = d.run.folded.frame(frame) else { return false };
    let kind = &machine.state(current.state).kind;
    let Some(index) = position(kind, failure) else { return false };
    let attempt = current.retries.get(index).copied().unwrap_or_default() + 1;
    let draw = d.random.next_unit();
    let due = retriers(kind)[index].delay(attempt, draw).and_then(|delay| later(d.now, delay));
    let Some(due) = due else { return false };
    d.emit_after(frame, after, Event::RetryScheduled { retrier: index, due });
    true
}

/// The first Retrier of a state that is for a failure.
pub(crate) fn position(kind: &StateKind, failure: &Failure) -> Option<usize> {
    retriers(kind).iter().position(|one| failure.is_matched_by(&one.errors))
}

/// The Retriers of a state.
pub(crate) fn retriers(kind: &StateKind) -> &[Retrier] {
    match kind {
        StateKind::Task(state) => &state.retry,
        StateKind::Parallel(state) => &state.retry,
        StateKind::Map(state) => &state.retry,
        StateKind::Pass(_)
        | StateKind::Choice(_)
        | StateKind::Wait(_)
        | StateKind::Succeed(_)
        | StateKind::Fail(_) => &[],
    }
}
