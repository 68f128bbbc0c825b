//! The data flow of a state: from its raw input to what it works on, and from its result to its output.

use std::sync::Arc;

use stepwell_asl::Data;
use stepwell_asl::dataflow::{DEPTH_MAX, build, is_too_deep, place, select};
use stepwell_asl::eval::{Scope, StatesError};
use stepwell_asl::model::DataFlow;

/// `InputPath`, then `Parameters`.
pub(crate) fn effective_input(
    flow: &DataFlow,
    raw: &Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    let selected = select(&flow.input_path, raw, scope)?;
    build(flow.parameters.as_ref(), &selected, scope)
}

/// `ResultSelector`, then `ResultPath`, then `OutputPath`.
pub(crate) fn output(
    flow: &DataFlow,
    raw: &Data,
    result: &Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    let result = build(flow.result_selector.as_ref(), result, scope)?;
    let placed = place(&flow.result_path, raw, result)?;
    select(&flow.output_path, &placed, scope)
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
