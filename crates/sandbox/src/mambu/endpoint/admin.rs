//! `/_sandbox/...`: what tests in other processes steer the sandbox with. It needs no key and knows no faults.

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
use crate::mambu::problem::Problem;
use crate::mambu::service::Service;
use crate::mambu::{Advance, Churn, FaultRule};

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/_sandbox/advance", post(advance))
        .route("/_sandbox/churn", put(set_churn))
        .route("/_sandbox/clock", post(move_clock))
        .route("/_sandbox/faults", post(add_faults).delete(clear_faults))
        .route("/_sandbox/latency", put(set_latency))
        .route("/_sandbox/log", get(log))
        .route("/_sandbox/requests", get(requests).delete(forget_requests))
        .route("/_sandbox/tables/{table}", get(records))
        .route("/_sandbox/tables/{table}/{key}/{action}", post(act))
}

async fn advance(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<Advance>,
) -> Result<StatusCode, Problem> {
    if service.advance(&wanted) { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

/// `change`, `delete`, `adjust`.
async fn act(
    State(service): State<Arc<Service>>,
    Path((table, key, action)): Path<(String, String, String)>,
) -> Result<StatusCode, Problem> {
    let done = match action.as_str() {
        "change" => service.change(&table, &key),
        "delete" => service.delete(&table, &key),
        "adjust" => service.adjust(&table, &key),
        _ => false,
    };
    if done { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

/// Every record as it is now: amounts as text, times in UTC.
async fn records(
    State(service): State<Arc<Service>>,
    Path(table): Path<String>,
) -> Result<Json<Vec<Value>>, Problem> {
    service.records(&table).map(Json).ok_or_else(Problem::not_found)
}

/// `{"table": "clients", "pages": 5, "changed": 3, "inserted": 1, "deleted": 1}`; `null` for peace.
async fn set_churn(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<Option<Churn>>,
) -> StatusCode {
    service.set_churn(wanted);
    StatusCode::NO_CONTENT
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

/// `{"search": 12, "list": 2, ...}`
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
