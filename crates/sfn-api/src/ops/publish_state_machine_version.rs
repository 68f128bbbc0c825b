//! `PublishStateMachineVersion`. Source: API reference, "PublishStateMachineVersion".

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::EpochSeconds;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_arn: Option<String>,
    revision_id: Option<String>,
    description: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    creation_date: EpochSeconds,
    state_machine_version_arn: String,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("stateMachineArn", request.state_machine_arn, ARN);
    constraints.length("description", request.description.as_deref(), 0..=256);
    constraints.check()?;
    let published = engine.publish_version(&arn, request.description, request.revision_id).await?;
    Ok(Response {
        creation_date: published.created_at.into(),
        state_machine_version_arn: published.arn,
    })
}
