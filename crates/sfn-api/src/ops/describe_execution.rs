//! `DescribeExecution`. Source: API reference, "DescribeExecution".

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_engine::{ExecutionRecord, Handle, NotRedrivable, Status};

use crate::constraints::{ARN, Constraints};
use crate::error::ApiError;
use crate::wire::{DATA_WANTED, DataDetails, EpochSeconds};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_version_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_machine_alias_arn: Option<String>,
    name: String,
    status: Status,
    start_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<EpochSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_details: Option<DataDetails>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<EpochSeconds>,
    redrive_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_status_reason: Option<String>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("executionArn", request.execution_arn, ARN);
    constraints.one_of("includedData", request.included_data.as_deref(), &DATA_WANTED);
    constraints.check()?;
    let mut response = Response::new(engine.describe_execution(&arn).await?, engine.now());
    if request.included_data.as_deref() == Some("METADATA_ONLY") {
        response.leave_out_data();
    }
    Ok(response)
}

impl Response {
    /// Source: API reference, "DescribeExecution", `includedData`.
    fn leave_out_data(&mut self) {
        (self.input, self.input_details) = (None, None);
        (self.output, self.output_details) = (None, None);
        (self.error, self.cause) = (None, None);
    }
}

impl Response {
    fn new(record: ExecutionRecord, now: Timestamp) -> Self {
        let (redrive_status, redrive_status_reason) = redrive_status(&record, now);
        let summary = record.summary;
        Self {
            redrive_count: summary.redrives,
            redrive_date: summary.redriven_at.map(EpochSeconds),
            redrive_status,
            redrive_status_reason,
            map_run_arn: summary.child_of.map(|(arn, _)| arn),
            execution_arn: summary.arn,
            state_machine_arn: summary.state_machine_arn,
            state_machine_version_arn: summary.version_arn,
            state_machine_alias_arn: summary.alias_arn,
            name: summary.name,
            status: summary.status,
            start_date: summary.started_at.into(),
            stop_date: summary.stopped_at.map(EpochSeconds),
            input: Some(record.input),
            input_details: Some(DataDetails::INCLUDED),
            output_details: record.output.is_some().then_some(DataDetails::INCLUDED),
            output: record.output,
            error: record.error,
            cause: record.cause,
        }
    }
}

/// Whether `RedriveExecution` would be accepted, and why not.
pub(crate) fn redrive_status(
    record: &ExecutionRecord,
    now: Timestamp,
) -> (&'static str, Option<String>) {
    match record.redrivable(now) {
        Ok(()) => ("REDRIVABLE", None),
        Err(NotRedrivable::ChildOfMapRun) => ("REDRIVABLE_BY_MAP_RUN", None),
        Err(reason) => ("NOT_REDRIVABLE", Some(reason.to_string())),
    }
}
