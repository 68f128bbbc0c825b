//! `DescribeMapRun`. Source: API reference, "DescribeMapRun". As recorded before there were redrives, what tells of them is
//! left out as long as there is none.

use serde::{Deserialize, Serialize};
use stepwell_engine::store::Counts;
use stepwell_engine::{Handle, MapRunRecord, Status};

use crate::constraints::{Constraints, LONG_ARN};
use crate::error::ApiError;
use crate::wire::EpochSeconds;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    map_run_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    map_run_arn: String,
    execution_arn: String,
    status: Status,
    start_date: EpochSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<EpochSeconds>,
    max_concurrency: u32,
    tolerated_failure_percentage: f64,
    tolerated_failure_count: u64,
    item_counts: WireCounts,
    execution_counts: WireCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_date: Option<EpochSeconds>,
}

/// `{"pending": 0, "running": 1, "succeeded": 2, ...}`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireCounts {
    pending: u64,
    running: u64,
    succeeded: u64,
    failed: u64,
    timed_out: u64,
    aborted: u64,
    total: u64,
    results_written: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending_redrive: Option<u64>,
}

impl WireCounts {
    /// As recorded, results count as written wherever they go.
    fn new(counts: Counts, pending: u64, status: Status) -> Self {
        let is_written = status == Status::Succeeded;
        Self {
            pending,
            running: counts.running,
            succeeded: counts.succeeded,
            failed: counts.failed,
            timed_out: counts.timed_out,
            aborted: counts.aborted,
            pending_redrive: (counts.pending_redrive > 0).then_some(counts.pending_redrive),
            total: counts.total() + pending,
            results_written: if is_written { counts.total() } else { 0 },
        }
    }
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("mapRunArn", request.map_run_arn, LONG_ARN);
    constraints.check()?;
    Ok(engine.describe_map_run(&arn).await?.into())
}

impl From<MapRunRecord> for Response {
    fn from(record: MapRunRecord) -> Self {
        let MapRunRecord { summary, status, items_pending, .. } = record;
        Self {
            map_run_arn: summary.arn,
            execution_arn: summary.execution_arn,
            status,
            start_date: summary.started_at.into(),
            stop_date: summary.stopped_at.map(EpochSeconds),
            redrive_count: (record.redrives > 0).then_some(record.redrives),
            redrive_date: record.redriven_at.map(EpochSeconds),
            max_concurrency: record.max_concurrency,
            tolerated_failure_percentage: record.tolerated_percentage,
            tolerated_failure_count: record.tolerated_count,
            item_counts: WireCounts::new(record.items, items_pending, status),
            execution_counts: WireCounts::new(record.executions, 0, status),
        }
    }
}
