//! Error bodies of Galaxy's API: a status with a word for it.
//!
//! Confirmed is `{"status": "ALREADY_EXISTS", ...}` with 409; the other words follow the same convention.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::http::Refused;

/// `{"status": "NOT_FOUND", "message": "..."}`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Error {
    status: StatusCode,
    message: String,
}

impl Error {
    pub(crate) fn of_status(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::of_status(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(what: &str, id: &str) -> Self {
        Self::of_status(StatusCode::NOT_FOUND, format!("{what} {id} not found"))
    }

    pub(super) fn already_exists(what: &str, name: &str) -> Self {
        let message = format!("{what} with name {name} already exists");
        Self::of_status(StatusCode::CONFLICT, message)
    }

    pub(super) fn unauthenticated(message: &str) -> Self {
        Self::of_status(StatusCode::UNAUTHORIZED, message)
    }
}

fn word(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "FAILED_PRECONDITION",
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let body = json!({"status": word(self.status), "message": self.message});
        (self.status, Json(body)).into_response()
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        error.into_response().into()
    }
}
