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

use crate::dmm::organization::access::Status;
use crate::dmm::organization::feed::Principal;
use crate::dmm::problem::Problem;
use crate::dmm::service::Service;
use crate::dmm::{Agreement, Endpoint, FaultRule, Provisioning, Request, UnknownCursor, data};

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/_sandbox/access/{id}/{action}", post(act))
        .route("/_sandbox/agreements", get(agreements))
        .route("/_sandbox/backlog", post(add_backlog))
        .route("/_sandbox/clock", post(move_clock))
        .route("/_sandbox/events", get(events))
        .route("/_sandbox/faults", post(add_faults).delete(clear_faults))
        .route("/_sandbox/forget-events", post(forget_events))
        .route("/_sandbox/latency", put(set_latency))
        .route("/_sandbox/requests", get(requests).delete(forget_requests))
        .route("/_sandbox/log", get(log))
        .route("/_sandbox/switches", put(set_switches))
}

/// `activate`, `deactivate`, `approve`, `reject`, `delete`.
async fn act(
    State(service): State<Arc<Service>>,
    Path((id, action)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    service.change(|it| match action.as_str() {
        "activate" => it.set_active(&id, true),
        "deactivate" => it.set_active(&id, false),
        "approve" => it.decide(&id, Status::Approved, Principal::User),
        "reject" => it.decide(&id, Status::Rejected, Principal::User),
        "delete" => it.delete_access(&id, Principal::User),
        _ => Err(Problem::not_found("Action", &action)),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// `[{"id": "acc-0001", "active": true, "awkward": null, "role": "billing-consumer-1", ...}, ...]`
async fn agreements(State(service): State<Arc<Service>>) -> Json<Vec<Agreement>> {
    Json(data::agreements(&service.organization(), &service.awkward))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Backlog {
    events: usize,
    accesses: usize,
}

/// `{"events": 10000, "accesses": 200}`
async fn add_backlog(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<Backlog>,
) -> StatusCode {
    service.add_backlog(wanted.events, wanted.accesses);
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
    service.change(|_| ());
    Json(json!({"now": service.clock.now_millis_text()}))
}

async fn events(State(service): State<Arc<Service>>) -> Json<Vec<Value>> {
    Json(service.organization().feed.all())
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
struct ForgetEvents {
    keep: usize,
}

/// `{"keep": 0}`
async fn forget_events(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<ForgetEvents>,
) -> StatusCode {
    service.change(|it| it.feed.forget(wanted.keep));
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

/// `{"events": 12, "get_access": 200, ...}`
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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetSwitches {
    unknown_cursor: Option<UnknownCursor>,
    provisioning: Option<Provisioning>,
}

/// `{"unknown_cursor": "replay", "provisioning": "not_found"}`; what is left out stays.
async fn set_switches(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<SetSwitches>,
) -> StatusCode {
    service.switch(|it| {
        it.unknown_cursor = wanted.unknown_cursor.unwrap_or(it.unknown_cursor);
        it.provisioning = wanted.provisioning.unwrap_or(it.provisioning);
    });
    StatusCode::NO_CONTENT
}
