//! `ListExecutions`. Source: API reference, "ListExecutions".

use serde::{Deserialize, Serialize};
use stepwell_engine::{ExecutionFilter, ExecutionSummary, Handle, Status};

use crate::constraints::{ARN, Constraints, LONG_ARN};
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
    executions: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_count: Option<u64>,
}

impl Listed {
    /// The Map run is shown where the request names it.
    fn new(summary: ExecutionSummary, is_of_map_run: bool) -> Self {
        let (map_run_arn, item_count) = summary.child_of.filter(|_| is_of_map_run).unzip();
        Self {
            map_run_arn,
            item_count,
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
    let mut constraints = Constraints::default();
    constraints.length("mapRunArn", request.map_run_arn.as_deref(), LONG_ARN);
    let state_machine_arn = match &request.map_run_arn {
        None => Some(constraints.required("stateMachineArn", request.state_machine_arn, ARN)),
        Some(_) => request.state_machine_arn,
    };
    let redriven = ["REDRIVEN", "NOT_REDRIVEN"];
    constraints.one_of("redriveFilter", request.redrive_filter.as_deref(), &redriven);
    constraints.one_of("statusFilter", request.status_filter.as_deref(), &STATUSES);
    constraints.range("maxResults", request.max_results, PAGE);
    constraints.length("nextToken", request.next_token.as_deref(), 1..=3_096);
    constraints.check()?;
    let page = page(request.max_results, request.next_token);
    let status = request.status_filter.map(|text| text.parse()).transpose().map_err(|_| {
        ApiError::validation("the status PENDING_REDRIVE is one of the executions of a Map run")
    })?;
    if state_machine_arn.is_some() && request.map_run_arn.is_some() {
        return Err(ApiError::validation(
            "Provide a State Machine ARN or Map Run ARN, but not both.",
        ));
    }
    let is_of_map_run = request.map_run_arn.is_some();
    let filter = ExecutionFilter { state_machine_arn, map_run_arn: request.map_run_arn, status };
    let found = engine.list_executions(filter, page).await?;
    if request.redrive_filter.as_deref() == Some("REDRIVEN") {
        // Nothing is redriven here, but what is named must exist all the same.
        return Ok(Response { executions: Vec::new(), next_token: None });
    }
    Ok(Response {
        executions: found.items.into_iter().map(|it| Listed::new(it, is_of_map_run)).collect(),
        next_token: found.next,
    })
}

/// The statuses of the service model.
const STATUSES: [&str; 6] =
    ["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"];
