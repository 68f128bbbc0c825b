//! Requests whose body does not come: after 20 seconds without a byte they are refused, and their connection is closed.
//!
//! The time runs while somebody waits for bytes; who does not read is not the sender's fault.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::{self, Next};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use stepwell_aws_wire::ServiceError;
use stepwell_aws_wire::sigv4::Dialect;
use tokio::time::{Sleep, sleep};

use crate::authentication::PACKAGE_BYTES_MAX;
use crate::http::too_long;
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
    let form = Form::of(&parts);
    // Objects have limits of their own; nothing else is longer than a package.
    if form.dialect != Dialect::S3 && body.size_hint().lower() > PACKAGE_BYTES_MAX as u64 {
        return closing(form.refuse(&too_long(PACKAGE_BYTES_MAX)));
    }
    let is_silent = Arc::new(AtomicBool::new(false));
    let body = Body::new(Patient { body, silence: None, is_silent: Arc::clone(&is_silent) });
    // To whoever reads it the body breaks off, so that nothing has changed. Why is known here.
    let response = next.run(Request::from_parts(parts, body)).await;
    if !is_silent.load(Ordering::Relaxed) {
        return response;
    }
    closing(form.refuse(&refusal(form.dialect)))
}

/// The rest of the body will not be read.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A body that breaks off once it is silent for too long.
struct Patient {
    body: Body,
    /// Ends when there was none for too long; set while there is none.
    silence: Option<Pin<Box<Sleep>>>,
    is_silent: Arc<AtomicBool>,
}

impl HttpBody for Patient {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.silence = None;
            return Poll::Ready(frame);
        }
        let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(SILENCE)));
        ready!(silence.as_mut().poll(context));
        self.is_silent.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
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
    use futures_util::{StreamExt as _, stream};

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
            let body = dripping(5, every);
            let body = Patient { body, silence: None, is_silent: Arc::clone(&is_silent) };
            let read = axum::body::to_bytes(Body::new(body), usize::MAX).await;
            assert_eq!(read.map(|it| it.len()).ok(), (!is_refused).then_some(5), "{every:?}");
            assert_eq!(is_silent.load(Ordering::Relaxed), is_refused);
        }
    }
}
