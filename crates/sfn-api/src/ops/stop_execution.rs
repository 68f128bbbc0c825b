//! `StopExecution`. Source: API reference, "StopExecution".

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use crate::error::ApiError;
use crate::wire::{EpochSeconds, required};

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
    let arn = required(request.execution_arn, "executionArn")?;
    let stopped_at = engine.stop_execution(&arn, request.error, request.cause).await?;
    Ok(Response { stop_date: stopped_at.into() })
}
