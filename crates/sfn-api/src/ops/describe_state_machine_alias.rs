//! `DescribeStateMachineAlias`. Source: API reference, "DescribeStateMachineAlias".

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use crate::alias::WireRoute;
use crate::constraints::arn;
use crate::error::ApiError;
use crate::wire::EpochSeconds;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_alias_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machine_alias_arn: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    routing_configuration: Vec<WireRoute>,
    creation_date: EpochSeconds,
    update_date: EpochSeconds,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let arn = arn("stateMachineAliasArn", request.state_machine_alias_arn)?;
    let found = engine.describe_alias(&arn).await?;
    Ok(Response {
        state_machine_alias_arn: found.arn,
        name: found.name,
        description: found.description,
        routing_configuration: found.routes.into_iter().map(WireRoute::from).collect(),
        creation_date: found.created_at.into(),
        update_date: found.updated_at.into(),
    })
}
