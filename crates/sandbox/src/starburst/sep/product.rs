//! Products: search, read, create, replace.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::{not_found, refuse};
use super::model::{Column, DRAFT, Link, MaterializedView, Owner, Product, View};
use super::source::Listing;
use super::{admit, admit_role};
use crate::http::Refused;
use crate::starburst::metastore::{QualifiedName, Relation};
use crate::starburst::service::{Service, World};
use crate::starburst::trino::execute::is_like;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Search {
    search_options: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchOptions {
    #[serde(default)]
    search_string: Option<String>,
    #[serde(default)]
    limit: Option<usize>,
}

/// A bare array, never in pages.
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(search): Query<Search>,
) -> Result<Json<Value>, Refused> {
    let sees_products = admit(&service, &headers)?;
    let options = match &search.search_options {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| refuse(StatusCode::BAD_REQUEST, &error.to_string()))?,
        None => SearchOptions::default(),
    };
    let world = service.world();
    let shown = match world.source.listing {
        Listing::Fails(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return Err(refuse(status, "the listing fails on request"));
        }
        Listing::Empty => 0,
        Listing::First(shown) => shown,
        Listing::Whole => usize::MAX,
    };
    let wanted = options.search_string.unwrap_or_default();
    let rows: Vec<Value> = world
        .source
        .products
        .iter()
        .filter(|product| sees_products && is_found(product, &wanted))
        .take(shown.min(options.limit.unwrap_or(usize::MAX)))
        .map(Product::summary_json)
        .collect();
    Ok(Json(json!(rows)))
}

/// Any attribute contains the text; case does not count, `%` and `_` are wildcards.
fn is_found(product: &Product, wanted: &str) -> bool {
    let pattern = format!("%{}%", wanted.to_lowercase());
    wanted.is_empty() || has_text(&json!(product), &|text| is_like(&pattern, &text.to_lowercase()))
}

fn has_text(value: &Value, matches: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => matches(text),
        Value::Array(items) => items.iter().any(|item| has_text(item, matches)),
        Value::Object(members) => members.values().any(|member| has_text(member, matches)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// 404 for what is not there, and for what the role does not see.
pub(super) async fn get_one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    let sees_products = admit(&service, &headers)?;
    let world = service.world();
    let found = world.source.product(&id).filter(|_| sees_products);
    Ok(Json(found.ok_or_else(|| not_found("Data product", &id))?.full_json()))
}

/// What clients send to create or replace a product.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    name: String,
    catalog_name: String,
    schema_name: String,
    data_domain_id: String,
    summary: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    business_context: Option<String>,
    #[serde(default)]
    views: Vec<SentView>,
    #[serde(default)]
    materialized_views: Vec<SentView>,
    #[serde(default)]
    owners: Vec<Owner>,
    #[serde(default)]
    relevant_links: Vec<Link>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentView {
    name: String,
    #[serde(default)]
    description: Option<String>,
    definition_query: String,
    #[serde(default)]
    columns: Vec<Column>,
    #[serde(default)]
    view_security_mode: Option<String>,
    #[serde(default)]
    definition_properties: Option<Value>,
}

fn read(body: &str) -> Result<Parameters, Refused> {
    let read = serde_json::from_str(body);
    read.map_err(|error: serde_json::Error| refuse(StatusCode::BAD_REQUEST, &error.to_string()))
}

fn check(world: &World, id: &str, parameters: &Parameters) -> Result<(), Refused> {
    let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == ' ' || c == '-';
    let name = &parameters.name;
    if name.is_empty() || name.chars().count() > 100 || !name.chars().all(is_plain) {
        return Err(refuse(StatusCode::BAD_REQUEST, "invalid name"));
    }
    if !world.source.domains.iter().any(|domain| domain.id == parameters.data_domain_id) {
        return Err(refuse(StatusCode::BAD_REQUEST, "no such domain"));
    }
    if world.source.products.iter().any(|other| other.id != id && other.name == *name) {
        return Err(refuse(StatusCode::CONFLICT, "a data product with this name exists"));
    }
    Ok(())
}

/// A draft.
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let parameters = read(&body)?;
    let world = &mut *service.world();
    check(world, "", &parameters)?;
    let mut product = Product::new(&parameters.name, &parameters.schema_name);
    product.id = Uuid::new_v4().to_string();
    product.created_by.clone_from(&service.options.sep_user);
    product.created_at = service.clock.now_millis_text();
    apply(&mut product, parameters, service.clock.now_millis_text());
    let product = product.draft();
    world.source.products.push(product.clone());
    Ok(Json(product.full_json()))
}

/// Changes the draft; Trino sees nothing of it before publication.
pub(super) async fn replace(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: String,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let parameters = read(&body)?;
    let world = &mut *service.world();
    check(world, &id, &parameters)?;
    let now = service.clock.now_millis_text();
    let product = world.source.product_mut(&id).ok_or_else(|| not_found("Data product", &id))?;
    apply(product, parameters, now);
    Ok(Json(product.full_json()))
}

/// Views that are no longer there are marked for deletion if they were published; new ones are drafts.
fn apply(product: &mut Product, parameters: Parameters, now: String) {
    let (old_views, old_materialized) =
        (std::mem::take(&mut product.views), std::mem::take(&mut product.materialized_views));
    product.name = parameters.name;
    product.catalog_name = parameters.catalog_name;
    product.schema_name = parameters.schema_name;
    product.data_domain_id = parameters.data_domain_id;
    product.summary = parameters.summary;
    product.description = parameters.description;
    product.business_context = parameters.business_context;
    product.owners = parameters.owners;
    product.relevant_links = parameters.relevant_links;
    product.updated_at = now;
    for sent in parameters.views {
        let old = old_views.iter().find(|view| view.name == sent.name);
        product.views.push(view_of(sent, old));
    }
    for sent in parameters.materialized_views {
        let old = old_materialized.iter().find(|view| view.name == sent.name);
        product.materialized_views.push(materialized_view_of(sent, old));
    }
    for view in old_views.into_iter().filter(|view| view.published_at.is_some()) {
        if !product.views.iter().any(|it| it.name == view.name) {
            product.views.push(View { marked_for_deletion: true, ..view });
        }
    }
}

fn view_of(sent: SentView, old: Option<&View>) -> View {
    View {
        name: sent.name,
        description: sent.description,
        definition_query: sent.definition_query,
        status: old.map_or_else(|| DRAFT.to_owned(), |view| view.status.clone()),
        columns: sent.columns,
        marked_for_deletion: false,
        published_at: old.and_then(|view| view.published_at.clone()),
        view_security_mode: sent.view_security_mode,
    }
}

fn materialized_view_of(sent: SentView, old: Option<&MaterializedView>) -> MaterializedView {
    MaterializedView {
        name: sent.name,
        description: sent.description,
        definition_query: sent.definition_query,
        definition_properties: sent.definition_properties,
        status: old.map_or_else(|| Some(DRAFT.to_owned()), |view| view.status.clone()),
        columns: sent.columns,
        marked_for_deletion: false,
        published_at: old.and_then(|view| view.published_at.clone()),
        storage: old.map(|view| view.storage).unwrap_or_default(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CloneParameters {
    catalog_name: String,
    new_schema_name: String,
    new_name: String,
    data_domain_id: String,
}

/// Another draft like this one.
pub(super) async fn clone(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(wanted): Json<CloneParameters>,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let world = &mut *service.world();
    let found = world.source.product(&id).ok_or_else(|| not_found("Data product", &id))?;
    let mut product = found.clone().draft();
    product.id = Uuid::new_v4().to_string();
    product.name = wanted.new_name;
    product.schema_name = wanted.new_schema_name;
    product.catalog_name = wanted.catalog_name;
    product.data_domain_id = wanted.data_domain_id;
    product.created_at = service.clock.now_millis_text();
    product.updated_at.clone_from(&product.created_at);
    if world.source.products.iter().any(|other| other.name == product.name) {
        return Err(refuse(StatusCode::CONFLICT, "a data product with this name exists"));
    }
    world.source.products.push(product.clone());
    Ok(Json(product.full_json()))
}

pub(super) async fn get_samples(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let world = service.world();
    world.source.product(&id).ok_or_else(|| not_found("Data product", &id))?;
    Ok(Json(world.source.sample_queries.get(&id).cloned().unwrap_or_else(|| json!([]))))
}

/// `[{"name": "...", "description": "...", "query": "..."}]`
pub(super) async fn put_samples(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(samples): Json<Vec<Value>>,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let world = &mut *service.world();
    world.source.product(&id).ok_or_else(|| not_found("Data product", &id))?;
    world.source.sample_queries.insert(id, json!(samples));
    Ok(Json(json!(samples)))
}

/// JSON `null` if the view was never refreshed.
pub(super) async fn refresh_metadata(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path((id, view)): Path<(String, String)>,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let world = service.world();
    let product = world.source.product(&id).ok_or_else(|| not_found("Data product", &id))?;
    let name =
        QualifiedName::new(&product.catalog_name, &product.schema_name, &view.to_lowercase());
    let Some(Relation::MaterializedView(found)) = world.sep_metastore.relation(&name) else {
        return Err(not_found("Materialized view", &view));
    };
    let Some(storage) = &found.storage else { return Ok(Json(Value::Null)) };
    Ok(Json(json!({
        "lastImport": {
            "status": "FINISHED",
            "scheduledTime": product.updated_at,
            "startTime": product.updated_at,
            "finishTime": product.updated_at,
            "rowCount": 0,
            "error": null,
        },
        "incrementalColumn": null,
        "refreshInterval": "60m",
        "storageSchema": storage.schema,
        "estimatedNextRefreshTime": null,
    })))
}

/// `[{"catalogName": "hive_dp"}]`
pub(super) async fn catalogs(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let world = service.world();
    let catalogs: Vec<Value> =
        world.sep_metastore.catalogs().map(|name| json!({"catalogName": name})).collect();
    Ok(Json(json!(catalogs)))
}
