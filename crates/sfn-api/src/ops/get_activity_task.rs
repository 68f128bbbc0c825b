//! `GetActivityTask`: waits up to a minute for a task. Source: API reference, "GetActivityTask".

use serde::{Deserialize, Serialize};
use stepwell_engine::{ACTIVITY_PATIENCE, Handle};

use crate::constraints::{ARN, Constraints, NAME};
use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    activity_arn: Option<String>,
    worker_name: Option<String>,
}

/// `{}` if there was no task.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    #[serde(skip_serializing_if = "Option::is_none")]
    task_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("activityArn", request.activity_arn, ARN);
    constraints.length("workerName", request.worker_name.as_deref(), NAME);
    constraints.check()?;
    let task = engine.activity_task(&arn, request.worker_name, ACTIVITY_PATIENCE).await?;
    Ok(task.map_or_else(Response::default, |task| Response {
        task_token: Some(task.token),
        input: Some(task.input),
    }))
}
