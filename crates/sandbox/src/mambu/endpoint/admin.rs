//! `/_sandbox/...`: what tests in other processes steer the sandbox with. It needs no key and knows no faults.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::Value;

use crate::mambu::problem::Problem;
use crate::mambu::service::Service;
use crate::mambu::{Advance, Churn};

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/_sandbox/advance", post(advance))
        .route("/_sandbox/churn", put(set_churn))
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
