//! The mock of a request: what the task, the iterations or the branches gave.

use serde_json::Value;
use stepwell_asl::model::{Map, Resource, State, StateKind, Task};
use stepwell_engine::TaskResult;

use super::model::{self, Strictness};
use super::pattern;
use super::request::Mock;
use crate::error::ApiError;

/// Reads a mock for a state.
///
/// # Errors
/// `ValidationException` if the state takes none, or the mock is not what the state could get.
pub(super) fn read(mock: Mock, state: &State) -> Result<TaskResult, ApiError> {
    check_type(&state.kind)?;
    if let Some(output) = mock.error_output {
        let error = output.error.ok_or_else(|| {
            ApiError::validation(
                "mock.errorOutput.error is required when mock.errorOutput is specified",
            )
        })?;
        return Ok(TaskResult::Failed { error, cause: output.cause });
    }
    let text = mock.result.unwrap_or_default();
    let result = stepwell_asl::json::parse(&text)
        .map_err(|_| ApiError::validation("Mocked result must be valid JSON"))?;
    match &state.kind {
        StateKind::Parallel(parallel) => check_branches(&result, parallel.branches.len())?,
        StateKind::Map(map) => check_iterations(&result, map)?,
        StateKind::Task(task) => {
            check_model(&result, task, mock.field_validation_mode.as_deref())?;
        }
        _ => {}
    }
    Ok(TaskResult::Succeeded { output: result.into() })
}

fn check_type(kind: &StateKind) -> Result<(), ApiError> {
    let name = match kind {
        StateKind::Task(_) | StateKind::Map(_) | StateKind::Parallel(_) => return Ok(()),
        StateKind::Pass(_) => "Pass",
        StateKind::Choice(_) => "Choice",
        StateKind::Wait(_) => "Wait",
        StateKind::Succeed(_) => "Succeed",
        StateKind::Fail(_) => "Fail",
    };
    Err(ApiError::validation(format!(
        "State type '{name}' is not supported when a mock is specified"
    )))
}

fn check_branches(result: &Value, branches: usize) -> Result<(), ApiError> {
    match result.as_array() {
        None => Err(not_an_array()),
        Some(results) if results.len() == branches => Ok(()),
        Some(_) => Err(ApiError::validation(
            "Mocked result must contain the same number of items as number of Parallel branches.",
        )),
    }
}

/// A Map state with a `ResultWriter` gives an object that says where the results are.
fn check_iterations(result: &Value, map: &Map) -> Result<(), ApiError> {
    let writer = map.distributed.as_ref().and_then(|distributed| distributed.writer.as_ref());
    match writer.filter(|writer| writer.resource.is_some()) {
        Some(_) if result.is_object() => Ok(()),
        Some(_) => Err(ApiError::validation("Mocked result must be a JSON object.")),
        None if result.is_array() => Ok(()),
        None => Err(not_an_array()),
    }
}

fn not_an_array() -> ApiError {
    ApiError::validation("Mocked result must be an array.")
}

/// Holds a mock against the model of the API that the task calls. The result of a task that waits for work, or that
/// calls no AWS service, has no model.
fn check_model(result: &Value, task: &Task, mode: Option<&str>) -> Result<(), ApiError> {
    let strictness = match mode {
        Some("NONE") => return Ok(()),
        Some("PRESENT") => Strictness::Present,
        _ => Strictness::Strict,
    };
    match &task.resource {
        Resource::Service { service, action, .. } if pattern(action).is_none() => {
            model::check(service, action, result, strictness)
        }
        Resource::Service { .. } | Resource::Lambda(_) | Resource::Activity(_) => Ok(()),
    }
}
