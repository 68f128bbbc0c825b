//! `TagResource`. Source: API reference, "TagResource".

use serde::Deserialize;
use stepwell_engine::Handle;

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::{Empty, WireTag, tags};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    resource_arn: Option<String>,
    tags: Option<Vec<WireTag>>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Empty, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("resourceArn", request.resource_arn, ARN);
    let wanted = constraints.present("tags", request.tags);
    let tags = tags(&mut constraints, wanted);
    constraints.check()?;
    engine.tag(&arn, tags).await?;
    Ok(Empty {})
}
