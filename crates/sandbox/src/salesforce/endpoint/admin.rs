//! `/_sandbox/...`: what tests in other processes steer the sandbox with. It needs no session and knows no faults.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::salesforce::problem::Problem;
use crate::salesforce::service::Service;
use crate::salesforce::{Advance, Truth};

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/_sandbox/advance", post(advance))
        .route("/_sandbox/objects/{object}", get(records))
        .route("/_sandbox/objects/{object}/{id}/{action}", post(act))
        .route("/_sandbox/sessions", delete(expire_sessions))
        .route("/_sandbox/cursors", delete(expire_cursors))
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
