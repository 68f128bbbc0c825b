//! `ListExecutions`. Source: API reference, "ListExecutions".

use serde::{Deserialize, Serialize};
use stepwell_engine::{ExecutionFilter, ExecutionSummary, Handle, Status};

use crate::error::ApiError;
use crate::wire::{EpochSeconds, page, required};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    state_machine_arn: Option<String>,
    map_run_arn: Option<String>,
    redrive_filter: Option<String>,
    status_filter: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    executions: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    execution_arn: String,
    state_machine_arn: String,
    name: String,
    status: Status,
    start_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<EpochSeconds>,
    redrive_count: u32,
}

impl From<ExecutionSummary> for Item {
    fn from(summary: ExecutionSummary) -> Self {
        Self {
            execution_arn: summary.arn,
            state_machine_arn: summary.state_machine_arn,
            name: summary.name,
            status: summary.status,
            start_date: summary.started_at.into(),
            stop_date: summary.stopped_at.map(EpochSeconds),
            redrive_count: 0,
        }
    }
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    if request.map_run_arn.is_some() {
        return Err(ApiError::unsupported_member("mapRunArn"));
    }
    if request.redrive_filter.is_some() {
        return Err(ApiError::unsupported_member("redriveFilter"));
    }
    let filter = ExecutionFilter {
        state_machine_arn: Some(required(request.state_machine_arn, "stateMachineArn")?),
        status: request.status_filter.map(|text| status(&text)).transpose()?,
    };
    let found =
        engine.list_executions(filter, page(request.max_results, request.next_token)?).await?;
    Ok(Response {
        executions: found.items.into_iter().map(Item::from).collect(),
        next_token: found.next,
    })
}

fn status(text: &str) -> Result<Status, ApiError> {
    text.parse().map_err(|_| {
        ApiError::constraint(
            &format!("'{text}'"),
            "statusFilter",
            "satisfy enum value set: [SUCCEEDED, TIMED_OUT, PENDING_REDRIVE, ABORTED, FAILED, RUNNING]",
        )
    })
}
