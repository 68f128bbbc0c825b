//! What can go wrong with any HTTP server, whatever it serves.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CloseConnection;

/// What goes wrong: `{"kind": "status", "status": 429, "retry_after": 2}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum HttpFault {
    /// An answer with this status; nothing is done.
    Status {
        /// The status.
        status: u16,
        /// For `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// The body; the service's own for this status if none.
        #[serde(default)]
        body: Option<Value>,
    },
    /// A page in HTML from something between the client and the service; nothing is done.
    Page {
        /// Its status; 200 is possible.
        status: u16,
    },
    /// The connection closes without an answer; nothing is done.
    Close,
    /// What was asked for is done, and the connection closes without an answer.
    LoseAnswer,
    /// What was asked for is done, and a server error is the answer.
    FailAfter {
        /// Its status.
        status: u16,
    },
    /// No answer comes, ever; nothing is done.
    Hang,
    /// The answer comes late.
    Slow {
        /// How late.
        millis: u64,
    },
    /// What was asked for is done, and the connection breaks in the middle of the body.
    BreakBody,
    /// What was asked for is done; the body ends in the middle and `Content-Length` agrees.
    TruncateBody,
    /// What was asked for is done; the body is empty.
    EmptyBody,
    /// What was asked for is done; the body is this instead.
    ReplaceBody {
        /// JSON.
        body: Value,
    },
}

impl HttpFault {
    /// An answer with this status and the service's own body.
    pub fn status(status: u16) -> Self {
        Self::Status { status, retry_after: None, body: None }
    }

    /// 429, with `Retry-After` if seconds are given.
    pub fn too_many_requests(retry_after: Option<u64>) -> Self {
        Self::Status { status: 429, retry_after, body: None }
    }
}

/// The answer instead of what was asked for, if the fault is one of those; `error` makes the service's own body for a status.
pub(super) fn answer(
    fault: &HttpFault,
    error: impl Fn(StatusCode) -> Response,
) -> Option<Response> {
    Some(match fault {
        HttpFault::Status { status, retry_after, body } => {
            let status = status_of(*status);
            let mut response = match body {
                Some(body) => (status, axum::Json(body)).into_response(),
                None => error(status),
            };
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            response
        }
        HttpFault::Page { status } => {
            (status_of(*status), Html("<html><body><h1>Gateway</h1></body></html>")).into_response()
        }
        HttpFault::Close => close(),
        HttpFault::LoseAnswer
        | HttpFault::FailAfter { .. }
        | HttpFault::Hang
        | HttpFault::Slow { .. }
        | HttpFault::BreakBody
        | HttpFault::TruncateBody
        | HttpFault::EmptyBody
        | HttpFault::ReplaceBody { .. } => return None,
    })
}

/// The answer after what was asked for was done, spoilt.
pub(super) async fn spoil(
    fault: &HttpFault,
    response: Response,
    error: impl Fn(StatusCode) -> Response,
) -> Response {
    match fault {
        HttpFault::LoseAnswer => close(),
        HttpFault::FailAfter { status } => error(status_of(*status)),
        HttpFault::BreakBody => cut(response, true).await,
        HttpFault::TruncateBody => cut(response, false).await,
        HttpFault::EmptyBody => replace(response, Bytes::new()),
        HttpFault::ReplaceBody { body } => replace(response, body.to_string().into()),
        HttpFault::Status { .. }
        | HttpFault::Page { .. }
        | HttpFault::Close
        | HttpFault::Hang
        | HttpFault::Slow { .. } => response,
    }
}

fn close() -> Response {
    let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
    response.extensions_mut().insert(CloseConnection);
    response
}

fn replace(response: Response, body: Bytes) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

/// Half of the body; `Content-Length` promises all of it if the body is to break.
async fn cut(response: Response, breaks: bool) -> Response {
    let (mut parts, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    if !breaks {
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::from(half));
    }
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    Response::from_parts(parts, broken_off(half))
}

/// A body that comes to an error after its content.
pub(crate) fn broken_off(content: Bytes) -> Body {
    let content = stream::once(async { Ok(content) });
    let end = stream::once(async {
        // A pause, in which the server sends what it has; otherwise not even the head would arrive.
        tokio::task::yield_now().await;
        Err(io::Error::new(io::ErrorKind::ConnectionReset, "broken off on request"))
    });
    Body::from_stream(content.chain(end))
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
