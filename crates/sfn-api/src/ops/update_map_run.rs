//! `UpdateMapRun`. Source: API reference, "UpdateMapRun".

use serde::Deserialize;
use stepwell_engine::Handle;
use stepwell_engine::kernel::MapRunChange;

use crate::constraints::{Constraints, LONG_ARN};
use crate::error::ApiError;
use crate::wire::Empty;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    map_run_arn: Option<String>,
    max_concurrency: Option<i64>,
    tolerated_failure_count: Option<i64>,
    tolerated_failure_percentage: Option<f64>,
}

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Empty, ApiError> {
    let mut constraints = Constraints::default();
    let arn = constraints.required("mapRunArn", request.map_run_arn, LONG_ARN);
    constraints.range("maxConcurrency", request.max_concurrency, 0..=i64::from(i32::MAX));
    constraints.range("toleratedFailureCount", request.tolerated_failure_count, 0..=i64::MAX);
    constraints.fraction(
        "toleratedFailurePercentage",
        request.tolerated_failure_percentage,
        0.0..=100.0,
    );
    constraints.check()?;
    let change = MapRunChange {
        max_concurrency: request.max_concurrency.and_then(|it| u32::try_from(it).ok()),
        tolerated_count: request.tolerated_failure_count.and_then(|it| u64::try_from(it).ok()),
        tolerated_percentage: request.tolerated_failure_percentage,
    };
    engine.update_map_run(&arn, change).await?;
    Ok(Empty {})
}
