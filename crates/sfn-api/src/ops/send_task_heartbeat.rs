//! `SendTaskHeartbeat`. Source: API reference, "SendTaskHeartbeat".

use serde::Deserialize;
use stepwell_engine::{Handle, TaskReport};

use crate::constraints::{Constraints, TASK_TOKEN};
use crate::error::ApiError;
use crate::wire::Empty;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    task_token: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Empty, ApiError> {
    let mut constraints = Constraints::default();
    let token = constraints.required("taskToken", request.task_token, TASK_TOKEN);
    constraints.check()?;
    engine.report_task(&token, TaskReport::Heartbeat).await?;
    Ok(Empty {})
}
