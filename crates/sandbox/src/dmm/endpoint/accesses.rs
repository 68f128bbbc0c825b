//! `/api/access`, and the same under the names and in the shape of 2023.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{AppendHeaders, Response};
use jiff::civil::Date;
use serde_json::Value;

use super::pages::{Page, Query as Parameters, encode};
use crate::dmm::organization::access::{Access, Status, check, check_id, from_legacy};
use crate::dmm::organization::feed::Principal;
use crate::dmm::problem::{Problem, Violation};
use crate::dmm::service::Service;

type Shape = fn(&Access, Date) -> Value;

/// The link to the web page of what was put.
pub(super) type Put = AppendHeaders<[(HeaderName, String); 1]>;

pub(super) fn link_to_page(service: &Service, kind: &str, id: &str) -> Put {
    let name = HeaderName::from_static("location-html");
    AppendHeaders([(name, format!("{}/acme/{kind}/{}", service.base_url, encode(id)))])
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    Query(query): Query<Parameters>,
) -> Result<Response, Problem> {
    page(&service, "access", &query, Access::render)
}

pub(super) async fn list_legacy(
    State(service): State<Arc<Service>>,
    Query(query): Query<Parameters>,
) -> Result<Response, Problem> {
    page(&service, "datausageagreements", &query, Access::render_legacy)
}

fn page(
    service: &Service,
    name: &str,
    query: &Parameters,
    shape: Shape,
) -> Result<Response, Problem> {
    let page = Page::of(query)?;
    let organization = service.organization();
    let today = organization.today();
    let wanted = |name: &str, value: &str| query.get(name).is_none_or(|it| it == value);
    let is_wanted = |access: &Access| {
        wanted("providerDataProductId", access.provider_product())
            && wanted("consumerDataProductId", access.consumer_product())
            && wanted("consumerType", access.consumer_type())
    };
    let found = organization.accesses().filter(|(_, access)| is_wanted(access));
    let found = found.map(|(_, access)| shape(access, today)).collect();
    Ok(page.cut(&format!("{}/api/{name}", service.base_url), query, found))
}

pub(super) async fn read(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    one(&service, &id, Access::render)
}

pub(super) async fn read_legacy(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    one(&service, &id, Access::render_legacy)
}

fn one(service: &Service, id: &str, shape: Shape) -> Result<Json<Value>, Problem> {
    let organization = service.organization();
    let today = organization.today();
    organization.access(id).map(|access| Json(shape(access, today)))
}

pub(super) async fn put(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Json(document): Json<Value>,
) -> Result<Put, Problem> {
    replace(&service, &id, document)
}

pub(super) async fn put_legacy(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Json(document): Json<Value>,
) -> Result<Put, Problem> {
    replace(&service, &id, from_legacy(document))
}

fn replace(service: &Service, id: &str, document: Value) -> Result<Put, Problem> {
    check_id(id)?;
    check(id, &document)?;
    service.change(|it| it.put_access(document, Status::Requested, Principal::ApiKey));
    Ok(link_to_page(service, "access", id))
}

pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<(), Problem> {
    service.change(|it| it.delete_access(&id, Principal::ApiKey))
}

pub(super) async fn approve(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<(), Problem> {
    service.change(|it| it.decide(&id, Status::Approved, Principal::ApiKey))
}

pub(super) async fn reject(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<(), Problem> {
    service.change(|it| it.decide(&id, Status::Rejected, Principal::ApiKey))
}

/// The documentation does not say what the body is: `{"endDate": "2026-03-31"}`, or nothing for today.
pub(super) async fn cancel(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<(), Problem> {
    let end = end_date(&body)?;
    service.change(|it| {
        let end = end.unwrap_or_else(|| it.today());
        it.cancel(&id, end, Principal::ApiKey)
    })
}

fn end_date(body: &[u8]) -> Result<Option<Date>, Problem> {
    if body.is_empty() {
        return Ok(None);
    }
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let Some(text) = body["endDate"].as_str() else { return Ok(None) };
    let wrong = |_| {
        let violation = Violation::new("endDate", "must be a date");
        Problem::of_violations(vec![violation]).expect_err("there is one")
    };
    text.parse().map(Some).map_err(wrong)
}
