//! Which partition each row belongs to.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use std::sync::Arc;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::arrow_schema;

use crate::dataset::{Dataset, INGESTED_AT, Partition, Unit};
use crate::target::{NULL_PARTITION, level};

const HOUR: i64 = 3_600_000_000;

/// The rows of each partition, in their order; the batches as they are without partitions.
pub(crate) fn grouped(
    dataset: &Dataset,
    batches: &[RecordBatch],
) -> Result<Vec<(String, Vec<RecordBatch>)>, HandlerError> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    if dataset.partition_by.is_empty() {
        return Ok(vec![(String::new(), batches.to_vec())]);
    }
    let rows = concat_batches(&first.schema(), batches).map_err(failed)?;
    let levels: Vec<_> =
        dataset.partition_by.iter().map(|by| Level::new(by, &rows)).collect::<Result<_, _>>()?;
    let mut groups: BTreeMap<Vec<Value<'_>>, Vec<u32>> = BTreeMap::new();
    let mut last: Option<(Vec<Value<'_>>, Vec<u32>)> = None;
    for row in 0..rows.num_rows() {
        // Rows of one partition mostly lie together.
        match &mut last {
            Some((values, indices))
                if levels.iter().zip(&*values).all(|(level, value)| level.value(row) == *value) =>
            {
                indices.push(row as u32);
            }
            _ => {
                let values: Vec<_> = levels.iter().map(|level| level.value(row)).collect();
                if let Some((values, indices)) = last.take() {
                    groups.insert(values, indices);
                }
                let mut indices = groups.remove(&values).unwrap_or_default();
                indices.push(row as u32);
                last = Some((values, indices));
            }
        }
    }
    groups.extend(last);
    let names = |values: &[Value<'_>]| {
        let named = dataset.partition_by.iter().zip(values).map(|(by, value)| name(by, value));
        named.collect::<Vec<_>>().join("/")
    };
    if let [(values, _)] = groups.iter().collect::<Vec<_>>()[..] {
        return Ok(vec![(names(values), vec![rows.clone()])]);
    }
    let mut found: Vec<(String, Vec<RecordBatch>)> = groups
        .into_iter()
        .map(|(values, indices)| {
            let taken = take_record_batch(&rows, &UInt32Array::from(indices)).map_err(failed)?;
            Ok((names(&values), vec![taken]))
        })
        .collect::<Result<_, HandlerError>>()?;
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// The rows as they are published: without what stands in the path, with the time of the window in a log.
pub(super) fn published(
    dataset: &Dataset,
    rows: &RecordBatch,
    window_to: Timestamp,
) -> Result<RecordBatch, HandlerError> {
    let columns = dataset.file_columns();
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .map(|column| {
            if column.name == INGESTED_AT {
                return Ok(instant(window_to, rows.num_rows()));
            }
            rows.column_by_name(&column.name).cloned().ok_or_else(|| {
                HandlerError::Fatal(format!(
                    "a chunk of `{}` has no column `{}`",
                    dataset.name, column.name
                ))
            })
        })
        .collect::<Result<_, HandlerError>>()?;
    RecordBatch::try_new(arrow_schema(&columns), arrays).map_err(failed)
}

/// The same instant in every row.
pub(super) fn instant(at: Timestamp, rows: usize) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_value(at.as_microsecond(), rows).with_timezone("UTC"))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn failed(error: arrow::error::ArrowError) -> HandlerError {
    HandlerError::Fatal(format!("rows cannot be sorted into partitions: {error}"))
}

/// One level of partitions over all rows.
enum Level {
    /// Hours since 1970, of the unit's beginning.
    Time(TimestampMicrosecondArray, Unit),
    Text(ArrayRef),
}

/// What a row has on one level.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Value<'a> {
    Null,
    Time(i64),
    Text(&'a str),
}

impl Level {
    fn new(by: &Partition, rows: &RecordBatch) -> Result<Self, HandlerError> {
        let column = rows.column_by_name(&by.column).expect("partitions are by columns");
        match by.unit {
            Some(unit) => {
                let times = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None))
                    .map_err(failed)?;
                Ok(Self::Time(times.as_primitive::<TimestampMicrosecondType>().clone(), unit))
            }
            None => Ok(Self::Text(cast(column, &DataType::Utf8).map_err(failed)?)),
        }
    }

    fn value(&self, row: usize) -> Value<'_> {
        match self {
            Self::Time(times, _) if times.is_null(row) => Value::Null,
            Self::Time(times, unit) => Value::Time(start_hours(times.value(row), *unit)),
            Self::Text(texts) if texts.is_null(row) => Value::Null,
            Self::Text(texts) => match texts.as_string::<i32>().value(row) {
                // All of them are one folder.
                "" | NULL_PARTITION => Value::Null,
                text => Value::Text(text),
            },
        }
    }
}

/// The beginning of the unit that an instant is in, in hours since 1970.
fn start_hours(micros: i64, unit: Unit) -> i64 {
    let hours = micros.div_euclid(HOUR);
    match unit {
        Unit::Hour => hours,
        Unit::Day => hours.div_euclid(24) * 24,
        Unit::Month => {
            let first = date_of(hours).first_of_month();
            hours_of(first)
        }
    }
}

fn date_of(hours: i64) -> Date {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.saturating_add(hours.div_euclid(24).days())
}

fn hours_of(date: Date) -> i64 {
    let since = date.duration_since(jiff::civil::date(1970, 1, 1));
    since.as_hours()
}

fn name(by: &Partition, value: &Value<'_>) -> String {
    match value {
        Value::Null => level(&by.name, None),
        Value::Text(text) => level(&by.name, Some(text)),
        Value::Time(hours) => {
            level(&by.name, Some(&shown(*hours, by.unit.expect("times have a unit"))))
        }
    }
}

fn shown(hours: i64, unit: Unit) -> String {
    let date = date_of(hours);
    match unit {
        Unit::Month => format!("{:04}-{:02}", date.year(), date.month()),
        Unit::Day => date.to_string(),
        Unit::Hour => format!("{date}-{:02}", hours.rem_euclid(24)),
    }
}

/// The names that the units between two instants have on their level, and the beginning of the first.
pub(crate) fn bounds(from: Timestamp, to: Timestamp, unit: Unit) -> (Timestamp, Vec<String>) {
    let first = start_hours(from.as_microsecond(), unit);
    let end = to.as_microsecond();
    let mut names = Vec::new();
    let mut at = first;
    while at * HOUR < end {
        names.push(shown(at, unit));
        at = match unit {
            Unit::Hour => at + 1,
            Unit::Day => at + 24,
            Unit::Month => hours_of(date_of(at).saturating_add(1.month())),
        };
    }
    let start = Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_hours(first));
    (start.unwrap_or(from), names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_between_two_instants() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (from, names) =
            bounds(at("2026-02-27T10:00:00Z"), at("2026-03-02T00:00:00Z"), Unit::Day);
        assert_eq!(from, at("2026-02-27T00:00:00Z"));
        assert_eq!(names, ["2026-02-27", "2026-02-28", "2026-03-01"]);
        let (from, names) =
            bounds(at("2025-12-31T10:00:00Z"), at("2026-02-01T00:00:01Z"), Unit::Month);
        assert_eq!(from, at("2025-12-01T00:00:00Z"));
        assert_eq!(names, ["2025-12", "2026-01", "2026-02"]);
        let (_, names) = bounds(at("1969-12-31T22:30:00Z"), at("1970-01-01T00:00:00Z"), Unit::Hour);
        assert_eq!(names, ["1969-12-31-22", "1969-12-31-23"]);
    }
}
