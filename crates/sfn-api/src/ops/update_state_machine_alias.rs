//! `UpdateStateMachineAlias`. Source: API reference, "UpdateStateMachineAlias".

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use crate::alias::{WireRoute, routes};
use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::EpochSeconds;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_alias_arn: Option<String>,
    description: Option<String>,
    routing_configuration: Option<Vec<WireRoute>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    update_date: EpochSeconds,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("stateMachineAliasArn", request.state_machine_alias_arn, ARN);
    constraints.length("description", request.description.as_deref(), 0..=256);
    let routes = request.routing_configuration.map(|wanted| routes(&mut constraints, wanted));
    constraints.check()?;
    if request.description.is_none() && routes.is_none() {
        let message = "Either the description or the routing configuration must be specified";
        return Err(ApiError::validation(message));
    }
    let updated = engine.update_alias(&arn, request.description, routes.as_deref()).await?;
    Ok(Response { update_date: updated.updated_at.into() })
}
