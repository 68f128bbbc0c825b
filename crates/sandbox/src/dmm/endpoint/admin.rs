//! `/_sandbox/...`: what tests in other processes steer the sandbox with. It needs no key and knows no faults.

use std::sync::Arc;

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
use crate::dmm::{Agreement, Provisioning, UnknownCursor, data};
use crate::http::MoveClock;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/_sandbox/access/{id}/{action}", post(act))
        .route("/_sandbox/agreements", get(agreements))
        .route("/_sandbox/backlog", post(add_backlog))
        .route("/_sandbox/clock", post(move_clock))
        .route("/_sandbox/events", get(events))
        .route("/_sandbox/forget-events", post(forget_events))
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

/// `{"seconds": 86400}` gives `{"now": "..."}`.
async fn move_clock(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<MoveClock>,
) -> Json<Value> {
    service.clock.move_on(wanted.by());
    service.change(|_| ());
    Json(json!({"now": service.clock.now_millis_text()}))
}

async fn events(State(service): State<Arc<Service>>) -> Json<Vec<Value>> {
    Json(service.organization().feed.all())
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
