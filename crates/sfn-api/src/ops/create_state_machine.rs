//! `CreateStateMachine`. Source: API reference, "CreateStateMachine".

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_asl::WorkflowType;
use stepwell_engine::{CreateStateMachine, Error, Handle};

use crate::constraints::{ARN, Constraints, DEFINITION, NAME};
use crate::error::ApiError;
use crate::wire::{
    EpochSeconds, LoggingRequest, TracingRequest, check_observability, check_publish,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    name: Option<String>,
    definition: Option<String>,
    role_arn: Option<String>,
    r#type: Option<String>,
    logging_configuration: Option<LoggingRequest>,
    tracing_configuration: Option<TracingRequest>,
    publish: Option<bool>,
    version_description: Option<String>,
    tags: Option<Vec<Value>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machine_arn: String,
    creation_date: EpochSeconds,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    constraints.one_of("type", request.r#type.as_deref(), &["STANDARD", "EXPRESS"]);
    constraints.length("versionDescription", request.version_description.as_deref(), 0..=256);
    let supported = check_supported(&request);
    let is_express = request.r#type.as_deref() == Some("EXPRESS");
    let name = constraints.required("name", request.name, NAME);
    let definition = constraints.required("definition", request.definition, DEFINITION);
    let role_arn = Some(constraints.required("roleArn", request.role_arn, ARN));
    constraints.check()?;
    if is_express {
        check_express(&definition)?;
    }
    supported?;
    let created =
        engine.create_state_machine(CreateStateMachine { name, definition, role_arn }).await?;
    Ok(Response { state_machine_arn: created.arn, creation_date: created.created_at.into() })
}

/// A definition that no Express state machine can have is refused as such.
fn check_express(definition: &str) -> Result<(), ApiError> {
    match stepwell_asl::parse_as(definition, WorkflowType::Express) {
        (Some(_), _) => Ok(()),
        (None, diagnostics) => Err(Error::InvalidDefinition { diagnostics }.into()),
    }
}

fn check_supported(request: &Request) -> Result<(), ApiError> {
    check_publish(request.publish, request.version_description.as_deref())?;
    if request.r#type.as_deref().is_some_and(|kind| kind != "STANDARD") {
        let message = "stepwell runs state machines of type STANDARD only, as yet";
        return Err(ApiError::new("StateMachineTypeNotSupported", message));
    }
    if request.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
        return Err(ApiError::unsupported_member("tags"));
    }
    check_observability(
        request.logging_configuration.as_ref(),
        request.tracing_configuration.as_ref(),
    )
}
