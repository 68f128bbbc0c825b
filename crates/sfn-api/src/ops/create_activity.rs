//! `CreateActivity`. Source: API reference, "CreateActivity".

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use crate::constraints::{Constraints, NAME};
use crate::error::ApiError;
use crate::wire::{EpochSeconds, WireTag, tags};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    name: Option<String>,
    tags: Option<Vec<WireTag>>,
    encryption_configuration: Option<Encryption>,
}

/// Activities are encrypted with nothing but what AWS itself holds: stepwell keeps no keys.
#[derive(Deserialize)]
struct Encryption {
    r#type: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    activity_arn: String,
    creation_date: EpochSeconds,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let name = constraints.required("name", request.name, NAME);
    let tags = tags(&mut constraints, request.tags.unwrap_or_default());
    constraints.check()?;
    let encryption = request.encryption_configuration.and_then(|it| it.r#type);
    if encryption.is_some_and(|kind| kind != "AWS_OWNED_KEY") {
        return Err(ApiError::unsupported_member("encryptionConfiguration"));
    }
    let created = engine.create_activity(name, tags).await?;
    Ok(Response { activity_arn: created.arn, creation_date: created.created_at.into() })
}
