//! What every request goes through: it is written down, takes its time, and may be struck by a fault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request as HttpRequest, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::fault::{self, HttpFault};
use crate::faults::{FaultRule, Faults};

/// An endpoint: it has a name in logs and faults, and its service's way to say that something failed.
pub(crate) trait Named: Copy + PartialEq + Send + Sync + 'static {
    /// The service's own answer for a status.
    fn error(self, status: StatusCode) -> Response;
}

/// A request that was answered: `{"endpoint": "...", "method": "GET", "path": "/a?b=c", "body": "", "status": 200}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request<E> {
    /// The endpoint.
    pub endpoint: E,
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path and query as they came.
    pub path: String,
    /// The body as it came.
    pub body: String,
    /// The status of the answer; none if the connection closed without one, or while there is none yet.
    pub status: Option<u16>,
}

/// Sees the requests of one or more servers.
#[derive(Debug)]
pub(crate) struct Observer<E> {
    faults: Faults<E, HttpFault>,
    latency: Mutex<Duration>,
    log: Mutex<Vec<Request<E>>>,
}

impl<E: Named> Observer<E> {
    pub(crate) fn new(seed: u64, faults: Vec<FaultRule<E, HttpFault>>, latency: Duration) -> Self {
        Self {
            faults: Faults::new(seed, faults),
            latency: Mutex::new(latency),
            log: Mutex::default(),
        }
    }

    pub(crate) fn add_fault(&self, rule: FaultRule<E, HttpFault>) {
        self.faults.add(rule);
    }

    pub(crate) fn clear_faults(&self) {
        self.faults.clear();
    }

    pub(crate) fn set_latency(&self, latency: Duration) {
        *self.latency.lock().expect("setting does not panic") = latency;
    }

    fn latency(&self) -> Duration {
        *self.latency.lock().expect("reading does not panic")
    }

    /// All requests since the last [`Self::forget`], in the order in which they came.
    pub(crate) fn requests(&self) -> Vec<Request<E>> {
        self.log.lock().expect("reading does not panic").clone()
    }

    /// How many of them each endpoint had.
    pub(crate) fn counts(&self) -> BTreeMap<E, u64>
    where
        E: Ord,
    {
        let mut counts = BTreeMap::new();
        for request in self.log.lock().expect("reading does not panic").iter() {
            *counts.entry(request.endpoint).or_default() += 1;
        }
        counts
    }

    pub(crate) fn forget(&self) {
        self.log.lock().expect("forgetting does not panic").clear();
    }

    fn note(&self, request: Request<E>) -> usize {
        let mut log = self.log.lock().expect("noting does not panic");
        log.push(request);
        log.len() - 1
    }

    fn note_status(&self, place: usize, status: StatusCode) {
        // Gone if the log was forgotten meanwhile.
        if let Some(request) = self.log.lock().expect("noting does not panic").get_mut(place) {
            request.status = Some(status.as_u16());
        }
    }
}

/// What the middleware of one router knows.
struct Seen<E> {
    observer: Arc<Observer<E>>,
    name: fn(&Method, &str) -> Option<E>,
}

impl<E> Clone for Seen<E> {
    fn clone(&self) -> Self {
        Self { observer: Arc::clone(&self.observer), name: self.name }
    }
}

/// Lets an observer see every request of a router; `name` finds the endpoint for a method and the path of its route.
pub(crate) fn observe<E: Named>(
    router: Router,
    observer: Arc<Observer<E>>,
    name: fn(&Method, &str) -> Option<E>,
) -> Router {
    router.layer(from_fn_with_state(Seen { observer, name }, pass::<E>))
}

async fn pass<E: Named>(State(seen): State<Seen<E>>, request: HttpRequest, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let Some(endpoint) = route.and_then(|route| (seen.name)(request.method(), route)) else {
        return next.run(request).await;
    };
    let (request, written) = match write_down(endpoint, request).await {
        Ok(both) => both,
        Err(refused) => return refused,
    };
    let observer = &seen.observer;
    let line = format!("{} {}\n{}", written.method, written.path, written.body);
    let place = observer.note(written);
    tokio::time::sleep(observer.latency()).await;
    let fault = observer.faults.strike(&endpoint, |about| line.contains(about));
    let response = answer(endpoint, fault, request, next).await;
    if response.extensions().get::<super::CloseConnection>().is_none() {
        observer.note_status(place, response.status());
    }
    response
}

async fn answer<E: Named>(
    endpoint: E,
    fault: Option<HttpFault>,
    request: HttpRequest,
    next: Next,
) -> Response {
    let Some(fault) = fault else { return next.run(request).await };
    let error = |status| endpoint.error(status);
    if let Some(answer) = fault::answer(&fault, error) {
        return answer;
    }
    match fault {
        HttpFault::Hang => std::future::pending().await,
        HttpFault::Slow { millis } => tokio::time::sleep(Duration::from_millis(millis)).await,
        _ => {}
    }
    fault::spoil(&fault, next.run(request).await, error).await
}

/// Reads the body, which faults and tests ask for, and puts the request together again.
async fn write_down<E>(
    endpoint: E,
    request: HttpRequest,
) -> Result<(HttpRequest, Request<E>), Response> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX)
        .await
        .map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
    let written = Request {
        endpoint,
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        body: String::from_utf8_lossy(&body).into_owned(),
        status: None,
    };
    Ok((HttpRequest::from_parts(parts, Body::from(body)), written))
}
