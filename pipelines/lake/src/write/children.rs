//! Arrays of a parent's rows as rows of their own.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute::take;
use jiff::Timestamp;
use serde_json::value::RawValue;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::arrow_schema;
use stepwell_tabular::rows::{Rows, Unknown};

use super::partition::{failed, instant};
use crate::dataset::{Child, Dataset, INDEX, INGESTED_AT};

/// The items of one array column, with the key of their parent and their place in the array.
pub(super) fn rows(
    dataset: &Dataset,
    child: &Child,
    parents: &RecordBatch,
    window_to: Timestamp,
) -> Result<RecordBatch, HandlerError> {
    let columns = dataset.child_columns(child);
    let arrays = parents
        .column_by_name(&child.name)
        .expect("the array is a column of the chunk")
        .as_string::<i32>();
    let mut items = Rows::new(&child.columns, Unknown::Ignore);
    let (mut parent_rows, mut places) = (Vec::new(), Vec::new());
    for row in (0..arrays.len()).filter(|&row| arrays.is_valid(row)) {
        let wrong = |reason: &dyn std::fmt::Display| {
            HandlerError::Data(format!(
                "`{}` of row {row} is no array of objects: {reason}",
                child.name
            ))
        };
        let values: Vec<&RawValue> =
            serde_json::from_str(arrays.value(row)).map_err(|error| wrong(&error))?;
        for (index, value) in values.iter().enumerate() {
            items.json(value.get(), &format!("item {index}"));
            parent_rows.push(row as u32);
            places.push(index as i64);
        }
    }
    let made = items.finish();
    if let Some(rejected) = made.rejected.first() {
        return Err(HandlerError::Data(format!(
            "`{}`, {}: {}; the item is {}",
            child.name, rejected.place, rejected.reason, rejected.record
        )));
    }
    let parent_rows = UInt32Array::from(parent_rows);
    let places: ArrayRef = Arc::new(Int64Array::from(places));
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .map(|column| match column.name.as_str() {
            INDEX => Ok(Arc::clone(&places)),
            INGESTED_AT => Ok(instant(window_to, parent_rows.len())),
            name => match made.rows.column_by_name(name) {
                Some(values) => Ok(Arc::clone(values)),
                None => take(
                    parents.column_by_name(name).expect("a key is a column"),
                    &parent_rows,
                    None,
                )
                .map_err(failed),
            },
        })
        .collect::<Result<_, HandlerError>>()?;
    RecordBatch::try_new(arrow_schema(&columns), arrays).map_err(failed)
}
