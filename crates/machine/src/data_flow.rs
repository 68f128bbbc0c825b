//! The data flow of a state: from its raw input to what it works on, and from its result to its output.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde_json::{Number, Value};
use stepwell_asl::Data;
use stepwell_asl::dataflow::{DEPTH_MAX, build, is_too_deep, place, select};
use stepwell_asl::eval::{Scope, Stage, StatesError};
use stepwell_asl::model::{Flow, FlowFields, Payload};
use stepwell_asl::query::Query;
use stepwell_asl::variable::Assigned;

/// `InputPath`, then `Parameters`; in JSONata `Arguments`.
pub(crate) fn effective_input(
    flow: &Flow,
    raw: &Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    match &flow.fields {
        FlowFields::JsonPath(fields) => {
            let selected = selected_input(flow, raw, scope)?;
            let built = build(fields.parameters.as_ref(), &selected, scope)?;
            scope.reached(Stage::AfterParameters, &built);
            Ok(built)
        }
        FlowFields::Jsonata(fields) => {
            let arguments = query(fields.arguments.as_ref(), raw, scope)?;
            scope.reached(Stage::AfterArguments, &arguments);
            Ok(arguments)
        }
    }
}

/// `InputPath` alone.
pub(crate) fn selected_input(
    flow: &Flow,
    raw: &Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    match &flow.fields {
        FlowFields::JsonPath(fields) => {
            let selected = select(&fields.input_path, raw, scope)?;
            scope.reached(Stage::AfterInputPath, &selected);
            Ok(selected)
        }
        FlowFields::Jsonata(_) => Ok(Arc::clone(raw)),
    }
}

/// What a state leaves behind.
pub(crate) struct Outcome {
    pub(crate) output: Data,
    pub(crate) assigned: Assigned,
}

/// What a state with a result leaves behind: `Assign`, and `ResultSelector`, `ResultPath` and `OutputPath` for the
/// output; in JSONata `Assign` and `Output`.
///
/// Source: Developer Guide, "Passing data between states with variables": `Assign` sees the result of the API or
/// sub-workflow, as `ResultSelector` does.
pub(crate) fn outcome(
    flow: &Flow,
    raw: &Data,
    result: &Data,
    scope: &mut Scope<'_>,
) -> Result<Outcome, StatesError> {
    match &flow.fields {
        FlowFields::JsonPath(fields) => {
            let selected = build(fields.result_selector.as_ref(), result, scope)?;
            scope.reached(Stage::AfterResultSelector, &selected);
            let assigned = assign(flow.assign.as_ref(), result, scope)?;
            let placed = place(&fields.result_path, raw, selected)?;
            scope.reached(Stage::AfterResultPath, &placed);
            let output = select(&fields.output_path, &placed, scope)?;
            Ok(Outcome { output, assigned })
        }
        FlowFields::Jsonata(fields) => {
            scope.states.result = Some(Arc::clone(result));
            queried_outcome(fields.output.as_ref(), flow.assign.as_ref(), result, scope)
        }
    }
}

/// What a state without a result leaves behind: in JSONPath its effective input goes the way of a result.
pub(crate) fn pass_on(
    flow: &Flow,
    raw: &Data,
    scope: &mut Scope<'_>,
) -> Result<Outcome, StatesError> {
    match &flow.fields {
        FlowFields::JsonPath(_) => {
            let input = effective_input(flow, raw, scope)?;
            outcome(flow, raw, &input, scope)
        }
        FlowFields::Jsonata(fields) => {
            queried_outcome(fields.output.as_ref(), flow.assign.as_ref(), raw, scope)
        }
    }
}

/// `Assign` and `Output` in JSONata.
pub(crate) fn queried_outcome(
    output: Option<&Query>,
    assigned: Option<&Payload>,
    default: &Data,
    scope: &mut Scope<'_>,
) -> Result<Outcome, StatesError> {
    let assigned = assign(assigned, default, scope)?;
    let output = query(output, default, scope)?;
    Ok(Outcome { output, assigned })
}

/// What an optional field of a JSONata state evaluates to.
pub(crate) fn query(
    query: Option<&Query>,
    default: &Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    match query {
        None => Ok(Arc::clone(default)),
        Some(query) => query.evaluate(scope).map(Arc::new),
    }
}

/// The longest time in seconds that a field can hold.
pub(crate) const SECONDS_MAX: u64 = 99_999_999;

/// A whole number within a range in a field of a JSONata state; 5.0 is one.
pub(crate) fn whole_number(
    query: &Query,
    range: RangeInclusive<u64>,
    scope: &mut Scope<'_>,
) -> Result<u64, StatesError> {
    let number = query.evaluate_as("number", scope, |value| value.as_number().cloned())?;
    let field = query.location();
    let whole = whole(&number).filter(|whole| whole >= range.start()).ok_or_else(|| {
        let kind = if *range.start() == 0 { "a non-negative" } else { "a positive" };
        query.unusable(format!("The {field} field must be {kind} integer but was: {number}"))
    })?;
    if whole > *range.end() {
        let max = range.end();
        return Err(
            query.unusable(format!("The {field} field must be at most {max} but was: {number}"))
        );
    }
    Ok(whole)
}

fn whole(number: &Number) -> Option<u64> {
    let is_whole = |float: &f64| *float >= 0.0 && *float < u64::MAX as f64 && float.fract() == 0.0;
    number.as_u64().or_else(|| number.as_f64().filter(is_whole).map(|float| float as u64))
}

/// A number from 0 up to `max` in a field of a JSONata state.
pub(crate) fn number_up_to(
    query: &Query,
    max: f64,
    scope: &mut Scope<'_>,
) -> Result<f64, StatesError> {
    let number = query.evaluate_as("number", scope, Value::as_f64)?;
    if (0.0..=max).contains(&number) {
        return Ok(number);
    }
    let field = query.location();
    Err(query.unusable(format!("The {field} field must be from 0 to {max} but was: {number}")))
}

/// The values of the variables that an `Assign` names. All of them see the variables as they were when the
/// state was entered.
pub(crate) fn assign(
    assign: Option<&Payload>,
    data: &Data,
    scope: &mut Scope<'_>,
) -> Result<Assigned, StatesError> {
    let Some(assign) = assign else { return Ok(Assigned::new()) };
    match assign.build(data, scope)? {
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
