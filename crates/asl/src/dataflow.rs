//! The data flow of a state: InputPath, Parameters, ResultSelector, ResultPath, OutputPath.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value};

use crate::Data;
use crate::eval::{Scope, StatesError};
use crate::jsonpath::Path;
use crate::model::{ResultPath, Selector};
use crate::template::Template;

/// How deep the data of an execution may be nested. What is deeper could be written, but not read again:
/// JSON parsers stop at 128 levels, and the journal wraps a few of its own around the data.
pub const DEPTH_MAX: usize = 100;

/// Whether `value` is nested deeper than [`DEPTH_MAX`].
pub fn is_too_deep(value: &Value) -> bool {
    is_deeper_than(DEPTH_MAX, value)
}

fn is_deeper_than(levels: usize, value: &Value) -> bool {
    match value {
        Value::Array(items) => {
            levels == 0 || items.iter().any(|item| is_deeper_than(levels - 1, item))
        }
        Value::Object(fields) => {
            levels == 0 || fields.values().any(|field| is_deeper_than(levels - 1, field))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

static EMPTY: LazyLock<Data> = LazyLock::new(|| Arc::new(Value::Object(Map::new())));

/// Applies `InputPath` or `OutputPath`.
///
/// # Errors
/// `States.Runtime` when the path finds nothing.
pub fn select(
    selector: &Selector,
    data: &Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    match selector {
        Selector::Path(path) if path.is_root() => Ok(Arc::clone(data)),
        Selector::Path(path) => {
            resolve(path, data, scope).map(|found| Arc::new(found.into_owned()))
        }
        Selector::Discard => Ok(Arc::clone(&EMPTY)),
    }
}

/// Builds the payload of an optional template; without one the data passes as it is.
///
/// # Errors
/// As [`Template::evaluate`].
pub fn build(
    template: Option<&Template>,
    data: &Data,
    scope: &mut Scope<'_>,
) -> Result<Data, StatesError> {
    match template {
        None => Ok(Arc::clone(data)),
        Some(template) => template.evaluate(data, scope).map(Arc::new),
    }
}

/// Puts `result` into `raw_input` at the result path.
///
/// # Errors
/// `States.ResultPathMatchFailure` when the path cannot be applied to the input.
pub fn place(
    result_path: &ResultPath,
    raw_input: &Data,
    result: Data,
) -> Result<Data, StatesError> {
    match result_path {
        ResultPath::Path(path) if path.is_root() => Ok(result),
        ResultPath::Discard => Ok(Arc::clone(raw_input)),
        ResultPath::Path(path) => {
            let mut output = Value::clone(raw_input);
            match path.set(&mut output, Arc::unwrap_or_clone(result)) {
                Ok(()) => Ok(Arc::new(output)),
                Err(_) => Err(StatesError::new(
                    "States.ResultPathMatchFailure",
                    format!("Unable to apply ReferencePath {} to input {raw_input}", path.as_str()),
                )),
            }
        }
    }
}

/// The items of a Map state: what `ItemsPath` finds, which must be an array.
///
/// # Errors
/// `States.Runtime` when the path finds nothing, or something else than an array.
pub fn items(path: &Path, data: &Data, scope: &mut Scope<'_>) -> Result<Vec<Value>, StatesError> {
    match resolve(path, data, scope)?.into_owned() {
        Value::Array(items) => Ok(items),
        _ => Err(StatesError::runtime(format!(
            "Reference path \"{}\" must point to array.",
            without_context_sign(path.as_str())
        ))),
    }
}

/// What `path` finds.
///
/// # Errors
/// `States.Runtime` when it finds nothing.
pub fn resolve<'v>(
    path: &Path,
    input: &'v Value,
    scope: &'v Scope<'_>,
) -> Result<Cow<'v, Value>, StatesError> {
    scope.find(path, input).ok_or_else(|| {
        let why = match scope.root(path, input) {
            Some(root) => path.explain_missing(root),
            None => format!("No results for path: {path}"),
        };
        StatesError::runtime(format!(
            "Invalid path '{}' : {why}",
            without_context_sign(path.as_str())
        ))
    })
}

/// `$$.Execution` is `$.Execution` in these texts: AWS evaluates it as a path on the context object.
fn without_context_sign(path: &str) -> &str {
    path.strip_prefix("$$").map_or(path, |_| &path[1..])
}
