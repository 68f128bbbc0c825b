//! `DescribeStateMachine`. Source: API reference, "DescribeStateMachine".

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_asl::{StateMachine, WorkflowType};
use stepwell_engine::Handle;

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::{DATA_WANTED, EpochSeconds, LoggingConfiguration, TracingConfiguration};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_arn: Option<String>,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machine_arn: String,
    name: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    role_arn: String,
    r#type: &'static str,
    creation_date: EpochSeconds,
    logging_configuration: LoggingConfiguration,
    tracing_configuration: TracingConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision_id: Option<String>,
    #[serde(skip_serializing_if = "VariableReferences::is_empty")]
    variable_references: VariableReferences,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("stateMachineArn", request.state_machine_arn, ARN);
    constraints.one_of("includedData", request.included_data.as_deref(), &DATA_WANTED);
    constraints.check()?;
    let shows_data = request.included_data.as_deref() != Some("METADATA_ONLY");
    let found = engine.describe_state_machine(&arn).await?;
    let revision_id = found.shown_revision();
    let (created_at, shown_arn, description) = match found.version {
        Some(version) => (version.created_at, version.arn, version.description),
        None => (found.created_at, found.arn, None),
    };
    Ok(Response {
        revision_id,
        variable_references: variable_references(&found.definition),
        state_machine_arn: shown_arn,
        name: found.name,
        status: "ACTIVE",
        definition: shows_data.then_some(found.definition),
        description,
        role_arn: found.role_arn,
        r#type: found.workflow.as_str(),
        creation_date: created_at.into(),
        logging_configuration: (&found.settings.logging).into(),
        tracing_configuration: (&found.settings).into(),
    })
}

/// The names of states, and the variables that each of them reads.
pub(crate) type VariableReferences = BTreeMap<Arc<str>, Vec<Arc<str>>>;

/// States that read no variable are left out.
pub(crate) fn variable_references(definition: &str) -> VariableReferences {
    let (machine, _) = stepwell_asl::parse_kept(definition, WorkflowType::Standard);
    let states = machine.iter().flat_map(StateMachine::states);
    let reading = states.filter(|state| !state.variables.is_empty());
    reading.map(|state| (Arc::clone(&state.name), state.variables.clone())).collect()
}
