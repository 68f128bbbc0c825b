//! The error bodies of the service: a list of code, source and reason.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An answer that refuses: `{"errors": [{"errorCode": 4, "errorSource": "filterCriteria", "errorReason": "INVALID_PARAMETERS"}]}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its status.
    pub status: StatusCode,
    /// 4
    pub code: u32,
    /// `INVALID_PARAMETERS`
    pub reason: &'static str,
    /// `filterCriteria`
    pub source: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: u32, reason: &'static str) -> Self {
        Self { status, code, reason, source: None }
    }

    pub(crate) fn parameters(source: impl Into<String>) -> Self {
        Self::bad(4, "INVALID_PARAMETERS", source)
    }

    pub(crate) fn bad(code: u32, reason: &'static str, source: impl Into<String>) -> Self {
        Self { source: Some(source.into()), ..Self::new(StatusCode::BAD_REQUEST, code, reason) }
    }

    pub(crate) fn not_found() -> Self {
        Self::of_status(StatusCode::NOT_FOUND)
    }

    /// Of a status alone, for faults too.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, reason) = match status.as_u16() {
            401 => (2, "INVALID_CREDENTIALS"),
            403 => (15, "INVALID_PERMISSIONS"),
            404 => (301, "RESOURCE_NOT_FOUND"),
            415 => (3, "INVALID_API_OPERATION"),
            429 => (7, "TOO_MANY_REQUESTS"),
            400..=499 => (4, "INVALID_PARAMETERS"),
            _ => (6, "INTERNAL_ERROR"),
        };
        Self::new(status, code, reason)
    }

    fn body(&self) -> Value {
        let mut error = json!({"errorCode": self.code, "errorReason": self.reason});
        if let Some(source) = &self.source {
            error["errorSource"] = json!(source);
        }
        json!({"errors": [error]})
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}
