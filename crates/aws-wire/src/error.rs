//! What a service answers in the place of a result.

use serde_json::{Value, json};

/// An error of an AWS service, with AWS's own code and words.
///
/// As JSON `{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "The specified queue does not exist."}`, as XML
/// `<ErrorResponse><Error><Type>Sender</Type><Code>..</Code><Message>..</Message></Error>..</ErrorResponse>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ServiceError {
    /// `QueueDoesNotExist`
    pub code: String,
    /// The code of the service's older query protocol, where it differs: `AWS.SimpleQueueService.NonExistentQueue`.
    pub query_code: Option<&'static str>,
    /// For the caller.
    pub message: String,
    /// Of the answer, 400 to 599.
    pub status: u16,
    /// What the error tells besides: `Key`, `CancellationReasons`.
    pub members: Vec<(&'static str, Value)>,
}

impl ServiceError {
    /// The caller's mistake, status 400.
    pub fn sender(code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { code, query_code: None, message, status: 400, members: Vec::new() }
    }

    /// Something failed here, status 500. The message goes to the caller and says nothing of the inside.
    pub fn internal() -> Self {
        let message = "The request could not be served because of an internal failure.";
        Self { status: 500, ..Self::sender("InternalFailure", message) }
    }

    /// An action that the service has at AWS and not here.
    pub fn unsupported(service: &str, action: &str) -> Self {
        let message = format!("The action {action} of {service} is not supported by stepwell.");
        Self::sender("UnsupportedOperation", message)
    }

    /// With the code that the query protocol has for it.
    #[must_use]
    pub fn with_query_code(self, code: &'static str) -> Self {
        Self { query_code: Some(code), ..self }
    }

    /// With another status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// With one more member.
    #[must_use]
    pub fn with_member(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The code of the query protocol.
    pub fn query_code(&self) -> &str {
        self.query_code.unwrap_or(&self.code)
    }

    /// Whose fault it is: `Sender` or `Receiver`.
    pub fn fault(&self) -> &'static str {
        if self.status < 500 { "Sender" } else { "Receiver" }
    }

    /// The body in the JSON protocols.
    pub fn json_body(&self, namespace: &str) -> Vec<u8> {
        let code = format!("{namespace}#{}", self.code);
        let mut body = json!({"__type": code, "message": self.message});
        for (name, value) in &self.members {
            body[*name] = value.clone();
        }
        body.to_string().into_bytes()
    }

    /// The value of `x-amzn-query-error`, by which SDKs find the older code.
    pub fn query_header(&self) -> String {
        format!("{};{}", self.query_code(), self.fault())
    }
}
