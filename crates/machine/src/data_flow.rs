//! The data flow of a state: from its raw input to what it works on, and from its result to its output.

use std::sync::Arc;

use serde_json::Value;
use stepwell_asl::Data;
use stepwell_asl::dataflow::{DEPTH_MAX, build, is_too_deep, place, select};
use stepwell_asl::eval::{Scope, StatesError};
use stepwell_asl::model::DataFlow;
use stepwell_asl::template::Template;
use stepwell_asl::variable::Assigned;

/// `InputPath`, then `Parameters`.
pub(crate) fn effective_input(
    flow: &DataFlow,
    raw: &Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    let selected = select(&flow.input_path, raw, scope)?;
    build(flow.parameters.as_ref(), &selected, scope)
}

/// What a state leaves behind.
pub(crate) struct Outcome {
    pub(crate) output: Data,
    pub(crate) assigned: Assigned,
}

/// `ResultSelector`, then `Assign`, and `ResultPath` and `OutputPath` for the output.
pub(crate) fn outcome(
    flow: &DataFlow,
    raw: &Data,
    result: &Data,
    scope: &mut Scope<'_>,
) -> Result<Outcome, StatesError> {
    let result = build(flow.result_selector.as_ref(), result, scope)?;
    let assigned = assign(flow.assign.as_ref(), &result, scope)?;
    let placed = place(&flow.result_path, raw, result)?;
    let output = select(&flow.output_path, &placed, scope)?;
    Ok(Outcome { output, assigned })
}

/// What a state leaves behind whose result is its effective input.
pub(crate) fn pass_on(
    flow: &DataFlow,
    raw: &Data,
    scope: &mut Scope<'_>,
) -> Result<Outcome, StatesError> {
    let input = effective_input(flow, raw, scope)?;
    outcome(flow, raw, &input, scope)
}

/// The values of the variables that an `Assign` names. All of them see the variables as they were when the
/// state was entered.
pub(crate) fn assign(
    template: Option<&Template>,
    data: &Data,
    scope: &mut Scope<'_>,
) -> Result<Assigned, StatesError> {
    let Some(template) = template else { return Ok(Assigned::new()) };
    match template.evaluate(data, scope)? {
        Value::Object(fields) => {
            Ok(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
        }
        _ => Ok(Assigned::new()),
    }
}

/// The effective input as an entry holds it: nothing if it is the raw input.
pub(crate) fn unless_raw(effective: &Data, raw: &Data) -> Option<Data> {
    (!Arc::ptr_eq(effective, raw)).then(|| Arc::clone(effective))
}

/// Refuses data that the journal could not give back.
pub(crate) fn check_depth(data: &Data) -> Result<(), StatesError> {
    if is_too_deep(data) { Err(StatesError::runtime(too_deep())) } else { Ok(()) }
}

/// Why data is refused.
pub(crate) fn too_deep() -> String {
    format!("The data is nested deeper than {DEPTH_MAX} levels.")
}
