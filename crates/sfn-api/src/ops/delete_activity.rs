//! `DeleteActivity`. Source: API reference, "DeleteActivity".

use serde::Deserialize;
use stepwell_engine::Handle;

use crate::constraints::arn;
use crate::error::ApiError;
use crate::wire::Empty;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    activity_arn: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Empty, ApiError> {
    let arn = arn("activityArn", request.activity_arn)?;
    engine.delete_activity(&arn).await?;
    Ok(Empty {})
}
