//! `StartExecution`. Source: API reference, "StartExecution".

use serde::{Deserialize, Serialize};
use stepwell_engine::{Handle, StartExecution};

use crate::constraints::{ARN, Constraints, NAME};
use crate::error::ApiError;
use crate::wire::EpochSeconds;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_arn: Option<String>,
    name: Option<String>,
    input: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    execution_arn: String,
    start_date: EpochSeconds,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let state_machine_arn = constraints.required("stateMachineArn", request.state_machine_arn, ARN);
    constraints.length("name", request.name.as_deref(), NAME);
    constraints.check()?;
    let started = engine
        .start_execution(StartExecution {
            state_machine_arn,
            name: request.name,
            input: request.input.unwrap_or_else(|| "{}".to_owned()),
        })
        .await?;
    Ok(Response { execution_arn: started.execution_arn, start_date: started.started_at.into() })
}
