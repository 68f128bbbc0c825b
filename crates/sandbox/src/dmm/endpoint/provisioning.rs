//! `/api/access/{id}/provisioning`: what connectors report. Absent from older versions.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::Value;

use crate::dmm::Provisioning;
use crate::dmm::organization::provisioning::Transition;
use crate::dmm::problem::Problem;
use crate::dmm::service::Service;

/// As a server answers that has never heard of the path.
fn check_there(service: &Service, id: &str) -> Result<(), Problem> {
    match service.switches().provisioning {
        Provisioning::On => Ok(()),
        Provisioning::NotFound => {
            let detail = format!("No static resource api/access/{id}/provisioning.");
            Err(Problem::new(StatusCode::NOT_FOUND, detail))
        }
        Provisioning::MethodNotAllowed => {
            Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method is not supported."))
        }
    }
}

/// 404 has two meanings: no such access, or nothing was reported.
pub(super) async fn read(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    check_there(&service, &id)?;
    let record = service.organization().access(&id)?.provisioning.clone();
    record.map(Json).ok_or_else(|| Problem::not_found("Provisioning of access", &id))
}

pub(super) async fn put(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Json(record): Json<Value>,
) -> Result<Json<Value>, Problem> {
    check_there(&service, &id)?;
    service.change(|it| it.put_provisioning(&id, record)).map(Json)
}

pub(super) async fn report(
    State(service): State<Arc<Service>>,
    Path((id, transition)): Path<(String, String)>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    check_there(&service, &id)?;
    let transition: Transition = serde_json::from_value(Value::String(transition.clone()))
        .map_err(|_| Problem::not_found("Transition", &transition))?;
    let report = match &body[..] {
        [] => Value::Null,
        body => serde_json::from_slice(body)
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?,
    };
    service.change(|it| it.report(&id, transition, &report)).map(Json)
}
