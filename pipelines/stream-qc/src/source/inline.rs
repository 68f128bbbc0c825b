//! Points that stand in the input.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, TimestampNanosecondArray};
use stepwell_pipeline::HandlerError;

use crate::input::Point;
use crate::series::Columns;

pub(super) fn batch(points: &[Point], columns: &Columns) -> Result<RecordBatch, HandlerError> {
    let nanoseconds = |point: &Point| i64::try_from(point.time.as_nanosecond()).ok();
    let times: TimestampNanosecondArray = points.iter().map(nanoseconds).collect();
    let values: Float64Array = points.iter().map(|point| point.value).collect();
    let arrays: [(&str, ArrayRef, bool); 2] = [
        (&columns.time, Arc::new(times.with_timezone("UTC")), true),
        (&columns.value, Arc::new(values), true),
    ];
    RecordBatch::try_from_iter_with_nullable(arrays)
        .map_err(|error| HandlerError::Config(format!("`Data.inline`: {error}")))
}
