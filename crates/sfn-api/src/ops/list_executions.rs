//! `ListExecutions`. Source: API reference, "ListExecutions".

use serde::{Deserialize, Serialize};
use stepwell_engine::{ExecutionFilter, ExecutionSummary, Handle};

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
    status: &'static str,
    start_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<EpochSeconds>,
    redrive_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<EpochSeconds>,
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
            status: if summary.is_pending_redrive {
                PENDING_REDRIVE
            } else {
                summary.status.as_str()
            },
            start_date: summary.started_at.into(),
            stop_date: summary.stopped_at.map(EpochSeconds),
            redrive_count: summary.redrives,
            redrive_date: summary.redriven_at.map(EpochSeconds),
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
    let redrive_filter = request.redrive_filter.as_deref();
    constraints.one_of("redriveFilter", redrive_filter, &[REDRIVEN, "NOT_REDRIVEN"]);
    constraints.one_of("statusFilter", request.status_filter.as_deref(), &STATUSES);
    constraints.range("maxResults", request.max_results, PAGE);
    constraints.length("nextToken", request.next_token.as_deref(), 1..=3_096);
    constraints.check()?;
    let page = page(request.max_results, request.next_token);
    let pending_redrive = request.status_filter.as_deref() == Some(PENDING_REDRIVE);
    if pending_redrive && request.map_run_arn.is_none() {
        return Err(ApiError::validation(
            "the status PENDING_REDRIVE is one of the executions of a Map run",
        ));
    }
    // What is none of the others was found to be PENDING_REDRIVE.
    let status = request.status_filter.and_then(|text| text.parse().ok());
    if state_machine_arn.is_some() && request.map_run_arn.is_some() {
        return Err(ApiError::validation(
            "Provide a State Machine ARN or Map Run ARN, but not both.",
        ));
    }
    let is_of_map_run = request.map_run_arn.is_some();
    let filter = ExecutionFilter {
        state_machine_arn,
        map_run_arn: request.map_run_arn,
        status,
        redriven: request.redrive_filter.map(|filter| filter == REDRIVEN),
        pending_redrive,
    };
    let found = engine.list_executions(filter, page).await?;
    Ok(Response {
        executions: found.items.into_iter().map(|it| Listed::new(it, is_of_map_run)).collect(),
        next_token: found.next,
    })
}

/// Of a child that the redrive of its Map run has yet to come to.
const PENDING_REDRIVE: &str = "PENDING_REDRIVE";

/// What `redriveFilter` leaves.
const REDRIVEN: &str = "REDRIVEN";

/// The statuses of the service model.
const STATUSES: [&str; 6] =
    ["SUCCEEDED", "TIMED_OUT", PENDING_REDRIVE, "ABORTED", "FAILED", "RUNNING"];
