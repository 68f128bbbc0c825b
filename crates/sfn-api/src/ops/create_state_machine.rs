//! `CreateStateMachine`. Source: API reference, "CreateStateMachine".

use serde::{Deserialize, Serialize};
use stepwell_engine::{Configuration, CreateStateMachine, Handle, Settings, StateMachineRecord};

use crate::constraints::{ARN, Constraints, DEFINITION, NAME, of_aws};
use crate::error::ApiError;
use crate::wire::{
    EncryptionRequest, EpochSeconds, LoggingConfiguration, TracingConfiguration, WireTag,
    check_encryption, publish, settings, tags,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    name: Option<String>,
    definition: Option<String>,
    role_arn: Option<String>,
    r#type: Option<String>,
    logging_configuration: Option<LoggingConfiguration>,
    tracing_configuration: Option<TracingConfiguration>,
    encryption_configuration: Option<EncryptionRequest>,
    publish: Option<bool>,
    version_description: Option<String>,
    tags: Option<Vec<WireTag>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machine_arn: String,
    creation_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
}

impl From<StateMachineRecord> for Response {
    fn from(created: StateMachineRecord) -> Self {
        Self {
            state_machine_arn: created.arn,
            creation_date: created.created_at.into(),
            state_machine_version_arn: created.version.map(|version| version.arn),
        }
    }
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    Ok(engine.create_state_machine(checked(engine, request)?).await?.into())
}

/// The constraints of the service model first, then what AWS checks beyond them.
fn checked(engine: &Handle, request: Request) -> Result<CreateStateMachine, ApiError> {
    let mut constraints = Constraints::default();
    constraints.one_of("type", request.r#type.as_deref(), &["STANDARD", "EXPRESS"]);
    constraints.length("versionDescription", request.version_description.as_deref(), 0..=256);
    if let Some(logging) = &request.logging_configuration {
        logging.constrain(&mut constraints);
    }
    let name = constraints.required("name", request.name, NAME);
    let definition =
        constraints.required("definition", request.definition, of_aws(engine, DEFINITION));
    let role_arn = Some(constraints.required("roleArn", request.role_arn, ARN));
    let tags = tags(&mut constraints, request.tags.unwrap_or_default());
    constraints.check()?;
    check_encryption(request.encryption_configuration.as_ref())?;
    let publish = publish(request.publish, request.version_description)?;
    let wanted = settings(request.logging_configuration, request.tracing_configuration.as_ref())?;
    let settings = Settings {
        logging: wanted.logging.unwrap_or_default(),
        tracing: wanted.tracing.unwrap_or(false),
    };
    let configuration = Configuration { settings, tags, publish };
    let workflow = request.r#type.and_then(|name| name.parse().ok()).unwrap_or_default();
    Ok(CreateStateMachine { name, workflow, definition, role_arn, configuration })
}
