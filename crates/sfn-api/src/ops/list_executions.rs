//! `ListExecutions`. Source: API reference, "ListExecutions".

use serde::{Deserialize, Serialize};
use stepwell_engine::{ExecutionFilter, ExecutionSummary, Handle, Status};

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::{EpochSeconds, PAGE, page};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<String>,
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
            state_machine_version_arn: summary.version_arn,
            state_machine_alias_arn: summary.alias_arn,
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
    let mut constraints = Constraints::default();
    let arn = constraints.required("stateMachineArn", request.state_machine_arn, ARN);
    let redriven = ["REDRIVEN", "NOT_REDRIVEN"];
    constraints.one_of("redriveFilter", request.redrive_filter.as_deref(), &redriven);
    constraints.one_of("statusFilter", request.status_filter.as_deref(), &STATUSES);
    constraints.range("maxResults", request.max_results, PAGE);
    constraints.length("nextToken", request.next_token.as_deref(), 1..=3_096);
    constraints.check()?;
    if request.redrive_filter.as_deref() == Some("REDRIVEN") {
        // Nothing is redriven here, but the state machine must exist all the same.
        engine.describe_state_machine(&arn).await?;
        return Ok(Response { executions: Vec::new(), next_token: None });
    }
    let page = page(request.max_results, request.next_token);
    let status = request.status_filter.map(|text| text.parse()).transpose().map_err(|_| {
        ApiError::validation("the status PENDING_REDRIVE is one of the executions of a Map run")
    })?;
    let filter = ExecutionFilter { state_machine_arn: Some(arn), status };
    let found = engine.list_executions(filter, page).await?;
    Ok(Response {
        executions: found.items.into_iter().map(Item::from).collect(),
        next_token: found.next,
    })
}

/// The statuses of the service model.
const STATUSES: [&str; 6] =
    ["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"];
