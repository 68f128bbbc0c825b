//! `CreateStateMachineAlias`. Source: API reference, "CreateStateMachineAlias".

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use crate::alias::{WireRoute, name, routes};
use crate::constraints::Constraints;
use crate::error::ApiError;
use crate::wire::EpochSeconds;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    name: Option<String>,
    description: Option<String>,
    routing_configuration: Option<Vec<WireRoute>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machine_alias_arn: String,
    creation_date: EpochSeconds,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let name = name(&mut constraints, request.name);
    constraints.length("description", request.description.as_deref(), 0..=256);
    let wanted = constraints.present("routingConfiguration", request.routing_configuration);
    let routes = routes(&mut constraints, wanted);
    constraints.check()?;
    let created = engine.create_alias(name, request.description, &routes).await?;
    Ok(Response { state_machine_alias_arn: created.arn, creation_date: created.created_at.into() })
}
