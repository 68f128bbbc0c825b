//! The error bodies of the service, each with its status.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::data::calendar::{Micros, write_timestamp};
use super::faults::AccountProblem;
use super::limits::TooManyRequests;

/// Everything that an endpoint can refuse with.
///
/// The body is `{"error": {"type": "...", "uuid": "...", "message": "...", ...}}`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ApiError {
    /// 401
    Authentication(&'static str),
    /// 400 or 403 of the login.
    Login { status: StatusCode, message: &'static str },
    /// 400 with the place in the body.
    Validation { message: String, line: usize, column: usize, character: usize },
    /// 400: `since` or `until` lies outside what the service can answer.
    OutOfRange { since: Micros, until: Micros, reloaded: bool },
    /// 403
    Account(AccountProblem),
    /// 404
    NotFound { kind: &'static str, id: String },
    /// 429
    TooManyRequests(TooManyRequests),
    /// 5xx; the message is often empty.
    Processing { status: StatusCode, message: String },
    /// 504
    GatewayTimeout,
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Authentication(_) => StatusCode::UNAUTHORIZED,
            Self::Login { status, .. } | Self::Processing { status, .. } => *status,
            Self::Validation { .. } | Self::OutOfRange { .. } => StatusCode::BAD_REQUEST,
            Self::Account(_) => StatusCode::FORBIDDEN,
            Self::NotFound { .. } => StatusCode::NOT_FOUND,
            Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn body(&self) -> Value {
        match self {
            Self::Authentication(message) | Self::Login { message, .. } => {
                envelope("AuthenticationError", message, &json!({}))
            }
            Self::Validation { message, line, column, character } => envelope(
                "ValidationError",
                message,
                &json!({"location": {"line": line, "column": column, "character": character}}),
            ),
            Self::OutOfRange { since, until, reloaded } => out_of_range(*since, *until, *reloaded),
            Self::Account(problem) => {
                envelope(&format!("{problem:?}"), "the account cannot use this service", &json!({}))
            }
            Self::NotFound { kind, id } => envelope(
                "ObjectNotFound",
                &format!("{kind} `{id}` is not found"),
                &json!({"id": id, "kind": kind}),
            ),
            Self::TooManyRequests(_) => {
                envelope("TooManyRequests", "API rate limit exceeded", &json!({}))
            }
            Self::Processing { message, .. } => processing(message),
            Self::GatewayTimeout => json!({"error": {"message": "Endpoint request timed out"}}),
        }
    }
}

/// `{"error": {"type": "...", "uuid": "...", "message": "..."}}` with members of its own.
fn envelope(kind: &str, message: &str, more: &Value) -> Value {
    let mut error = json!({"type": kind, "uuid": Uuid::new_v4().to_string(), "message": message});
    for (name, value) in more.as_object().expect("the members are an object") {
        error[name] = value.clone();
    }
    json!({"error": error})
}

fn out_of_range(since: Micros, until: Micros, reloaded: bool) -> Value {
    let (kind, message) = if reloaded {
        ("SnapshotRequiredError", "the table was reloaded recently; a new snapshot is required")
    } else {
        ("OutOfRangeError", "the requested range is outside of the range of available data")
    };
    envelope(kind, message, &json!({"since": timestamp(since), "until": timestamp(until)}))
}

/// `{"error": {...}}` of a server error or inside a failed job.
pub(crate) fn processing(message: &str) -> Value {
    envelope("com.instructure.dap.ProcessingError", message, &json!({}))
}

/// A timestamp as the bodies have it.
pub(crate) fn timestamp(at: Micros) -> String {
    let mut out = String::new();
    write_timestamp(&mut out, at);
    out
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        if let Self::TooManyRequests(TooManyRequests { retry_after_seconds: Some(seconds) }) = self
        {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
