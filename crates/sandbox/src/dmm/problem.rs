//! The error bodies of the service: RFC 7807, `application/problem+json`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::Refused;

/// An answer that refuses: `{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "...", "instance": null}`, and on a body that
/// does not fit `"violations": [{"field": "info.purpose", "message": "must not be blank"}]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its status.
    pub status: StatusCode,
    /// What happened, in words.
    pub detail: String,
    /// What is wrong with the body.
    pub violations: Vec<Violation>,
}

/// A field that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// `info.purpose`
    pub field: String,
    /// `must not be blank`
    pub message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), violations: Vec::new() }
    }

    /// Of a status alone, for faults.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        Self::new(status, status.canonical_reason().unwrap_or("failed"))
    }

    pub(crate) fn not_found(kind: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{kind} {id} not found"))
    }

    /// 400, if there are any.
    pub(crate) fn of_violations(violations: Vec<Violation>) -> Result<(), Self> {
        if violations.is_empty() {
            return Ok(());
        }
        let detail = "Validation failed".to_owned();
        Err(Self { status: StatusCode::BAD_REQUEST, detail, violations })
    }

    fn body(&self) -> Value {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "instance": null,
        });
        if !self.violations.is_empty() {
            body["violations"] = json!(self.violations);
        }
        body
    }
}

impl Violation {
    pub(crate) fn new(field: &str, message: &str) -> Self {
        Self { field: field.to_owned(), message: message.to_owned() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, kind, self.body().to_string()).into_response()
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        problem.into_response().into()
    }
}
