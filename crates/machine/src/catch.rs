//! Catchers: where a failed state leads, and with what output.

use std::sync::Arc;

use serde_json::json;
use stepwell_asl::model::{Catcher, CatcherOutput, StateKind, Transition};
use stepwell_asl::{StateMachine, dataflow};

use crate::data_flow::{self, Outcome};
use crate::decide::Decider;
use crate::failure::Failure;
use crate::frame::FrameId;
use crate::states;

/// Goes on where the first Catcher that is for the failure leads.
///
/// # Errors
/// The failure itself if no Catcher is for it, or a new one if its `ResultPath` cannot be applied.
pub(crate) fn take(
    d: &mut Decider<'_>,
    machine: &StateMachine,
    frame: FrameId,
    failure: Failure,
) -> Result<(), Failure> {
    let Some(current) = d.run.folded.frame(frame) else { return Err(failure) };
    let state = machine.state(current.state);
    let Some(index) = position(&state.kind, &failure) else { return Err(failure) };
    let catcher = &catchers(&state.kind)[index];
    let input = d.input(frame);
    let error = Arc::new(error_output(&failure));
    let outcome = d.evaluate(frame, |scope| {
        scope.states.error_output = Some(Arc::clone(&error));
        let assigned = data_flow::assign(catcher.assign.as_ref(), &error, scope)?;
        let output = match &catcher.output {
            CatcherOutput::ResultPath(path) => dataflow::place(path, &input, error)?,
            CatcherOutput::Query(query) => data_flow::query(query.as_ref(), &error, scope)?,
        };
        Ok(Outcome { output, assigned })
    })?;
    states::exit(d, state, frame, outcome, Transition::Next(catcher.next))
}

/// The first Catcher of a state that is for a failure.
pub(crate) fn position(kind: &StateKind, failure: &Failure) -> Option<usize> {
    catchers(kind).iter().position(|one| failure.is_matched_by(&one.errors))
}

/// The error output: `{"Error": ..., "Cause": ...}`. Where there is an error name, a missing cause is an
/// empty text.
fn error_output(failure: &Failure) -> serde_json::Value {
    let Failure { error, cause, .. } = failure;
    let cause = if error.is_some() { cause.as_deref().or(Some("")) } else { cause.as_deref() };
    json!({ "Error": error, "Cause": cause })
}

fn catchers(kind: &StateKind) -> &[Catcher] {
    match kind {
        StateKind::Task(state) => &state.catch,
        StateKind::Parallel(state) => &state.catch,
        StateKind::Map(state) => &state.catch,
        StateKind::Pass(_)
        | StateKind::Choice(_)
        | StateKind::Wait(_)
        | StateKind::Succeed(_)
        | StateKind::Fail(_) => &[],
    }
}
