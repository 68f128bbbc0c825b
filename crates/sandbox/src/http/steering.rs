//! `/_sandbox/...` of every sandbox with an observer: its faults, its delay, what it was asked; and its clock.
//!
//! What steers the data of a sandbox is its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{HttpFault, Named, Observer, Request};
use crate::clock::Clock;
use crate::faults::FaultRule;

/// Everything that an observer can be asked and told.
pub(crate) fn steer<E>(observer: &Arc<Observer<E>>) -> Router
where
    E: Named + Ord + Serialize + DeserializeOwned,
{
    let rest = Router::new()
        .route("/_sandbox/faults", delete(clear_faults::<E>))
        .route("/_sandbox/requests", get(requests::<E>).delete(forget_requests::<E>))
        .with_state(Arc::clone(observer));
    steer_in_part(observer).merge(rest)
}

/// The same without what a sandbox counts and clears in its own way: `DELETE` of faults, and the counts of requests.
pub(crate) fn steer_in_part<E>(observer: &Arc<Observer<E>>) -> Router
where
    E: Named + Serialize + DeserializeOwned,
{
    Router::new()
        .route("/_sandbox/faults", post(add_faults::<E>))
        .route("/_sandbox/latency", put(set_latency::<E>))
        .route("/_sandbox/log", get(log::<E>))
        .with_state(Arc::clone(observer))
}

/// A clock that nothing but time depends on.
pub(crate) fn steer_clock(clock: &Arc<Clock>) -> Router {
    Router::new().route("/_sandbox/clock", post(move_clock)).with_state(Arc::clone(clock))
}

/// `{"seconds": 86400}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveClock {
    seconds: u64,
}

impl MoveClock {
    pub(crate) fn by(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Gives `{"now": "..."}`.
async fn move_clock(State(clock): State<Arc<Clock>>, Json(wanted): Json<MoveClock>) -> Json<Value> {
    clock.move_on(wanted.by());
    Json(json!({"now": clock.now_millis_text()}))
}

/// A list of rules.
async fn add_faults<E: Named>(
    State(observer): State<Arc<Observer<E>>>,
    Json(rules): Json<Vec<FaultRule<E, HttpFault>>>,
) -> StatusCode {
    for rule in rules {
        observer.add_fault(rule);
    }
    StatusCode::NO_CONTENT
}

async fn clear_faults<E: Named>(State(observer): State<Arc<Observer<E>>>) -> StatusCode {
    observer.clear_faults();
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    millis: u64,
}

/// `{"millis": 50}`
async fn set_latency<E: Named>(
    State(observer): State<Arc<Observer<E>>>,
    Json(wanted): Json<Latency>,
) -> StatusCode {
    observer.set_latency(Duration::from_millis(wanted.millis));
    StatusCode::NO_CONTENT
}

/// How often each endpoint was asked, by its name: `{"query": 12, "describe": 2, ...}`
async fn requests<E: Named + Ord + Serialize>(
    State(observer): State<Arc<Observer<E>>>,
) -> Json<BTreeMap<String, u64>> {
    let name = |endpoint: E| json!(endpoint).as_str().unwrap_or_default().to_owned();
    Json(observer.counts().into_iter().map(|(endpoint, count)| (name(endpoint), count)).collect())
}

async fn forget_requests<E: Named>(State(observer): State<Arc<Observer<E>>>) -> StatusCode {
    observer.forget();
    StatusCode::NO_CONTENT
}

async fn log<E: Named>(State(observer): State<Arc<Observer<E>>>) -> Json<Vec<Request<E>>> {
    Json(observer.requests())
}
