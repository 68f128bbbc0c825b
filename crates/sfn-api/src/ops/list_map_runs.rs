//! `ListMapRuns`. Source: API reference, "ListMapRuns".

use serde::{Deserialize, Serialize};
use stepwell_engine::{Handle, MapRunSummary};

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::{EpochSeconds, PAGE, page};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    execution_arn: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    map_runs: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    execution_arn: String,
    map_run_arn: String,
    state_machine_arn: String,
    start_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<EpochSeconds>,
}

impl From<MapRunSummary> for Item {
    fn from(summary: MapRunSummary) -> Self {
        Self {
            execution_arn: summary.execution_arn,
            map_run_arn: summary.arn,
            state_machine_arn: summary.state_machine_arn,
            start_date: summary.started_at.into(),
            stop_date: summary.stopped_at.map(EpochSeconds),
        }
    }
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("executionArn", request.execution_arn, ARN);
    constraints.range("maxResults", request.max_results, PAGE);
    constraints.length("nextToken", request.next_token.as_deref(), 1..=1_024);
    constraints.check()?;
    let found = engine.list_map_runs(&arn, page(request.max_results, request.next_token)).await?;
    let map_runs = found.items.into_iter().map(Item::from).collect();
    Ok(Response { map_runs, next_token: found.next })
}
