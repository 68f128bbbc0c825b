//! Requests whose body does not come: after 20 seconds without a byte they are refused, and their connection is closed.
//!
//! The time runs while somebody waits for bytes; who does not read is not the sender's fault.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::{self, Next};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use stepwell_aws_wire::ServiceError;
use stepwell_aws_wire::sigv4::Dialect;

use crate::refusal::Form;

/// How long a body may be silent. Shorter than a connection waits for its client, which is hung up without a word.
const SILENCE: Duration = Duration::from_secs(20);

/// The routes for those who send what they announce. The others get `RequestTimeout` of S3, status 400, or
/// `RequestTimeoutException` with 408: SDKs try again after both.
pub fn router(routes: Router) -> Router {
    // Requests that match no route are waited for as long.
    Router::new().merge(routes).layer(middleware::from_fn(wait))
}

async fn wait(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let (form, is_silent) = (Form::of(&parts), Arc::new(AtomicBool::new(false)));
    let body = ending_if_silent(body, Arc::clone(&is_silent));
    // To whoever reads it the body breaks off, so that nothing has changed. Why is known here.
    let response = next.run(Request::from_parts(parts, body)).await;
    if !is_silent.load(Ordering::Relaxed) {
        return response;
    }
    let mut response = form.refuse(&refusal(form.dialect));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn ending_if_silent(body: Body, is_silent: Arc<AtomicBool>) -> Body {
    let begin = Some((body.into_data_stream(), is_silent));
    Body::from_stream(stream::unfold(begin, async |state| {
        let (mut body, is_silent) = state?;
        let Ok(piece) = tokio::time::timeout(SILENCE, body.next()).await else {
            is_silent.store(true, Ordering::Relaxed);
            return Some((Err(io::ErrorKind::TimedOut.into()), None));
        };
        let piece = piece?.map_err(io::Error::other);
        Some((piece, Some((body, is_silent))))
    }))
}

fn refusal(dialect: Dialect) -> ServiceError {
    // Source: Amazon S3 API reference, "Error responses".
    let message = "Your socket connection to the server was not read from or written to within the timeout period. Idle connections \
        will be closed.";
    match dialect {
        Dialect::S3 => ServiceError::sender("RequestTimeout", message),
        Dialect::Query => ServiceError::sender("RequestTimeout", message).with_status(408),
        Dialect::Json | Dialect::Rest => {
            ServiceError::sender("RequestTimeoutException", message).with_status(408)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of so many bytes, each after this time.
    fn dripping(count: u32, every: Duration) -> Body {
        Body::from_stream(stream::iter(0..count).then(move |_| async move {
            tokio::time::sleep(every).await;
            Ok::<_, io::Error>("x")
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_come_slowly_and_not_stop() {
        for (every, is_refused) in [(SILENCE / 2, false), (SILENCE * 2, true)] {
            let is_silent = Arc::new(AtomicBool::new(false));
            let body = ending_if_silent(dripping(5, every), Arc::clone(&is_silent));
            let read = axum::body::to_bytes(body, usize::MAX).await;
            assert_eq!(read.map(|it| it.len()).ok(), (!is_refused).then_some(5), "{every:?}");
            assert_eq!(is_silent.load(Ordering::Relaxed), is_refused);
        }
    }
}
