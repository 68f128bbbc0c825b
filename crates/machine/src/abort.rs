//! Giving up the branches of a Parallel state or the iterations of a Map state once one of them failed.
//!
//! AWS records it frame by frame, all following from the event that failed:
//!
//! | Of each frame | Event |
//! | --- | --- |
//! | the iteration that failed | `MapIterationFailed` |
//! | any other iteration | `MapIterationAborted` |
//! | its own frames, if its state has some | the same once more |
//! | its state, if that is a Task, Wait, Parallel or Map state | `TaskStateAborted` and its like |
//!
//! The state of the failed frame counts too: a failed Task state shows `TaskFailed`, `TaskStateAborted`.

use std::sync::Arc;

use stepwell_asl::StateMachine;
use stepwell_asl::model::StateKind;

use crate::decide::Decider;
use crate::event::{Event, EventId, Iteration, StateType};
use crate::frame::{FrameId, Step};

/// Records what becomes of the frames that `parent` opened, after one of them failed.
pub(crate) fn abort_fork(
    d: &mut Decider<'_>,
    machine: &StateMachine,
    parent: FrameId,
    failed: FrameId,
    after: EventId,
) {
    close_iteration(d, machine, failed, after, Event::MapIterationFailed);
    abort_state(d, machine, failed, after);
    for other in running(d, parent).into_iter().filter(|frame| *frame != failed) {
        abort_frame(d, machine, other, after);
    }
}

fn abort_frame(d: &mut Decider<'_>, machine: &StateMachine, frame: FrameId, after: EventId) {
    close_iteration(d, machine, frame, after, Event::MapIterationAborted);
    abort_state(d, machine, frame, after);
}

fn abort_state(d: &mut Decider<'_>, machine: &StateMachine, frame: FrameId, after: EventId) {
    for child in running(d, frame) {
        abort_frame(d, machine, child, after);
    }
    let Some(current) = d.run.folded.frame(frame) else { return };
    let is_inside = current.step.is_inside();
    let kind = StateType::from(&machine.state(current.state).kind);
    if let Some(scheduled) = current.step.scheduled() {
        d.cancel(scheduled);
    }
    if is_inside && has_aborted_event(kind) {
        d.emit_after(frame, after, Event::StateAborted { kind });
    }
}

fn has_aborted_event(kind: StateType) -> bool {
    match kind {
        StateType::Task | StateType::Wait | StateType::Parallel | StateType::Map => true,
        StateType::Pass | StateType::Choice | StateType::Succeed | StateType::Fail => false,
    }
}

/// Records the end of a frame if it is a Map iteration.
fn close_iteration(
    d: &mut Decider<'_>,
    machine: &StateMachine,
    frame: FrameId,
    after: EventId,
    event: impl FnOnce(Iteration) -> Event,
) {
    if let Some(iteration) = iteration(d, machine, frame) {
        d.emit_after(frame, after, event(iteration));
    }
}

/// Which iteration of which Map state a frame is, if it is one.
pub(crate) fn iteration(
    d: &Decider<'_>,
    machine: &StateMachine,
    frame: FrameId,
) -> Option<Iteration> {
    let (parent, index) = d.run.folded.frame(frame)?.parent?;
    let state = machine.state(d.run.folded.frame(parent)?.state);
    let is_map = matches!(state.kind, StateKind::Map(_));
    is_map.then(|| Iteration { index, name: Arc::clone(&state.name) })
}

/// The frames that a frame opened.
fn running(d: &Decider<'_>, frame: FrameId) -> Vec<FrameId> {
    match d.run.folded.frame(frame).map(|frame| &frame.step) {
        Some(Step::Fork(fork)) => fork.running.iter().copied().collect(),
        _ => Vec::new(),
    }
}
