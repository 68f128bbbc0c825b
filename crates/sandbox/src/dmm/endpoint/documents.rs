//! Data products, teams and connectors.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::accesses::{Put, link_to_page};
use super::pages::{Page, Query as Parameters};
use crate::dmm::organization::access::check_id;
use crate::dmm::organization::feed::Principal;
use crate::dmm::organization::{Documents, id_of, text};
use crate::dmm::problem::{Problem, Violation};
use crate::dmm::service::Service;

/// Only what lies at the top of a document: ports are to be read one product at a time.
pub(super) async fn list_data_products(
    State(service): State<Arc<Service>>,
    Query(query): Query<Parameters>,
) -> Result<Response, Problem> {
    let page = Page::of(&query)?;
    let organization = service.organization();
    let found = organization.data_products.iter().filter(|it| is_wanted(it, &query));
    let found = found.cloned().map(without_ports).collect();
    Ok(page.cut(&format!("{}/api/dataproducts", service.base_url), &query, found))
}

fn is_wanted(product: &Value, query: &Parameters) -> bool {
    let fits = |name: &str, pointers: [&str; 2]| {
        query.get(name).is_none_or(|wanted| pointers.iter().any(|it| text(product, it) == wanted))
    };
    let has_tag =
        |tag: &String| product["tags"].as_array().is_some_and(|tags| tags.contains(&json!(tag)));
    fits("teamId", ["/info/owner", "/team/name"])
        && fits("status", ["/info/status", "/status"])
        && query.get("tag").is_none_or(has_tag)
        && query.get("q").is_none_or(|words| product.to_string().contains(words.as_str()))
}

fn without_ports(mut product: Value) -> Value {
    if let Some(product) = product.as_object_mut() {
        product.shift_remove("outputPorts");
    }
    product
}

pub(super) async fn data_product(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    one(&service.organization().data_products, "Data product", &id)
}

pub(super) async fn put_data_product(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Json(document): Json<Value>,
) -> Result<Put, Problem> {
    check(&id, &document)?;
    service.change(|it| it.put_data_product(document, Principal::ApiKey));
    Ok(link_to_page(&service, "dataproducts", &id))
}

pub(super) async fn delete_data_product(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<(), Problem> {
    service.change(|it| it.delete_data_product(&id, false, Principal::ApiKey))
}

pub(super) async fn list_teams(
    State(service): State<Arc<Service>>,
    Query(query): Query<Parameters>,
) -> Result<Response, Problem> {
    let page = Page::of(&query)?;
    let teams = service.organization().teams.iter().cloned().collect();
    Ok(page.cut(&format!("{}/api/teams", service.base_url), &query, teams))
}

pub(super) async fn team(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    one(&service.organization().teams, "Team", &id)
}

pub(super) async fn put_team(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Json(document): Json<Value>,
) -> Result<Put, Problem> {
    check(&id, &document)?;
    service.change(|it| it.put_team(document, Principal::ApiKey));
    Ok(link_to_page(&service, "teams", &id))
}

pub(super) async fn connector(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    one(&service.organization().connectors, "Connector", &id)
}

/// 422 without `info.type`.
pub(super) async fn put_connector(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Json(document): Json<Value>,
) -> Result<(), Problem> {
    check(&id, &document)?;
    if text(&document, "/info/type").is_empty() {
        let detail = "a connector needs info.type";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    service.change(|it| it.connectors.put(document));
    Ok(())
}

fn one(documents: &Documents, kind: &str, id: &str) -> Result<Json<Value>, Problem> {
    documents.get(id).cloned().map(Json).ok_or_else(|| Problem::not_found(kind, id))
}

fn check(id: &str, document: &Value) -> Result<(), Problem> {
    check_id(id)?;
    let mut violations = Vec::new();
    if id_of(document) != id {
        violations.push(Violation::new("id", "must be the id of the path"));
    }
    Problem::of_violations(violations)
}
