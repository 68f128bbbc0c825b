//! The data flow of a state: InputPath, Parameters, ResultSelector, ResultPath, OutputPath.

use crate::Data;
use crate::eval::{Scope, StatesError};
use crate::model::{ResultPath, Selector};

/// Applies `InputPath` or `OutputPath`.
///
/// # Errors
/// `States.Runtime` when the path finds nothing.
pub fn select(selector: &Selector, data: &Data, scope: &mut Scope<'_>) -> Result<Data, StatesError> {
    let _ = (selector, data, scope);
    todo!()
}

/// Puts `result` into `raw_input` at the result path.
///
/// # Errors
/// `States.ResultPathMatchFailure` when the path cannot be applied to the input.
pub fn place(result_path: &ResultPath, raw_input: &Data, result: Data) -> Result<Data, StatesError> {
    let _ = (result_path, raw_input, result);
    todo!()
}
