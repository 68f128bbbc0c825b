//! The Choice state.
//!
//! | Step | What happens | Entries |
//! | --- | --- | --- |
//! | work, a rule matches or there is a `Default` | goes on there | `ChoiceStateExited` |
//! | work, nothing matches | fails with `States.Runtime` | none of its own |
//!
//! Not recorded; the specification calls the last one `States.NoChoiceMatched`. Users report `States.Runtime` from
//! AWS, with the text that is used here.

use serde_json::Value;
use stepwell_asl::Data;
use stepwell_asl::dataflow::select;
use stepwell_asl::eval::{Scope, StatesError};
use stepwell_asl::model::{Choice, ChoiceRule, FlowFields, State, Transition};

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
        let input = data_flow::selected_input(&choice.flow, &raw, scope)?;
        if let Some(rule) = taken(choice, &input, scope)? {
            return Ok((outcome_of_rule(choice, rule, &input, scope)?, rule.next));
        }
        let next = choice.default.ok_or_else(no_choice_matched)?;
        Ok((data_flow::pass_on(&choice.flow, &raw, scope)?, next))
    })?;
    exit(d, state, frame, outcome, Transition::Next(next))
}

/// The first rule that holds.
fn taken<'c>(
    choice: &'c Choice,
    input: &Value,
    scope: &mut Scope<'_>,
) -> Result<Option<&'c ChoiceRule>, StatesError> {
    for rule in &choice.choices {
        if rule.condition.holds(input, scope)? {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

/// A rule has an `Assign` and an `Output` of its own; those of the state belong to `Default`.
fn outcome_of_rule(
    choice: &Choice,
    rule: &ChoiceRule,
    input: &Data,
    scope: &mut Scope<'_>,
) -> Result<Outcome, StatesError> {
    match &choice.flow.fields {
        FlowFields::JsonPath(fields) => {
            let assigned = data_flow::assign(rule.assign.as_ref(), input, scope)?;
            let output = select(&fields.output_path, input, scope)?;
            Ok(Outcome { output, assigned })
        }
        FlowFields::Jsonata(_) => {
            let (output, assign) = (rule.output.as_ref(), rule.assign.as_ref());
            data_flow::queried_outcome(output, assign, input, scope)
        }
    }
}

fn no_choice_matched() -> StatesError {
    StatesError::runtime(
        "Failed to transition out of the state. The state does not point to a next state.",
    )
}
