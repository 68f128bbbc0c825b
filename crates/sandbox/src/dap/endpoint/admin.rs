//! `/_sandbox/...`: what tests in other processes steer the sandbox with. It needs no token and knows no faults.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Endpoint;
use crate::dap::data::advance::{Advance, Advanced};
use crate::dap::data::evolution::Evolution;
use crate::dap::data::source::SourceError;
use crate::dap::error::timestamp;
use crate::dap::faults::FaultRule;
use crate::dap::limits::Limits;
use crate::dap::service::Service;
use crate::http::MoveClock;

/// Rows of the truth that are sent at a time.
const ROWS_PER_CHUNK: usize = 256;

pub(super) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/_sandbox/advance", post(advance))
        .route("/_sandbox/clock", post(move_clock))
        .route("/_sandbox/evolve/{namespace}", post(evolve_somehow))
        .route("/_sandbox/evolve/{namespace}/{table}", post(evolve))
        .route("/_sandbox/faults", post(add_faults).delete(clear_faults))
        .route("/_sandbox/forget/{namespace}/{table}", post(forget_history))
        .route("/_sandbox/limits", put(set_limits))
        .route("/_sandbox/reload/{namespace}/{table}", post(reload))
        .route("/_sandbox/requests", get(requests))
        .route("/_sandbox/truth", get(tables))
        .route("/_sandbox/truth/{namespace}/{table}", get(truth))
}

impl IntoResponse for SourceError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoSuchTable(_) => StatusCode::NOT_FOUND,
            Self::Evolution { .. } => StatusCode::BAD_REQUEST,
        };
        (status, Json(json!({"error": self.to_string()}))).into_response()
    }
}

/// `{"seed": 1, "changes": 1000}` gives `{"canvas.users": {"inserted": 7, ...}, ...}`.
async fn advance(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<Advance>,
) -> Result<Json<Advanced>, SourceError> {
    service.advance(&wanted).map(Json)
}

/// `{"seconds": 3600}` gives `{"now": "..."}`.
async fn move_clock(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<MoveClock>,
) -> Json<Value> {
    service.clock.move_on(wanted.by());
    Json(json!({"now": timestamp(service.clock.now())}))
}

/// `{"kind": "drop_column", "column": "locale"}` gives `{"version": 2}`.
async fn evolve(
    State(service): State<Arc<Service>>,
    Path((namespace, table)): Path<(String, String)>,
    Json(evolution): Json<Evolution>,
) -> Result<Json<Value>, SourceError> {
    let version = service.source().evolve(&format!("{namespace}.{table}"), &evolution)?;
    Ok(Json(json!({"version": version})))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvolveSomehow {
    seed: u64,
    changes: u64,
}

/// `{"seed": 1, "changes": 3}` gives `[["canvas.users", {"kind": "drop_column", "column": "locale"}], ...]`.
async fn evolve_somehow(
    State(service): State<Arc<Service>>,
    Path(namespace): Path<String>,
    Json(wanted): Json<EvolveSomehow>,
) -> Json<Vec<(String, Evolution)>> {
    Json(service.source().evolve_somehow(&namespace, wanted.seed, wanted.changes))
}

/// A list of rules.
async fn add_faults(
    State(service): State<Arc<Service>>,
    Json(rules): Json<Vec<FaultRule>>,
) -> StatusCode {
    for rule in rules {
        service.faults.add(rule);
    }
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(service): State<Arc<Service>>) -> StatusCode {
    service.faults.clear();
    StatusCode::NO_CONTENT
}

async fn forget_history(
    State(service): State<Arc<Service>>,
    Path((namespace, table)): Path<(String, String)>,
) -> Result<StatusCode, SourceError> {
    service.source().forget_history(&format!("{namespace}.{table}"))?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_limits(State(service): State<Arc<Service>>, Json(limits): Json<Limits>) -> StatusCode {
    service.limiter.set(limits);
    StatusCode::NO_CONTENT
}

async fn reload(
    State(service): State<Arc<Service>>,
    Path((namespace, table)): Path<(String, String)>,
) -> Result<StatusCode, SourceError> {
    service.reload(&format!("{namespace}.{table}"))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `{"login": 1, "create_job": 7, ...}`
async fn requests(State(service): State<Arc<Service>>) -> Json<BTreeMap<Endpoint, u64>> {
    Json(service.requests())
}

/// `["canvas.accounts", ...]`
async fn tables(State(service): State<Arc<Service>>) -> Json<Vec<String>> {
    Json(service.source().names().cloned().collect())
}

/// One row per line, as a replica should hold it.
async fn truth(
    State(service): State<Arc<Service>>,
    Path((namespace, table)): Path<(String, String)>,
) -> Result<Response, SourceError> {
    let still = service.source().hold_still(&format!("{namespace}.{table}"))?;
    let mut rows = still.into_json_rows();
    let batches = std::iter::from_fn(move || {
        let batch: String =
            rows.by_ref().take(ROWS_PER_CHUNK).map(|row| row.to_string() + "\n").collect();
        (!batch.is_empty()).then_some(Ok::<_, Infallible>(batch))
    });
    let body = Body::from_stream(stream::iter(batches));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}
