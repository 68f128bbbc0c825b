//! `DescribeStateMachineForExecution`. Source: API reference, "DescribeStateMachineForExecution".

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use super::describe_state_machine::{VariableReferences, variable_references};
use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::{DATA_WANTED, EpochSeconds, LoggingConfiguration, TracingConfiguration};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    execution_arn: Option<String>,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machine_arn: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<Arc<str>>,
    role_arn: String,
    update_date: EpochSeconds,
    logging_configuration: LoggingConfiguration,
    tracing_configuration: TracingConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "VariableReferences::is_empty")]
    variable_references: VariableReferences,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("executionArn", request.execution_arn, ARN);
    constraints.one_of("includedData", request.included_data.as_deref(), &DATA_WANTED);
    constraints.check()?;
    let shows_data = request.included_data.as_deref() != Some("METADATA_ONLY");
    let found = engine.describe_state_machine_for_execution(&arn).await?;
    let (map_run_arn, label) = found.map_run.clone().unzip();
    Ok(Response {
        map_run_arn,
        label,
        revision_id: found.shown_revision(),
        variable_references: variable_references(&found.definition),
        state_machine_arn: found.arn,
        name: found.name,
        definition: shows_data.then_some(found.definition),
        role_arn: found.role_arn,
        update_date: found.updated_at.into(),
        logging_configuration: (&found.settings.logging).into(),
        tracing_configuration: (&found.settings).into(),
    })
}
