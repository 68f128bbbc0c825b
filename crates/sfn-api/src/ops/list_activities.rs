//! `ListActivities`. Source: API reference, "ListActivities".

use serde::{Deserialize, Serialize};
use stepwell_engine::{ActivityRecord, Handle};

use crate::constraints::Constraints;
use crate::error::ApiError;
use crate::wire::{EpochSeconds, PAGE, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    activities: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    activity_arn: String,
    name: String,
    creation_date: EpochSeconds,
}

impl From<ActivityRecord> for Item {
    fn from(record: ActivityRecord) -> Self {
        let ActivityRecord { arn, name, created_at } = record;
        Self { activity_arn: arn, name, creation_date: created_at.into() }
    }
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    constraints.range("maxResults", request.max_results, PAGE);
    constraints.length("nextToken", request.next_token.as_deref(), 1..=1_024);
    constraints.check()?;
    let found = engine.list_activities(page(request.max_results, request.next_token)).await?;
    Ok(Response {
        activities: found.items.into_iter().map(Item::from).collect(),
        next_token: found.next,
    })
}
