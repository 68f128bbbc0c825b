//! Tags, and the schemas that have them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::{Tag, check_color};
use super::catalog::find_schema;
use super::error::Error;
use super::page::Wanted;
use super::{authenticate, read_body};
use crate::http::Refused;
use crate::starburst::service::Service;

fn tag_json(tag: &Tag) -> Value {
    let mut json = json!(tag);
    json["syncToken"] = json!("1");
    json
}

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let tags = service.world().account.tags.iter().map(tag_json).collect();
    Ok(service.page(tags, &wanted)?)
}

pub(super) async fn get_one(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(key): Path<String>,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let account = &service.world().account;
    Ok(Json(tag_json(&account.tags[account.find_tag(&key)?])))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTag {
    name: String,
    color: String,
    #[serde(default)]
    description: Option<String>,
}

pub(super) async fn create(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let new: NewTag = read_body(&body)?;
    let tag = service.world().account.add_tag(&new.name, &new.color, new.description)?;
    Ok(Json(tag_json(&tag)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    name: Option<String>,
    color: Option<String>,
    description: Option<String>,
}

pub(super) async fn patch(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(key): Path<String>,
    body: String,
) -> Result<Json<Value>, Refused> {
    authenticate(&service, &headers)?;
    let changes: Changes = read_body(&body)?;
    let account = &mut service.world().account;
    let place = account.find_tag(&key)?;
    if let Some(color) = &changes.color {
        check_color(color)?;
    }
    let taken = account
        .tags
        .iter()
        .zip(0..)
        .any(|(tag, at)| at != place && changes.name.as_ref() == Some(&tag.name));
    if taken {
        return Err(Error::already_exists("Tag", &changes.name.unwrap_or_default()).into());
    }
    let tag = &mut account.tags[place];
    tag.name = changes.name.unwrap_or_else(|| tag.name.clone());
    tag.color = changes.color.unwrap_or_else(|| tag.color.clone());
    tag.description = changes.description.or_else(|| tag.description.clone());
    Ok(Json(tag_json(tag)))
}

pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(key): Path<String>,
) -> Result<StatusCode, Refused> {
    authenticate(&service, &headers)?;
    let account = &mut service.world().account;
    let place = account.find_tag(&key)?;
    let tag = account.tags.remove(place);
    for schema in account.schemas.values_mut() {
        schema.tags.remove(&tag.tag_id);
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn attach(
    service: State<Arc<Service>>,
    headers: HeaderMap,
    path: Path<(String, String, String)>,
) -> Result<StatusCode, Refused> {
    set_attached(&service, &headers, &path, true)
}

pub(super) async fn detach(
    service: State<Arc<Service>>,
    headers: HeaderMap,
    path: Path<(String, String, String)>,
) -> Result<StatusCode, Refused> {
    set_attached(&service, &headers, &path, false)
}

/// Both can be repeated.
fn set_attached(
    service: &Service,
    headers: &HeaderMap,
    (tag, catalog, schema): &(String, String, String),
    is_attached: bool,
) -> Result<StatusCode, Refused> {
    authenticate(service, headers)?;
    let account = &mut service.world().account;
    let tag = account.tags[account.find_tag(tag)?].tag_id.clone();
    let catalog = account.find_catalog(catalog)?.catalog_name.clone();
    find_schema(service, account, &catalog, schema)?;
    let metadata = account.schemas.get_mut(&(catalog, schema.clone()));
    let tags = &mut metadata.expect("the schema was found").tags;
    if is_attached {
        tags.insert(tag);
    } else {
        tags.remove(&tag);
    }
    Ok(StatusCode::NO_CONTENT)
}
