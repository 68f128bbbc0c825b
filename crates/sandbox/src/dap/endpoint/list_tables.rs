//! `GET /dap/query/{namespace}/table`: the tables of a namespace.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::{Endpoint, Refused, admit};
use crate::dap::error::ApiError;
use crate::dap::service::Service;

pub(super) async fn list_tables(
    State(service): State<Arc<Service>>,
    Path(namespace): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refused> {
    admit(&service, &headers, Endpoint::ListTables, None)?;
    let names = service.source().table_names(&namespace);
    let names = names.ok_or(ApiError::NotFound { kind: "namespace", id: namespace })?;
    Ok(Json(json!({"tables": names})))
}
