//! `GET /dap/job/{id}`: where a job stands.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::create_job::describe;
use super::{Endpoint, Refused, admit};
use crate::dap::error::ApiError;
use crate::dap::service::Service;

pub(super) async fn get_job(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let job = service.jobs.poll(&id, service.clock.now());
    let table = job.as_ref().map(|job| job.request.table.as_str());
    admit(&service, &headers, Endpoint::GetJob, table)?;
    let job = job.ok_or(ApiError::NotFound { kind: "job", id })?;
    Ok(describe(&service, &job))
}
