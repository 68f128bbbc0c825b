//! `SendTaskSuccess`. Source: API reference, "SendTaskSuccess".

use serde::Deserialize;
use stepwell_engine::{Handle, TaskReport};

use crate::constraints::{Constraints, PAYLOAD, TASK_TOKEN, of_aws};
use crate::error::ApiError;
use crate::wire::Empty;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    task_token: Option<String>,
    output: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Empty, ApiError> {
    let mut constraints = Constraints::default();
    let token = constraints.required("taskToken", request.task_token, TASK_TOKEN);
    let output = constraints.required("output", request.output, of_aws(engine, PAYLOAD));
    constraints.check()?;
    engine.report_task(&token, TaskReport::Succeeded { output }).await?;
    Ok(Empty {})
}
