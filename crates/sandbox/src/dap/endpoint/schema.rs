//! `GET /dap/query/{namespace}/table/{table}/schema`: the schema at its current version.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::Value;

use super::{Endpoint, Refused, admit};
use crate::dap::data::schema_json::describe;
use crate::dap::service::Service;

pub(super) async fn schema(
    State(service): State<Arc<Service>>,
    Path((namespace, table)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    let name = format!("{namespace}.{table}");
    admit(&service, &headers, Endpoint::Schema, Some(&name))?;
    let still = service.table(&namespace, &table)?;
    Ok(Json(describe(still.table.schema(), service.schema_form)))
}
