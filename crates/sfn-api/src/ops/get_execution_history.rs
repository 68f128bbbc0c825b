//! `GetExecutionHistory`. Source: API reference, "GetExecutionHistory".

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_engine::{self as engine, Handle};

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::{PAGE, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    execution_arn: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
    reverse_order: Option<bool>,
    include_execution_data: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    events: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(crate) async fn handle(handle: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("executionArn", request.execution_arn, ARN);
    constraints.range("maxResults", request.max_results, PAGE);
    constraints.length("nextToken", request.next_token.as_deref(), 1..=1_024);
    constraints.check()?;
    let page = page(request.max_results, request.next_token);
    let mut found = handle.history(&arn, request.reverse_order.unwrap_or(false), page).await?;
    if request.include_execution_data == Some(false) {
        found.items.iter_mut().for_each(leave_out_data);
    }
    Ok(Response { events: found.items, next_token: found.next })
}

fn leave_out_data(event: &mut Value) {
    let members = event.as_object_mut().into_iter().flatten();
    let details = members.filter(|(name, _)| name.ends_with("EventDetails"));
    details.filter_map(|(_, details)| details.as_object_mut()).for_each(engine::leave_out_data);
}
