//! The data flow of a state: from its raw input to what it works on, and from its result to its output.

use std::sync::Arc;

use stepwell_asl::eval::{Scope, StatesError};
use stepwell_asl::model::DataFlow;
use stepwell_asl::{Data, dataflow};

/// `InputPath`, then `Parameters`.
pub(crate) fn effective_input(
    flow: &DataFlow,
    raw: &Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    let selected = dataflow::select(&flow.input_path, raw, scope)?;
    match &flow.parameters {
        Some(template) => Ok(Arc::new(template.evaluate(&selected, scope)?)),
        None => Ok(selected),
    }
}

/// `ResultSelector`, then `ResultPath`, then `OutputPath`.
pub(crate) fn output(
    flow: &DataFlow,
    raw: &Data,
    result: Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    let result = match &flow.result_selector {
        Some(template) => Arc::new(template.evaluate(&result, scope)?),
        None => result,
    };
    let placed = dataflow::place(&flow.result_path, raw, result)?;
    dataflow::select(&flow.output_path, &placed, scope)
}

/// The effective input as an entry holds it: nothing if it is the raw input.
pub(crate) fn unless_raw(effective: &Data, raw: &Data) -> Option<Data> {
    (!Arc::ptr_eq(effective, raw)).then(|| Arc::clone(effective))
}
