//! What the Lambda API refuses, by AWS's names.

use crate::arn::LATEST;

/// A request that is refused: the error of the Lambda API.
///
/// On the wire `{"Type":"User","Message":"..."}` (or `message`) with the code in `x-amzn-ErrorType`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// AWS's name, for instance `ResourceNotFoundException`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The text for people.
    pub message: String,
    /// Which limit it is, where the code has several: `ConcurrentInvocationLimitExceeded`.
    pub reason: Option<&'static str>,
}

impl Refusal {
    fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), reason: None }
    }

    /// The same, with the function that it is about.
    pub(crate) fn of_function(self, name: &str) -> Self {
        Self { message: format!("function `{name}`: {}", self.message), ..self }
    }

    pub(crate) fn not_found(arn: &str) -> Self {
        Self::new("ResourceNotFoundException", 404, format!("Function not found: {arn}"))
    }

    /// The same for who asked for the newest version by name.
    pub(crate) fn of_latest(self) -> Self {
        if self.code != "ResourceNotFoundException" {
            return self;
        }
        Self { message: format!("{}:{LATEST}", self.message), ..self }
    }

    /// A function that is there, but not in this version or under this alias.
    pub(crate) fn no_such_qualifier(arn: &str, qualifier: &str) -> Self {
        let is_version = qualifier.bytes().all(|byte| byte.is_ascii_digit());
        if is_version || qualifier == LATEST {
            return Self::not_found(&format!("{arn}:{qualifier}"));
        }
        let message = format!("Cannot find alias arn: {arn}:{qualifier}");
        Self::new("ResourceNotFoundException", 404, message)
    }

    pub(crate) fn exists(name: &str) -> Self {
        Self::new("ResourceConflictException", 409, format!("Function already exist: {name}"))
    }

    pub(crate) fn configured(name: &str) -> Self {
        let message = format!(
            "The function {name} is configured in stepwell.toml; change it there and restart"
        );
        Self::new("ResourceConflictException", 409, message)
    }

    pub(crate) fn revision_differs() -> Self {
        let message = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id";
        Self::new("PreconditionFailedException", 412, message)
    }

    pub(crate) fn too_many_requests(reason: &'static str) -> Self {
        let refusal = Self::new("TooManyRequestsException", 429, "Rate Exceeded.");
        Self { reason: Some(reason), ..refusal }
    }

    /// A request of more bytes than any may have.
    pub(crate) fn entity_too_large(message: impl Into<String>) -> Self {
        Self::new("RequestEntityTooLargeException", 413, message)
    }

    pub(crate) fn not_parsed(message: impl Into<String>) -> Self {
        Self::new("SerializationException", 400, message)
    }

    pub(crate) fn payload_too_large(bytes: usize, bytes_max: usize) -> Self {
        let message = format!(
            "{bytes} byte payload is too large for the RequestResponse invocation type (limit {bytes_max} bytes)"
        );
        Self::new("RequestTooLargeException", 413, message)
    }

    pub(crate) fn invalid_content(message: impl Into<String>) -> Self {
        Self::new("InvalidRequestContentException", 400, message)
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValueException", 400, message)
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", 400, message)
    }

    /// One value that breaks a constraint of the model, in AWS's words.
    pub(crate) fn constraint(member: &str, value: &str, rule: &str) -> Self {
        Self::validation(format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
        ))
    }

    pub(crate) fn service(message: impl Into<String>) -> Self {
        Self::new("ServiceException", 500, message)
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::service(error.to_string())
    }
}
