//! `DescribeActivity`. Source: API reference, "DescribeActivity".

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use crate::constraints::arn;
use crate::error::ApiError;
use crate::wire::EpochSeconds;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    activity_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    activity_arn: String,
    name: String,
    creation_date: EpochSeconds,
    encryption_configuration: Encryption,
}

/// `{"type": "AWS_OWNED_KEY"}`: no key of the customer.
#[derive(Serialize)]
struct Encryption {
    r#type: &'static str,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let arn = arn("activityArn", request.activity_arn)?;
    let found = engine.describe_activity(&arn).await?;
    Ok(Response {
        activity_arn: found.arn,
        name: found.name,
        creation_date: found.created_at.into(),
        encryption_configuration: Encryption { r#type: "AWS_OWNED_KEY" },
    })
}
