//! `POST /dap/object/url`: pre-signed links for objects.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Endpoint, Refused, admit};
use crate::dap::error::ApiError;
use crate::dap::service::Service;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectId {
    id: String,
}

pub(super) async fn object_url(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, Refused> {
    let ids: Result<Vec<ObjectId>, _> = serde_json::from_str(&body);
    let table = ids.as_ref().ok().and_then(|ids| table_of(&service, ids.first()?));
    admit(&service, &headers, Endpoint::ObjectUrl, table.as_deref())?;
    let ids = ids.map_err(|error| invalid(&error))?;
    let urls = ids
        .into_iter()
        .map(|object| link(&service, object.id))
        .collect::<Result<Map<String, Value>, ApiError>>()?;
    Ok(Json(json!({"urls": urls})))
}

fn table_of(service: &Service, object: &ObjectId) -> Option<String> {
    Some(service.jobs.object(&object.id, service.clock.now())?.0)
}

fn invalid(error: &serde_json::Error) -> ApiError {
    ApiError::Validation {
        message: error.to_string(),
        line: error.line(),
        column: error.column(),
        character: error.column(),
    }
}

fn link(service: &Service, id: String) -> Result<(String, Value), ApiError> {
    let Some((_, object)) = service.jobs.object(&id, service.clock.now()) else {
        return Err(ApiError::NotFound { kind: "object", id });
    };
    let url = service.link(&object);
    Ok((id, json!({"url": url})))
}
