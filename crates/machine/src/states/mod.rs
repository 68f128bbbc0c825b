//! The state types, one file each, and what they have in common: being entered, being left.
//!
//! Every file opens with its transition table. What happens when a state fails is in `failure`.

pub mod choice;
pub mod distributed_map;
pub mod fail;
pub mod map;
pub mod parallel;
pub mod pass;
pub mod succeed;
pub mod task;
pub mod wait;

use std::sync::Arc;

use stepwell_asl::StateMachine;
use stepwell_asl::model::{State, StateKind, Transition};

use crate::abort;
use crate::data_flow::Outcome;
use crate::decide::Decider;
use crate::event::{Event, Payload, StateType};
use crate::failure::{Failure, fail};
use crate::frame::{FrameId, Step};

/// Takes a frame that is ready one step further.
pub(crate) fn step(
    d: &mut Decider<'_>,
    machine: &StateMachine,
    frame: FrameId,
) -> Result<(), Failure> {
    let Some(current) = d.run.folded.frame(frame) else { return Ok(()) };
    let state = machine.state(current.state);
    match &current.step {
        Step::Enter => {
            let input = current.input.clone();
            enter(d, state, frame, input);
            work(d, state, frame)
        }
        Step::EnterItem => map::enter_item(d, machine, state, frame),
        _ => work(d, state, frame),
    }
}

/// Records that a frame enters a state.
pub(crate) fn enter(d: &mut Decider<'_>, state: &State, frame: FrameId, input: Payload) {
    let name = Arc::clone(&state.name);
    let kind = StateType::from(&state.kind);
    d.emit(frame, Event::StateEntered { state: state.id, kind, name, input });
}

/// Does what a state does, or goes on with it.
fn work(d: &mut Decider<'_>, state: &State, frame: FrameId) -> Result<(), Failure> {
    match &state.kind {
        StateKind::Pass(pass) => pass::work(d, state, pass, frame),
        StateKind::Task(task) => task::work(d, state, task, frame),
        StateKind::Choice(choice) => choice::work(d, state, choice, frame),
        StateKind::Wait(wait) => wait::work(d, state, wait, frame),
        StateKind::Succeed(succeed) => succeed::work(d, state, succeed, frame),
        StateKind::Fail(fail) => fail::work(d, fail, frame),
        StateKind::Parallel(parallel) => parallel::work(d, state, parallel, frame),
        StateKind::Map(map) => map::work(d, state, map, frame),
    }
}

/// Records that a frame leaves a state.
///
/// # Errors
/// If the output or the value of a variable is nested too deep.
pub(crate) fn exit(
    d: &mut Decider<'_>,
    state: &State,
    frame: FrameId,
    outcome: Outcome,
    transition: Transition,
) -> Result<(), Failure> {
    let Outcome { output, assigned } = outcome;
    d.recordable(frame, &output)?;
    d.assignable(frame, &assigned)?;
    let next = match transition {
        Transition::Next(next) => Some(next),
        Transition::End => None,
    };
    let name = Arc::clone(&state.name);
    let kind = StateType::from(&state.kind);
    d.emit(frame, Event::StateExited { kind, name, output, assigned, next });
    Ok(())
}

/// A frame has come to its end: the execution succeeds, or an iteration.
pub(crate) fn ended(d: &mut Decider<'_>, machine: &StateMachine, frame: FrameId) {
    let event = match abort::iteration(d, machine, frame) {
        Some(iteration) => Event::MapIterationSucceeded(iteration),
        None => Event::ExecutionSucceeded { output: d.input(frame) },
    };
    d.emit(frame, event);
}

/// The timer of a frame fired.
pub(crate) fn time_is_up(d: &mut Decider<'_>, machine: &StateMachine, frame: FrameId) {
    let Some(current) = d.run.folded.frame(frame) else { return };
    let state = machine.state(current.state);
    let result = match (&current.step, &state.kind) {
        (Step::Task(_), _) => {
            task::timed_out(d, frame);
            Ok(())
        }
        (Step::Waiting(_), StateKind::Wait(wait)) => wait::leave(d, state, wait, frame),
        _ => work(d, state, frame),
    };
    if let Err(failure) = result {
        fail(d, machine, frame, failure);
    }
}
