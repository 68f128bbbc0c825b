//! Errors of the API as errors of tasks: names and words as AWS's own clients write them.

use serde_json::Value;
use stepwell_task::TaskFailure;
use uuid::Uuid;

use crate::error::ApiError;

/// `Sfn.InvalidTokenException`, as `aws-sdk:sfn` integrations fail.
pub(super) fn of_sdk(error: &ApiError) -> TaskFailure {
    let (message, status) = (error.message(), error.status().as_u16());
    TaskFailure {
        error: format!("Sfn.{}", exception(error.name())),
        cause: Some(format!(
            "{message} (Service: Sfn, Status Code: {status}, Request ID: {}) (SDK Attempt Count: 1)",
            request_id()
        )),
    }
}

/// `StepFunctions.ExecutionAlreadyExistsException`, as `states:startExecution` fails.
pub(super) fn of_start(error: &ApiError) -> TaskFailure {
    let (message, status) = (error.message(), error.status().as_u16());
    let name = error.name();
    TaskFailure {
        error: format!("StepFunctions.{}", exception(name)),
        cause: Some(format!(
            "{message} (Service: AWSStepFunctions; Status Code: {status}; Error Code: {name}; \
             Request ID: {}; Proxy: null)",
            request_id()
        )),
    }
}

/// The execution that a task started did not succeed; the cause is what `DescribeExecution` tells of it.
pub(super) fn of_child(described: &Value) -> TaskFailure {
    task_failed(described.to_string())
}

pub(super) fn task_failed(cause: String) -> TaskFailure {
    TaskFailure { error: "States.TaskFailed".to_owned(), cause: Some(cause) }
}

pub(super) fn request_id() -> String {
    #[expect(clippy::disallowed_methods, reason = "a request has its id from here on")]
    let id = Uuid::new_v4();
    id.to_string()
}

fn exception(name: &str) -> String {
    if name.ends_with("Exception") { name.to_owned() } else { format!("{name}Exception") }
}
