//! `CreateStateMachine`. Source: API reference, "CreateStateMachine".

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_engine::{CreateStateMachine, Handle};

use crate::error::ApiError;
use crate::wire::{EpochSeconds, LoggingRequest, TracingRequest, check_observability, required};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    name: Option<String>,
    definition: Option<String>,
    role_arn: Option<String>,
    r#type: Option<String>,
    logging_configuration: Option<LoggingRequest>,
    tracing_configuration: Option<TracingRequest>,
    #[serde(default)]
    publish: bool,
    version_description: Option<String>,
    #[serde(default)]
    tags: Vec<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machine_arn: String,
    creation_date: EpochSeconds,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    check_supported(&request)?;
    let created = engine
        .create_state_machine(CreateStateMachine {
            name: required(request.name, "name")?,
            definition: required(request.definition, "definition")?,
            role_arn: Some(required(request.role_arn, "roleArn")?),
        })
        .await?;
    Ok(Response { state_machine_arn: created.arn, creation_date: created.created_at.into() })
}

fn check_supported(request: &Request) -> Result<(), ApiError> {
    if request.version_description.is_some() && !request.publish {
        return Err(ApiError::validation(
            "Version description can only be set when publish is true",
        ));
    }
    if request.publish {
        return Err(ApiError::unsupported_member("publish"));
    }
    if request.r#type.as_deref().is_some_and(|kind| kind != "STANDARD") {
        let message = "stepwell runs state machines of type STANDARD only, as yet";
        return Err(ApiError::new("StateMachineTypeNotSupported", message));
    }
    if !request.tags.is_empty() {
        return Err(ApiError::unsupported_member("tags"));
    }
    check_observability(
        request.logging_configuration.as_ref(),
        request.tracing_configuration.as_ref(),
    )
}
