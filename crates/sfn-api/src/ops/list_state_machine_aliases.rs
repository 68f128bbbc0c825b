//! `ListStateMachineAliases`. Source: API reference, "ListStateMachineAliases".

use serde::{Deserialize, Serialize};
use stepwell_engine::{AliasRecord, Handle};

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::{EpochSeconds, PAGE, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_arn: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    state_machine_aliases: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    state_machine_alias_arn: String,
    creation_date: EpochSeconds,
}

impl From<AliasRecord> for Item {
    fn from(record: AliasRecord) -> Self {
        Self { state_machine_alias_arn: record.arn, creation_date: record.created_at.into() }
    }
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("stateMachineArn", request.state_machine_arn, ARN);
    constraints.range("maxResults", request.max_results, PAGE);
    constraints.length("nextToken", request.next_token.as_deref(), 1..=1_024);
    constraints.check()?;
    let page = page(request.max_results, request.next_token);
    let found = engine.list_aliases(&arn, page).await?;
    Ok(Response {
        state_machine_aliases: found.items.into_iter().map(Item::from).collect(),
        next_token: found.next,
    })
}
