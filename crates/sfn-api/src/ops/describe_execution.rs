//! `DescribeExecution`. Source: API reference, "DescribeExecution".

use serde::{Deserialize, Serialize};
use stepwell_engine::{ExecutionRecord, Handle, Status};

use crate::constraints::arn;
use crate::error::ApiError;
use crate::wire::{DataDetails, EpochSeconds};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    execution_arn: Option<String>,
    included_data: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    execution_arn: String,
    state_machine_arn: String,
    name: String,
    status: Status,
    start_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<EpochSeconds>,
    input: String,
    input_details: DataDetails,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_details: Option<DataDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    map_run_arn: Option<String>,
    redrive_count: u32,
    redrive_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_status_reason: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    if request.included_data.is_some_and(|data| data != "ALL_DATA") {
        return Err(ApiError::unsupported_member("includedData"));
    }
    let arn = arn("executionArn", request.execution_arn)?;
    Ok(engine.describe_execution(&arn).await?.into())
}

impl From<ExecutionRecord> for Response {
    fn from(record: ExecutionRecord) -> Self {
        let summary = record.summary;
        Self {
            redrive_status: if is_redrivable(summary.status) {
                "REDRIVABLE"
            } else {
                "NOT_REDRIVABLE"
            },
            redrive_status_reason: redrive_status_reason(summary.status),
            map_run_arn: summary.child_of.map(|(arn, _)| arn),
            execution_arn: summary.arn,
            state_machine_arn: summary.state_machine_arn,
            name: summary.name,
            status: summary.status,
            start_date: summary.started_at.into(),
            stop_date: summary.stopped_at.map(EpochSeconds),
            input: record.input,
            input_details: DataDetails::INCLUDED,
            output_details: record.output.is_some().then_some(DataDetails::INCLUDED),
            output: record.output,
            error: record.error,
            cause: record.cause,
            redrive_count: 0,
        }
    }
}

/// What AWS says of such an execution; that `RedriveExecution` is not there yet is told by that operation.
fn is_redrivable(status: Status) -> bool {
    match status {
        Status::Running | Status::Succeeded => false,
        Status::Failed | Status::TimedOut | Status::Aborted => true,
    }
}

fn redrive_status_reason(status: Status) -> Option<String> {
    (!is_redrivable(status)).then(|| format!("Execution is {status} and cannot be redriven"))
}
