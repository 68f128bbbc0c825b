//! `DeleteStateMachineAlias`. Source: API reference, "DeleteStateMachineAlias".

use serde::Deserialize;
use stepwell_engine::Handle;

use crate::constraints::arn;
use crate::error::ApiError;
use crate::wire::Empty;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_alias_arn: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Empty, ApiError> {
    engine.delete_alias(&arn("stateMachineAliasArn", request.state_machine_alias_arn)?).await?;
    Ok(Empty {})
}
