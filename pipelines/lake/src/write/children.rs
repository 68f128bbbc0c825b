//! Arrays of a parent's rows as rows of their own. A record whose array has an item that fits no row is rejected whole.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use arrow::compute::{filter_record_batch, take};
use jiff::Timestamp;
use serde_json::value::RawValue;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::rows::{Rows, Unknown};
use stepwell_tabular::{Column, Rejected, arrow_schema};

use super::partition::{failed, instant};
use crate::dataset::{Child, Dataset, INDEX, INGESTED_AT};
use crate::source::Chunk;

/// The rows of a chunk whose arrays become rows of their own; the others are rejected.
pub(crate) fn checked(dataset: &Dataset, chunk: Chunk) -> Result<Chunk, HandlerError> {
    let mut reasons = vec![None; chunk.rows.num_rows()];
    for child in &dataset.children {
        let arrays = arrays(child, &chunk.rows);
        let mut items = Rows::new(&child.columns, Unknown::Ignore);
        for (row, reason) in reasons.iter_mut().enumerate().filter(|(row, _)| arrays.is_valid(*row))
        {
            *reason = reason.take().or_else(|| problem(child, arrays.value(row), &mut items));
        }
    }
    if reasons.iter().all(Option::is_none) {
        return Ok(chunk);
    }
    let is_kept: BooleanArray = reasons.iter().map(|reason| Some(reason.is_none())).collect();
    let rows = filter_record_batch(&chunk.rows, &is_kept).map_err(failed)?;
    let wrong = reasons.into_iter().enumerate().filter_map(|(row, reason)| Some((row, reason?)));
    let mut rejected = chunk.rejected;
    for (row, reason) in wrong {
        let record = as_json(&chunk.rows.slice(row, 1))?;
        rejected.push(Rejected {
            place: format!("a record of `{}`", dataset.name),
            reason,
            record,
        });
    }
    Ok(Chunk { rows, rejected, ..chunk })
}

/// Why an array does not become rows.
fn problem(child: &Child, array: &str, items: &mut Rows) -> Option<String> {
    let name = &child.name;
    let values: Vec<&RawValue> = match serde_json::from_str(array) {
        Ok(values) => values,
        Err(error) => return Some(format!("`{name}` is no array: {error}")),
    };
    for (index, value) in values.iter().enumerate() {
        items.json(value.get(), &format_args!("item {index}"));
    }
    let rejected = items.finish().rejected.into_iter().next()?;
    Some(format!("`{name}`, {}: {}", rejected.place, rejected.reason))
}

fn as_json(row: &RecordBatch) -> Result<String, HandlerError> {
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write(row).and_then(|()| writer.finish()).map_err(failed)?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).trim_end().to_owned())
}

fn arrays<'r>(child: &Child, rows: &'r RecordBatch) -> &'r StringArray {
    let column = rows.column_by_name(&child.name);
    column.expect("the array is a column of the chunk").as_string::<i32>()
}

/// The items of one array column as rows with these columns: the key of their parent, their place in the array, what an
/// item has, and what tells versions apart. `ingested_at` is when they come to the lake.
///
/// # Errors
/// [`HandlerError::Data`] if an array is none, or an item fits no row.
pub(crate) fn items(
    columns: &[Column],
    child: &Child,
    parents: &RecordBatch,
    ingested_at: Option<Timestamp>,
) -> Result<RecordBatch, HandlerError> {
    let arrays = arrays(child, parents);
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
        .map(|column| match (column.name.as_str(), ingested_at) {
            (INDEX, _) => Ok(Arc::clone(&places)),
            (INGESTED_AT, Some(moment)) => Ok(instant(moment, parent_rows.len())),
            (name, _) => match made.rows.column_by_name(name) {
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
    RecordBatch::try_new(arrow_schema(columns), arrays).map_err(failed)
}
