//! `UpdateStateMachine`. Source: API reference, "UpdateStateMachine".

use serde::{Deserialize, Serialize};
use stepwell_engine::{Handle, SettingsChange, UpdateStateMachine};

use crate::constraints::{ARN, Constraints, DEFINITION, of_aws};
use crate::error::ApiError;
use crate::wire::{
    EncryptionRequest, EpochSeconds, LoggingConfiguration, TracingConfiguration, check_encryption,
    publish, settings,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_arn: Option<String>,
    definition: Option<String>,
    role_arn: Option<String>,
    logging_configuration: Option<LoggingConfiguration>,
    tracing_configuration: Option<TracingConfiguration>,
    encryption_configuration: Option<EncryptionRequest>,
    publish: Option<bool>,
    version_description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    update_date: EpochSeconds,
    revision_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("stateMachineArn", request.state_machine_arn, ARN);
    constraints.length("definition", request.definition.as_deref(), of_aws(engine, DEFINITION));
    constraints.length("roleArn", request.role_arn.as_deref(), ARN);
    constraints.length("versionDescription", request.version_description.as_deref(), 0..=256);
    if let Some(logging) = &request.logging_configuration {
        logging.constrain(&mut constraints);
    }
    constraints.check()?;
    check_encryption(request.encryption_configuration.as_ref())?;
    let publish = publish(request.publish, request.version_description)?;
    let settings = settings(request.logging_configuration, request.tracing_configuration.as_ref())?;
    let change = UpdateStateMachine {
        definition: request.definition,
        role_arn: request.role_arn,
        settings,
        publish,
    };
    check_not_empty(&change)?;
    let updated = engine.update_state_machine(&arn, change).await?;
    Ok(Response {
        update_date: updated.updated_at.into(),
        revision_id: updated.revision_id(),
        state_machine_version_arn: updated.version.map(|version| version.arn),
    })
}

/// To publish alone is no update.
fn check_not_empty(change: &UpdateStateMachine) -> Result<(), ApiError> {
    let is_empty = change.definition.is_none()
        && change.role_arn.is_none()
        && change.settings == SettingsChange::default();
    if is_empty {
        return Err(ApiError::new(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
        ));
    }
    Ok(())
}
