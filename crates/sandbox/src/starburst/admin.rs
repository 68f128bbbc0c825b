//! `/_sandbox/...`: what tests in other processes steer the sandbox with, on all three servers. It needs no credentials and knows no faults.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::advance::{Advance, Advanced};
use super::cluster::ClusterState;
use super::endpoint::Endpoint;
use super::expected::Expected;
use super::handle;
use super::sep::model::Product;
use super::sep::source::Listing;
use super::service::Service;
use super::trino::TrinoSide;
use super::trino::queries::PostedStatement;
use super::truth::{Truth, truth};
use super::{QueryFaultRule, Writes};
use crate::http::{MoveClock, steer_in_part};

pub(super) fn router(service: Arc<Service>) -> Router {
    let shared = steer_in_part(&service.observer);
    Router::new()
        .route("/_sandbox/advance", post(advance))
        .route("/_sandbox/clock", post(move_clock))
        .route("/_sandbox/cluster", put(set_cluster))
        .route("/_sandbox/expected", get(expected))
        .route("/_sandbox/faults", delete(clear_faults))
        .route("/_sandbox/listing", put(set_listing))
        .route("/_sandbox/products", get(products).put(put_products))
        .route("/_sandbox/products/{id}", delete(delete_product))
        .route("/_sandbox/query-faults", post(add_query_faults))
        .route("/_sandbox/requests", get(requests).delete(forget_requests))
        .route("/_sandbox/sql", post(sql))
        .route("/_sandbox/statements", get(statements))
        .route("/_sandbox/truth", get(all))
        .route("/_sandbox/writes", get(writes))
        .with_state(service)
        .merge(shared)
}

/// `{"seed": 1, "changed": 5, "deleted": 3}` gives `{"changed": ["..."], "deleted": ["..."], ...}`.
async fn advance(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<Advance>,
) -> Json<Advanced> {
    Json(handle::advance(&service, &wanted))
}

/// `{"seconds": 3600}`
async fn move_clock(
    State(service): State<Arc<Service>>,
    Json(wanted): Json<MoveClock>,
) -> StatusCode {
    service.move_clock(wanted.by());
    StatusCode::NO_CONTENT
}

/// `"disabled"`
async fn set_cluster(
    State(service): State<Arc<Service>>,
    Json(state): Json<ClusterState>,
) -> StatusCode {
    service.cluster.set(state);
    StatusCode::NO_CONTENT
}

async fn expected(State(service): State<Arc<Service>>) -> Json<Vec<Expected>> {
    Json(super::expected::expected(&service.world()))
}

/// Those of queries, too.
async fn clear_faults(State(service): State<Arc<Service>>) -> StatusCode {
    service.observer.clear_faults();
    service.query_faults.clear();
    StatusCode::NO_CONTENT
}

/// `[{"on": "galaxy", "about": "CREATE VIEW", "times": 1, "fault": {"name": "PERMISSION_DENIED"}}]`
async fn add_query_faults(
    State(service): State<Arc<Service>>,
    Json(rules): Json<Vec<QueryFaultRule>>,
) -> StatusCode {
    for rule in rules {
        service.query_faults.add(rule);
    }
    StatusCode::NO_CONTENT
}

/// `"whole"`, `"empty"`, `{"first": 3}` or `{"fails": 503}`
async fn set_listing(
    State(service): State<Arc<Service>>,
    Json(listing): Json<Listing>,
) -> StatusCode {
    service.world().source.listing = listing;
    StatusCode::NO_CONTENT
}

async fn products(State(service): State<Arc<Service>>) -> Json<Vec<Product>> {
    Json(service.world().source.products.clone())
}

/// A list of products as SEP has them.
async fn put_products(
    State(service): State<Arc<Service>>,
    Json(products): Json<Vec<Product>>,
) -> StatusCode {
    for product in products {
        handle::put_product(&service, product);
    }
    StatusCode::NO_CONTENT
}

async fn delete_product(State(service): State<Arc<Service>>, Path(id): Path<String>) -> StatusCode {
    if super::advance::delete(&mut service.world(), &id) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

/// `{"galaxy_token": 1, "statement": 7, ...}`
async fn requests(State(service): State<Arc<Service>>) -> Json<BTreeMap<Endpoint, u64>> {
    Json(handle::requests(&service))
}

async fn forget_requests(State(service): State<Arc<Service>>) -> StatusCode {
    handle::forget_requests(&service);
    StatusCode::NO_CONTENT
}

/// A statement for Galaxy's cluster, run at once.
async fn sql(State(service): State<Arc<Service>>, statement: String) -> Response {
    match handle::galaxy_sql(&service, &statement) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!(error))).into_response(),
    }
}

/// `{"sep": [...], "galaxy": [{"sql": "SELECT 1", "outcome": "finished"}]}`
async fn statements(State(service): State<Arc<Service>>) -> Json<Value> {
    let of = |side| -> Vec<PostedStatement> { service.queries(side).statements() };
    Json(json!({"sep": of(TrinoSide::Sep), "galaxy": of(TrinoSide::Galaxy)}))
}

async fn all(State(service): State<Arc<Service>>) -> Json<Truth> {
    Json(truth(&service.world()))
}

/// `{"sep": 0, "galaxy": 3, "sql": 7}`
async fn writes(State(service): State<Arc<Service>>) -> Json<Writes> {
    Json(handle::writes(&service))
}
