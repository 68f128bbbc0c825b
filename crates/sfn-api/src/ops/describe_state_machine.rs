//! `DescribeStateMachine`. Source: API reference, "DescribeStateMachine".

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stepwell_asl::StateMachine;
use stepwell_engine::{Handle, StateMachineRecord};
use uuid::Uuid;

use crate::constraints::arn;
use crate::error::ApiError;
use crate::wire::{EpochSeconds, LoggingConfiguration, TracingConfiguration};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machine_arn: String,
    name: String,
    status: &'static str,
    definition: Arc<str>,
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
    let arn = arn("stateMachineArn", request.state_machine_arn)?;
    let found = engine.describe_state_machine(&arn).await?;
    Ok(Response {
        revision_id: shown_revision(&found),
        variable_references: variable_references(&found.definition),
        state_machine_arn: found.arn,
        name: found.name,
        status: "ACTIVE",
        definition: found.definition,
        role_arn: found.role_arn,
        r#type: "STANDARD",
        creation_date: found.created_at.into(),
        logging_configuration: LoggingConfiguration::OFF,
        tracing_configuration: TracingConfiguration::OFF,
    })
}

/// The names of states, and the variables that each of them reads.
pub(crate) type VariableReferences = BTreeMap<Arc<str>, Vec<Arc<str>>>;

/// States that read no variable are left out.
pub(crate) fn variable_references(definition: &str) -> VariableReferences {
    let (machine, _) = stepwell_asl::parse(definition);
    let states = machine.iter().flat_map(StateMachine::states);
    let reading = states.filter(|state| !state.variables.is_empty());
    reading.map(|state| (Arc::clone(&state.name), state.variables.clone())).collect()
}

/// The revision as `DescribeStateMachine` shows it: AWS shows none for the first.
pub(crate) fn shown_revision(machine: &StateMachineRecord) -> Option<String> {
    (machine.revision > 1).then(|| revision_id(machine))
}

/// A UUID for the revision.
pub(crate) fn revision_id(machine: &StateMachineRecord) -> String {
    let name = format!("{}#{}@{}", machine.arn, machine.revision, machine.created_at);
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}
