//! The error bodies of the service: a JSON array of `message` and `errorCode`; and those of the token endpoint.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An answer that refuses: `[{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its status.
    pub status: StatusCode,
    /// `MALFORMED_QUERY`
    pub code: &'static str,
    /// What happened, in words.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn not_found() -> Self {
        Self::of_status(StatusCode::NOT_FOUND)
    }

    pub(crate) fn no_session() -> Self {
        Self::of_status(StatusCode::UNAUTHORIZED)
    }

    pub(crate) fn invalid_type(object: &str) -> Self {
        Self::bad("INVALID_TYPE", format!("sObject type '{object}' is not supported."))
    }

    pub(crate) fn query_timeout() -> Self {
        Self::bad("QUERY_TIMEOUT", "Your query request was running for too long.")
    }

    /// Of a status alone, for faults too.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status.as_u16() {
            401 => ("INVALID_SESSION_ID", "Session expired or invalid"),
            403 => ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            404 => ("NOT_FOUND", "The requested resource does not exist"),
            503 => ("SERVER_UNAVAILABLE", "The server is temporarily unavailable."),
            400..=499 => ("UNKNOWN_EXCEPTION", "The request cannot be processed."),
            _ => ("UNKNOWN_EXCEPTION", "An unexpected error occurred."),
        };
        Self::new(status, code, message)
    }

    pub(crate) fn body(&self) -> Value {
        json!([{"message": self.message, "errorCode": self.code}])
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}

/// What the token endpoint refuses with: `{"error": "invalid_grant", "error_description": "authentication failure"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OAuthProblem {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) description: &'static str,
}

impl OAuthProblem {
    pub(crate) fn new(error: &'static str, description: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description }
    }

    pub(crate) fn of_status(status: StatusCode) -> Self {
        let error = if status.is_server_error() { "server_error" } else { "invalid_request" };
        Self { status, error, description: "the request cannot be processed" }
    }
}

impl IntoResponse for OAuthProblem {
    fn into_response(self) -> Response {
        let body = json!({"error": self.error, "error_description": self.description});
        (self.status, Json(body)).into_response()
    }
}
