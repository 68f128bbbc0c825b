//! `DescribeStateMachineForExecution`. Source: API reference, "DescribeStateMachineForExecution".

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use super::describe_state_machine::{VariableReferences, shown_revision, variable_references};
use crate::constraints::arn;
use crate::error::ApiError;
use crate::wire::{EpochSeconds, LoggingConfiguration, TracingConfiguration};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    execution_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machine_arn: String,
    name: String,
    definition: Arc<str>,
    role_arn: String,
    update_date: EpochSeconds,
    logging_configuration: LoggingConfiguration,
    tracing_configuration: TracingConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "VariableReferences::is_empty")]
    variable_references: VariableReferences,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let arn = arn("executionArn", request.execution_arn)?;
    let found = engine.describe_state_machine_for_execution(&arn).await?;
    Ok(Response {
        revision_id: shown_revision(&found),
        variable_references: variable_references(&found.definition),
        state_machine_arn: found.arn,
        name: found.name,
        definition: found.definition,
        role_arn: found.role_arn,
        update_date: found.updated_at.into(),
        logging_configuration: LoggingConfiguration::OFF,
        tracing_configuration: TracingConfiguration::OFF,
    })
}
