//! `SendTaskFailure`. Source: API reference, "SendTaskFailure".

use serde::Deserialize;
use stepwell_engine::{Handle, TaskReport};

use crate::constraints::{Constraints, TASK_TOKEN};
use crate::error::ApiError;
use crate::wire::Empty;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    task_token: Option<String>,
    error: Option<String>,
    cause: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Empty, ApiError> {
    let Request { task_token, error, cause } = request;
    let mut constraints = Constraints::default();
    let token = constraints.required("taskToken", task_token, TASK_TOKEN);
    constraints.length("error", error.as_deref(), 0..=256);
    constraints.length("cause", cause.as_deref(), 0..=32_768);
    constraints.check()?;
    engine.report_task(&token, TaskReport::Failed { error, cause }).await?;
    Ok(Empty {})
}
