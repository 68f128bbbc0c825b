//! Domains.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{not_found, refuse};
use super::source::{Domain, Source};
use super::{admit_role, domain_id};
use crate::http::Refused;
use crate::starburst::service::Service;

fn domain_json(source: &Source, domain: &Domain) -> Value {
    let products = source.products.iter().filter(|product| product.data_domain_id == domain.id);
    let assigned: Vec<Value> =
        products.map(|product| json!({"id": product.id, "name": product.name})).collect();
    let mut json = json!(domain);
    json["assignedDataProducts"] = json!(assigned);
    json["createdBy"] = json!("ana");
    json["createdAt"] = json!(super::EARLIER);
    json["updatedBy"] = json!("ana");
    json["updatedAt"] = json!(super::EARLIER);
    json
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let source = &service.world().source;
    let domains: Vec<Value> =
        source.domains.iter().map(|domain| domain_json(source, domain)).collect();
    Ok(Json(json!(domains)))
}

pub(super) async fn get_one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let source = &service.world().source;
    let found = source.domains.iter().find(|domain| domain.id == id);
    Ok(Json(domain_json(source, found.ok_or_else(|| not_found("Domain", &id))?)))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Parameters {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    schema_location: Option<String>,
}

pub(super) async fn create(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Json(wanted): Json<Parameters>,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let source = &mut service.world().source;
    if source.domains.iter().any(|domain| domain.name == wanted.name) {
        return Err(refuse(StatusCode::CONFLICT, "a domain with this name exists"));
    }
    let domain = Domain {
        id: domain_id(&wanted.name),
        name: wanted.name,
        description: wanted.description,
        schema_location: wanted.schema_location,
    };
    source.domains.push(domain.clone());
    Ok(Json(domain_json(source, &domain)))
}

pub(super) async fn replace(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(wanted): Json<Parameters>,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let source = &mut service.world().source;
    let found = source.domains.iter_mut().find(|domain| domain.id == id);
    let domain = found.ok_or_else(|| not_found("Domain", &id))?;
    domain.name = wanted.name;
    domain.description = wanted.description;
    domain.schema_location = wanted.schema_location;
    let domain = domain.clone();
    Ok(Json(domain_json(source, &domain)))
}

pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, Refused> {
    admit_role(&service, &headers)?;
    let source = &mut service.world().source;
    let place = source.domains.iter().position(|domain| domain.id == id);
    let place = place.ok_or_else(|| not_found("Domain", &id))?;
    if source.products.iter().any(|product| product.data_domain_id == id) {
        return Err(refuse(StatusCode::CONFLICT, "the domain has data products"));
    }
    source.domains.remove(place);
    Ok(StatusCode::NO_CONTENT)
}
