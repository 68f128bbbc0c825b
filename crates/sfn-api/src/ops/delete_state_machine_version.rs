//! `DeleteStateMachineVersion`. Source: API reference, "DeleteStateMachineVersion".

use serde::Deserialize;
use stepwell_engine::Handle;

use crate::constraints::arn;
use crate::error::ApiError;
use crate::wire::Empty;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_version_arn: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Empty, ApiError> {
    let arn = arn("stateMachineVersionArn", request.state_machine_version_arn)?;
    engine.delete_version(&arn).await?;
    Ok(Empty {})
}
