//! The Choice state.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work, a rule matches or there is a `Default` | goes on there | `ChoiceStateExited` |
//! | work, nothing matches | fails with `States.Runtime` | none of its own |
//!
//! The specification calls the last one `States.NoChoiceMatched`; AWS reports `States.Runtime`.

use serde_json::Value;
use stepwell_asl::dataflow::select;
use stepwell_asl::eval::{Scope, StatesError};
use stepwell_asl::model::{Choice, State, StateId, Transition};
use stepwell_asl::template::Template;

use crate::data_flow::{self, Outcome};
use crate::decide::Decider;
use crate::failure::Failure;
use crate::frame::FrameId;
use crate::states::exit;

pub(crate) fn work(
    d: &mut Decider<'_>,
    state: &State,
    choice: &Choice,
    frame: FrameId,
) -> Result<(), Failure> {
    let raw = d.input(frame);
    let (outcome, next) = d.evaluate(frame, |scope| {
        let input = select(&choice.flow.input_path, &raw, scope)?;
        let (assign, next) = target(choice, &input, scope)?;
        let assigned = data_flow::assign(assign, &input, scope)?;
        let output = select(&choice.flow.output_path, &input, scope)?;
        Ok((Outcome { output, assigned }, next))
    })?;
    exit(d, state, frame, outcome, Transition::Next(next))
}

/// Where the state leads, and the `Assign` of the rule that says so; that of the state itself belongs to
/// `Default`.
fn target<'c>(
    choice: &'c Choice,
    input: &Value,
    scope: &mut Scope<'_>,
) -> Result<(Option<&'c Template>, StateId), StatesError> {
    for one in &choice.choices {
        if one.rule.matches(input, scope)? {
            return Ok((one.assign.as_ref(), one.next));
        }
    }
    let default = choice.default.ok_or_else(|| {
        StatesError::runtime(
            "Failed to transition out of the state. The state does not point to a next state.",
        )
    })?;
    Ok((choice.flow.assign.as_ref(), default))
}
