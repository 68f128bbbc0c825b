//! `UpdateStateMachine`. Source: API reference, "UpdateStateMachine".

use serde::{Deserialize, Serialize};
use stepwell_engine::{Handle, UpdateStateMachine};

use super::describe_state_machine::revision_id;
use crate::constraints::{ARN, Constraints, DEFINITION};
use crate::error::ApiError;
use crate::wire::{
    EpochSeconds, LoggingRequest, TracingRequest, check_observability, check_publish,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_arn: Option<String>,
    definition: Option<String>,
    role_arn: Option<String>,
    logging_configuration: Option<LoggingRequest>,
    tracing_configuration: Option<TracingRequest>,
    publish: Option<bool>,
    version_description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    update_date: EpochSeconds,
    revision_id: String,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("stateMachineArn", request.state_machine_arn, ARN);
    constraints.length("definition", request.definition.as_deref(), DEFINITION);
    constraints.length("roleArn", request.role_arn.as_deref(), ARN);
    constraints.length("versionDescription", request.version_description.as_deref(), 0..=256);
    constraints.check()?;
    check_observability(
        request.logging_configuration.as_ref(),
        request.tracing_configuration.as_ref(),
    )?;
    check_publish(request.publish, request.version_description.as_deref())?;
    let observes =
        request.logging_configuration.is_some() || request.tracing_configuration.is_some();
    if request.definition.is_none() && request.role_arn.is_none() && !observes {
        return Err(ApiError::new(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
        ));
    }
    let change = UpdateStateMachine { definition: request.definition, role_arn: request.role_arn };
    let updated = engine.update_state_machine(&arn, change).await?;
    Ok(Response { update_date: updated.updated_at.into(), revision_id: revision_id(&updated) })
}
