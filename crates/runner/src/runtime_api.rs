//! The Lambda Runtime API of one process, on a loopback address of its own.
//!
//! Each process gets an address out of 127.0.0.0/8 and a port, both drawn by chance: no process comes upon the
//! address of another, so that none answers for another. Whoever reads `/proc/net/tcp` could find it; functions
//! of one project are not shielded from each other's ill will.
//!
//! Source: AWS Lambda developer guide, "Using the Lambda runtime API for custom runtimes".

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio_util::task::AbortOnDropHandle;

use crate::function::LIMITS;
use crate::invocation::Reply;

/// Says of what type an error is.
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

/// What a process is given with an event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) deadline_ms: u128,
    pub(crate) function_arn: String,
    pub(crate) trace_id: String,
    pub(crate) client_context: Option<String>,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// The conversation with one process.
#[derive(Default)]
pub(crate) struct Session {
    talk: Mutex<Talk>,
    /// An event is there.
    offered: Notify,
    /// The process asked for its first event, or said why it will not.
    initialised: Notify,
}

#[derive(Default)]
struct Talk {
    next: Option<Event>,
    current: Option<(String, oneshot::Sender<Reply>)>,
    init: Option<Result<(), Reply>>,
}

impl Session {
    /// Gives the process an event.
    pub(crate) fn offer(&self, event: Event) {
        self.talk().next = Some(event);
        self.offered.notify_one();
    }

    /// Takes back an event that the process never took.
    pub(crate) fn take_back(&self) -> Option<Event> {
        self.talk().next.take()
    }

    /// Waits until the process asks for its first event.
    pub(crate) async fn initialised(&self) -> Result<(), Reply> {
        loop {
            let notified = self.initialised.notified();
            if let Some(init) = self.talk().init.clone() {
                return init;
            }
            notified.await;
        }
    }

    fn talk(&self) -> std::sync::MutexGuard<'_, Talk> {
        self.talk.lock().expect("no holder of the lock panics")
    }

    fn set_init(&self, init: Result<(), Reply>) {
        self.talk().init.get_or_insert(init);
        self.initialised.notify_waiters();
        // For a waiter that looked before and does not wait yet.
        self.initialised.notify_one();
    }

    /// Takes the reply to the current event; not to one that was answered before.
    fn settle(&self, request_id: &str, reply: Reply) -> bool {
        let mut talk = self.talk();
        match talk.current.take() {
            Some((current, sender)) if current == request_id => {
                let _ = sender.send(reply);
                true
            }
            other => {
                talk.current = other;
                false
            }
        }
    }
}

/// Serves a session until the handle is dropped, and tells the address.
pub(crate) async fn serve(
    session: Arc<Session>,
) -> std::io::Result<(SocketAddr, AbortOnDropHandle<()>)> {
    let listener = TcpListener::bind((own_address(), 0)).await?;
    let address = listener.local_addr()?;
    let router = router(session);
    let serving = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Ok((address, AbortOnDropHandle::new(serving)))
}

/// All of 127.0.0.0/8 is this machine on Linux; elsewhere only the first address is.
fn own_address() -> Ipv4Addr {
    if cfg!(target_os = "linux") {
        let [b, c, d] = rand::random::<[u8; 3]>();
        return Ipv4Addr::new(127, b, c, d.clamp(1, 254));
    }
    Ipv4Addr::LOCALHOST
}

fn router(session: Arc<Session>) -> Router {
    let api = Router::new()
        .route("/invocation/next", get(next))
        .route("/invocation/{id}/response", post(response))
        .route("/invocation/{id}/error", post(error))
        .route("/init/error", post(init_error));
    Router::new()
        .nest("/2018-06-01/runtime", api)
        .layer(DefaultBodyLimit::max(LIMITS.payload_bytes_max))
        .with_state(session)
}

async fn next(State(session): State<Arc<Session>>) -> Response {
    session.set_init(Ok(()));
    loop {
        let offered = session.offered.notified();
        {
            let mut talk = session.talk();
            if talk.current.is_some() {
                let message = "the invocation before has no response yet";
                return refused(StatusCode::FORBIDDEN, "InvalidStateTransition", message);
            }
            if let Some(event) = talk.next.take() {
                let (id, reply, response) = handed_out(event);
                talk.current = Some((id, reply));
                return response;
            }
        }
        offered.await;
    }
}

fn handed_out(event: Event) -> (String, oneshot::Sender<Reply>, Response) {
    let mut response = event.payload.into_response();
    let headers = response.headers_mut();
    let told = [
        ("content-type", Some("application/json".to_owned())),
        ("lambda-runtime-aws-request-id", Some(event.request_id.clone())),
        ("lambda-runtime-deadline-ms", Some(event.deadline_ms.to_string())),
        ("lambda-runtime-invoked-function-arn", Some(event.function_arn)),
        ("lambda-runtime-trace-id", Some(event.trace_id)),
        ("lambda-runtime-client-context", event.client_context),
    ];
    for (name, value) in told {
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            headers.insert(name, value);
        }
    }
    (event.request_id, event.reply, response)
}

async fn response(
    State(session): State<Arc<Session>>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(payload) = body else {
        session.settle(&id, Reply::too_large(LIMITS.payload_bytes_max));
        let message =
            format!("Exceeded maximum allowed payload size ({} bytes).", LIMITS.payload_bytes_max);
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message);
    };
    settled(session.settle(&id, Reply::returned(payload)))
}

async fn error(
    State(session): State<Arc<Session>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    settled(session.settle(&id, failure(&headers, body)))
}

async fn init_error(
    State(session): State<Arc<Session>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    session.set_init(Err(failure(&headers, body)));
    accepted()
}

fn failure(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Reply {
    let header = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
    match body {
        Ok(payload) => Reply::failed(payload, header),
        Err(_) => Reply::too_large(LIMITS.payload_bytes_max),
    }
}

fn settled(is_settled: bool) -> Response {
    if is_settled {
        return accepted();
    }
    refused(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, axum::Json(json!({"status": "OK"}))).into_response()
}

fn refused(status: StatusCode, error_type: &str, message: &str) -> Response {
    let body = json!({"errorMessage": message, "errorType": error_type});
    (status, axum::Json(body)).into_response()
}
