//! `UntagResource`. Source: API reference, "UntagResource".

use serde::Deserialize;
use stepwell_engine::Handle;

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::Empty;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    resource_arn: Option<String>,
    tag_keys: Option<Vec<String>>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Empty, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("resourceArn", request.resource_arn, ARN);
    let keys = constraints.present("tagKeys", request.tag_keys);
    for (index, key) in keys.iter().enumerate() {
        constraints.length(&format!("tagKeys.{}.member", index + 1), Some(key), 1..=128);
    }
    constraints.check()?;
    engine.untag(&arn, keys).await?;
    Ok(Empty {})
}
