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
    let (output, next) = d.evaluate(frame, |scope| {
        let input = select(&choice.input_path, &raw, scope)?;
        let next = target(choice, &input, scope)?;
        Ok((select(&choice.output_path, &input, scope)?, next))
    })?;
    exit(d, state, frame, output, Transition::Next(next))
}

fn target(choice: &Choice, input: &Value, scope: &mut Scope<'_>) -> Result<StateId, StatesError> {
    for (rule, next) in &choice.rules {
        if rule.matches(input, scope)? {
            return Ok(*next);
        }
    }
    choice.default.ok_or_else(|| {
        StatesError::runtime(
            "Failed to transition out of the state. The state does not point to a next state.",
        )
    })
}
