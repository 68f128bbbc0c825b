//! `/_sandbox/...`: what tests in other processes steer the sandbox with. It needs no session and knows no faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Endpoint;
use crate::http::Request;
use crate::salesforce::problem::Problem;
use crate::salesforce::service::Service;
use crate::salesforce::{Advance, FaultRule, Truth};

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/_sandbox/advance", post(advance))
        .route("/_sandbox/clock", post(move_clock))
        .route("/_sandbox/faults", post(add_faults).delete(clear_faults))
        .route("/_sandbox/latency", put(set_latency))
        .route("/_sandbox/log", get(log))
        .route("/_sandbox/objects/{object}", get(records))
        .route("/_sandbox/objects/{object}/{id}/{action}", post(act))
        .route("/_sandbox/requests", get(requests).delete(forget_requests))
        .route("/_sandbox/sessions", axum::routing::delete(expire_sessions))
        .route("/_sandbox/cursors", axum::routing::delete(expire_cursors))
        .route("/_sandbox/query-timeout", put(set_query_timeout))
}

async fn advance(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<Advance>,
) -> Result<StatusCode, Problem> {
    if service.advance(&wanted) { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

/// `change`, `delete`, `hard-delete`, `lose`.
async fn act(
    State(service): State<Arc<Service>>,
    Path((object, id, action)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    let now = service.now();
    let done =
        service.organization().table_mut(&object).is_some_and(|table| match action.as_str() {
            "change" => table.change(&id, now),
            "delete" => table.delete(&id, now),
            "hard-delete" => table.erase(&id, now),
            "lose" => table.rows.remove(&id).is_some(),
            _ => false,
        });
    if done { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

/// `{"records": [...], "hard_deleted": [["001...", "2026-03-01T09:00:00Z"], ...]}`
async fn records(
    State(service): State<Arc<Service>>,
    Path(object): Path<String>,
) -> Result<Json<Value>, Problem> {
    let records: Vec<Truth> = service.records(&object).ok_or_else(Problem::not_found)?;
    Ok(Json(json!({"records": records, "hard_deleted": service.hard_deleted(&object)})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MoveClock {
    seconds: u64,
}

/// `{"seconds": 86400}` gives `{"now": "..."}`.
async fn move_clock(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<MoveClock>,
) -> Json<Value> {
    service.clock.move_on(Duration::from_secs(wanted.seconds));
    Json(json!({"now": service.clock.now_millis_text()}))
}

/// A list of rules.
async fn add_faults(
    State(service): State<Arc<Service>>,
    Json(rules): Json<Vec<FaultRule>>,
) -> StatusCode {
    for rule in rules {
        service.observer.add_fault(rule);
    }
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(service): State<Arc<Service>>) -> StatusCode {
    service.observer.clear_faults();
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    millis: u64,
}

/// `{"millis": 50}`
async fn set_latency(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<Latency>,
) -> StatusCode {
    service.observer.set_latency(Duration::from_millis(wanted.millis));
    StatusCode::NO_CONTENT
}

/// `{"query": 12, "describe": 2, ...}`
async fn requests(State(service): State<Arc<Service>>) -> Json<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for request in service.observer.requests() {
        let name = json!(request.endpoint).as_str().unwrap_or_default().to_owned();
        *counts.entry(name).or_default() += 1;
    }
    Json(counts)
}

async fn forget_requests(State(service): State<Arc<Service>>) -> StatusCode {
    service.observer.forget();
    StatusCode::NO_CONTENT
}

async fn log(State(service): State<Arc<Service>>) -> Json<Vec<Request<Endpoint>>> {
    Json(service.observer.requests())
}

/// Every session is over.
async fn expire_sessions(State(service): State<Arc<Service>>) -> StatusCode {
    service.state().sessions.clear();
    StatusCode::NO_CONTENT
}

/// No further page of any query is there.
async fn expire_cursors(State(service): State<Arc<Service>>) -> StatusCode {
    service.state().cursors.clear();
    StatusCode::NO_CONTENT
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryTimeout {
    over_seconds: Option<u64>,
}

/// `{"over_seconds": 86400}`; none: never.
async fn set_query_timeout(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<QueryTimeout>,
) -> StatusCode {
    service.state().query_timeout_over = wanted.over_seconds.map(Duration::from_secs);
    StatusCode::NO_CONTENT
}
