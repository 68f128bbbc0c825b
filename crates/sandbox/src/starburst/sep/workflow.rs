//! Publication and deletion. Both are done when they are answered; clients still have to ask for the outcome.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::admit_role;
use super::error::not_found;
use super::model::{PUBLISHED, Product};
use super::publish as publication;
use crate::http::Refused;
use crate::starburst::service::Service;

fn status(kind: &str) -> Value {
    json!({"workflowType": kind, "status": "COMPLETED", "errors": [], "isFinalStatus": true})
}

/// 202 with the place of the status in `Location`.
fn accepted(service: &Service, id: &str, kind: &str) -> Response {
    let place = format!("{}/api/v1/dataProduct/products/{id}/workflows/{kind}", service.urls.sep);
    (StatusCode::ACCEPTED, [(header::LOCATION, place)]).into_response()
}

pub(super) async fn publish(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    admit_role(&service, &headers)?;
    let now = service.clock.now_millis_text();
    let world = &mut *service.world();
    let product = world.source.product_mut(&id).ok_or_else(|| not_found("Data product", &id))?;
    mark_published(product, &now);
    let product = product.clone();
    publication::publish(world, &product);
    world.source.workflows.insert((id.clone(), "publish"), status("PUBLISH"));
    Ok(accepted(&service, &id, "publish"))
}

fn mark_published(product: &mut Product, now: &str) {
    PUBLISHED.clone_into(&mut product.status);
    product.published_at = Some(now.to_owned());
    product.published_by.clone_from(&product.updated_by);
    product.views.retain(|view| !view.marked_for_deletion);
    for view in &mut product.views {
        PUBLISHED.clone_into(&mut view.status);
        view.published_at = Some(now.to_owned());
    }
    product.materialized_views.retain(|view| !view.marked_for_deletion);
    for view in &mut product.materialized_views {
        view.status = Some(PUBLISHED.to_owned());
        view.published_at = Some(now.to_owned());
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deletion {
    #[serde(default)]
    skip_trino_delete: bool,
}

pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(how): Query<Deletion>,
) -> Result<Response, Refused> {
    admit_role(&service, &headers)?;
    let world = &mut *service.world();
    let product = world.source.product(&id).ok_or_else(|| not_found("Data product", &id))?;
    let product = product.clone();
    if !how.skip_trino_delete {
        publication::unpublish(world, &product);
    }
    world.source.products.retain(|it| it.id != id);
    world.source.workflows.insert((id.clone(), "delete"), status("DELETE"));
    Ok(accepted(&service, &id, "delete"))
}

fn status_of(
    service: &Service,
    headers: &HeaderMap,
    id: &str,
    kind: &'static str,
) -> Result<Json<Value>, Refused> {
    admit_role(service, headers)?;
    let world = service.world();
    let found = world.source.workflows.get(&(id.to_owned(), kind));
    Ok(Json(found.cloned().ok_or_else(|| not_found("Workflow of data product", id))?))
}

pub(super) async fn publish_status(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    status_of(&service, &headers, &id, "publish")
}

pub(super) async fn delete_status(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    status_of(&service, &headers, &id, "delete")
}
