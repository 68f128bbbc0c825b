//! `StopExecution`. Source: API reference, "StopExecution".

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::EpochSeconds;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    execution_arn: Option<String>,
    error: Option<String>,
    cause: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    stop_date: EpochSeconds,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("executionArn", request.execution_arn, ARN);
    constraints.length("error", request.error.as_deref(), 0..=256);
    constraints.length("cause", request.cause.as_deref(), 0..=32_768);
    constraints.check()?;
    let stopped_at = engine.stop_execution(&arn, request.error, request.cause).await?;
    Ok(Response { stop_date: stopped_at.into() })
}
