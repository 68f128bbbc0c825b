//! `GetExecutionHistory`. Source: API reference, "GetExecutionHistory".

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_engine::Handle;

use crate::error::ApiError;
use crate::wire::{page, required};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    execution_arn: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
    #[serde(default)]
    reverse_order: bool,
    include_execution_data: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    events: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    if request.include_execution_data == Some(false) {
        return Err(ApiError::unsupported_member("includeExecutionData"));
    }
    let arn = required(request.execution_arn, "executionArn")?;
    let page = page(request.max_results, request.next_token)?;
    let found = engine.history(&arn, request.reverse_order, page).await?;
    Ok(Response { events: found.items, next_token: found.next })
}
