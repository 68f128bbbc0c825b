//! What a refused request is answered with: AWS's error name, a status and a message.
//!
//! The message is for the caller. What only the operator should know goes to the log, with the request id.

use axum::http::StatusCode;
use serde_json::json;
use stepwell_asl::diagnostic::Code;
use stepwell_asl::{Diagnostic, Severity};
use stepwell_engine::Error;

/// An AWS error.
#[derive(Debug)]
pub(crate) struct ApiError {
    name: &'static str,
    message: String,
    /// For the log alone.
    internal: Option<String>,
}

impl ApiError {
    pub(crate) fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into(), internal: None }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// A member that AWS has and stepwell does not act on: it never pretends.
    pub(crate) fn unsupported_member(member: &str) -> Self {
        Self::validation(format!("stepwell does not support '{member}' yet; leave it out"))
    }

    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    pub(crate) fn access_denied(message: impl Into<String>) -> Self {
        Self::new("AccessDeniedException", message)
    }

    pub(crate) fn request_too_large() -> Self {
        Self::new(
            "RequestEntityTooLarge",
            format!("a request has at most {} bytes", crate::REQUEST_BYTES_MAX),
        )
    }

    pub(crate) fn unknown_operation(target: &str) -> Self {
        Self::new(
            "UnknownOperationException",
            format!("'{target}' is no operation of AWSStepFunctions"),
        )
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self.name {
            "AccessDeniedException" => StatusCode::FORBIDDEN,
            "RequestEntityTooLarge" => StatusCode::PAYLOAD_TOO_LARGE,
            "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceUnavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        json!({ "__type": self.name, "message": self.message }).to_string().into_bytes()
    }

    pub(crate) fn log(&self, request_id: &str) {
        let Self { name, message, internal } = self;
        if let Some(internal) = internal {
            tracing::error!(request_id, error = name, internal, "request failed");
        } else {
            tracing::debug!(request_id, error = name, message, "request refused");
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let name = error.aws_name();
        let message = match &error {
            Error::StateMachineDoesNotExist { arn } => {
                format!("State Machine Does Not Exist: '{arn}'")
            }
            Error::StateMachineAlreadyExists { arn } => {
                format!("State Machine Already Exists: '{arn}'")
            }
            Error::StateMachineTypeNotSupported => {
                "This operation is not supported by this type of state machine".to_owned()
            }
            Error::InvalidLoggingConfiguration { reason } => {
                format!("Invalid Logging Configuration: {reason}")
            }
            Error::TooManyExecutions { .. } => {
                "The maximum number of running executions has been reached. Running executions must \
                 end or be stopped before a new execution can be started."
                    .to_owned()
            }
            Error::ResourceNotFound { arn } => format!("Resource not found: '{arn}'"),
            Error::ReferenceDoesNotExist { .. } => {
                "Request references a resource that does not exist.".to_owned()
            }
            Error::Conflict { reason }
            | Error::Invalid { reason }
            | Error::TooManyTags { reason } => reason.clone(),
            Error::ExecutionDoesNotExist { arn } => format!("Execution Does Not Exist: '{arn}'"),
            Error::ExecutionAlreadyExists { arn } => format!("Execution Already Exists: '{arn}'"),
            Error::ExecutionNotRedrivable { reason } => reason.to_string(),
            Error::MapRunEnded { .. } => "Map Run is not in RUNNING status".to_owned(),
            Error::InvalidName { name, .. } => format!("Invalid Name: '{name}'"),
            Error::InvalidArn { arn, reason } => {
                format!("Invalid Arn: '{}'", arn_problem(arn, reason))
            }
            Error::InvalidExecutionInput { reason } => {
                format!("Invalid State Machine Execution Input: '{reason}'")
            }
            Error::TooLong { member, bytes_max } => {
                // The value is the caller's data and belongs into no message.
                format!(
                    "1 validation error detected: Value at '{member}' failed to satisfy constraint: \
                     Member must have length less than or equal to {bytes_max}"
                )
            }
            Error::InvalidDefinition { diagnostics } => {
                format!("Invalid State Machine Definition: '{}'", definition_problems(diagnostics))
            }
            Error::UnsupportedResource { .. } => {
                format!("Invalid State Machine Definition: '{error}'")
            }
            Error::ActivityDoesNotExist { arn } => format!("Activity Does Not Exist: '{arn}'"),
            Error::InvalidTaskToken => "Invalid Token: 'Invalid token'".to_owned(),
            Error::TaskDoesNotExist => {
                "Task Does Not Exist: 'Provided task does not exist'".to_owned()
            }
            Error::TaskTimedOut => {
                "Task Timed Out: 'Provided task does not exist anymore'".to_owned()
            }
            Error::InvalidOutput { reason } => format!("Invalid Output: '{reason}'"),
            Error::InvalidToken { token } => format!("Invalid Token: '{token}'"),
            Error::ShuttingDown => "stepwell is shutting down".to_owned(),
            Error::Stopped { .. } | Error::Store { .. } => {
                "an internal failure; the log says more".to_owned()
            }
        };
        let internal =
            matches!(error, Error::Stopped { .. } | Error::Store { .. }).then(|| error.to_string());
        Self { name, message, internal }
    }
}

fn arn_problem(arn: &str, reason: &str) -> String {
    match arn.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "states", _, _, kind, ..] if !["stateMachine", "execution"].contains(&kind) => {
            format!("Resource type not valid in this context: {kind}")
        }
        ["arn", ..] => format!("{arn}: {reason}"),
        _ => format!("Invalid ARN prefix: {arn}"),
    }
}

/// What a finding says. Of a resource that is not served here the reason is part of it: AWS has no words for that.
pub(crate) fn words(found: &Diagnostic) -> String {
    match (found.code, &found.help) {
        (Code::UnsupportedResource, Some(reason)) => format!("{}: {reason}", found.message),
        _ => found.message.clone(),
    }
}

/// In AWS's words: `<code>: <message> at <location>`, all of them.
fn definition_problems(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
    let text = |found: &Diagnostic| {
        let place = found.location.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
        format!("{}: {}{place}", found.code.aws(), words(found))
    };
    errors.map(text).collect::<Vec<_>>().join(", ")
}
