//! `DeleteStateMachine`. Source: API reference, "DeleteStateMachine".

use serde::Deserialize;
use stepwell_engine::Handle;

use crate::constraints::arn;
use crate::error::ApiError;
use crate::wire::Empty;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_arn: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Empty, ApiError> {
    engine.delete_state_machine(&arn("stateMachineArn", request.state_machine_arn)?).await?;
    Ok(Empty {})
}
