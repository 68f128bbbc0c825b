//! Tags of products.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::admit_role;
use super::error::not_found;
use crate::http::Refused;
use crate::starburst::service::Service;

fn tags_json(tags: &[(String, String)]) -> Json<Value> {
    let tags: Vec<Value> =
        tags.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
    Json(json!(tags))
}

/// `[{"id": "...", "value": "finance"}]`
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let source = &service.world().source;
    source.product(&id).ok_or_else(|| not_found("Data product", &id))?;
    Ok(tags_json(source.tags.get(&id).map_or(&[], Vec::as_slice)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SentTag {
    value: String,
}

/// Equal values are the same tag.
pub(super) async fn replace(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(sent): Json<Vec<SentTag>>,
) -> Result<Json<Value>, Refused> {
    admit_role(&service, &headers)?;
    let source = &mut service.world().source;
    source.product(&id).ok_or_else(|| not_found("Data product", &id))?;
    let tag_id = |value: &str| Uuid::new_v5(&Uuid::NAMESPACE_URL, value.as_bytes()).to_string();
    let tags: Vec<_> = sent.into_iter().map(|tag| (tag_id(&tag.value), tag.value)).collect();
    source.tags.insert(id, tags.clone());
    Ok(tags_json(&tags))
}

pub(super) async fn detach(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path((tag, id)): Path<(String, String)>,
) -> Result<StatusCode, Refused> {
    admit_role(&service, &headers)?;
    let source = &mut service.world().source;
    let tags = source.tags.get_mut(&id).ok_or_else(|| not_found("Data product", &id))?;
    tags.retain(|(id, _)| *id != tag);
    Ok(StatusCode::NO_CONTENT)
}
