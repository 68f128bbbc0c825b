//! `ListTagsForResource`. Source: API reference, "ListTagsForResource".

use serde::{Deserialize, Serialize};
use stepwell_engine::Handle;

use crate::constraints::arn;
use crate::error::ApiError;
use crate::wire::WireTag;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    resource_arn: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Response {
    tags: Vec<WireTag>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let tags = engine.list_tags(&arn("resourceArn", request.resource_arn)?).await?;
    Ok(Response { tags: tags.into_iter().map(WireTag::from).collect() })
}
