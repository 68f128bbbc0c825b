//! Groups: the day and the partition that a row is counted in.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use jiff::ToSpan;
use jiff::civil::Date;
use xxhash_rust::xxh3::xxh3_64;

use crate::SideError;
use crate::rule::{Each, Precision, Rule, unpacked};
use crate::value::{Value, chain, mix};

/// A day and a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// The day (UTC); none where the row has none, or none is compared.
    pub day: Option<Date>,
    /// The values of the partition columns, as texts.
    pub partition: Vec<Option<String>>,
}

impl Group {
    fn hash(&self, day: i32) -> u64 {
        let text = |value: &Option<String>| value.as_ref().map_or(1, |it| xxh3_64(it.as_bytes()));
        self.partition.iter().map(text).fold(mix(day as u64), chain)
    }
}

/// Groups whose numbers are remembered for the next rows.
const RECENT: usize = 64;

/// The day of a row without one.
const NO_DAY: i32 = i32::MIN;

/// The groups that were seen on one side, numbered.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    numbers: HashMap<(i32, u32), u32>,
    partitions: HashMap<Vec<Option<String>>, u32>,
    pub(crate) seen: Vec<Group>,
    /// Of each, what makes a row of another group another row.
    pub(crate) hashes: Vec<u64>,
}

impl Groups {
    /// The number of the group of every row; `batch` has the columns of the plan.
    pub(crate) fn of_rows(
        &mut self,
        batch: &RecordBatch,
        day: Option<usize>,
        partition: &[usize],
    ) -> Result<Vec<u32>, SideError> {
        let days = match day {
            Some(place) => days(batch.column(place))?,
            None => vec![NO_DAY; batch.num_rows()],
        };
        let columns: Vec<_> = partition.iter().map(|place| batch.column(*place)).collect();
        let partitions = self.partitions(&columns, batch.num_rows())?;
        // Rows of few groups come in any order, and each asks.
        let mut recent = [None; RECENT];
        let number = |(day, partition): (i32, u32)| {
            let slot = &mut recent[(day as usize ^ partition as usize) % RECENT];
            match *slot {
                Some((known, number)) if known == (day, partition) => number,
                _ => {
                    let number = self.number(day, partition);
                    *slot = Some(((day, partition), number));
                    number
                }
            }
        };
        Ok(days.into_iter().zip(partitions).map(number).collect())
    }

    fn number(&mut self, day: i32, partition: u32) -> u32 {
        *self.numbers.entry((day, partition)).or_insert_with(|| {
            let values = self.partitions.iter().find(|(_, number)| **number == partition);
            let group = Group {
                day: (day != NO_DAY).then(|| date(day)),
                partition: values.map(|(values, _)| values.clone()).unwrap_or_default(),
            };
            self.hashes.push(group.hash(day));
            self.seen.push(group);
            self.seen.len() as u32 - 1
        })
    }

    /// The number of the partition of every row.
    fn partitions(&mut self, columns: &[&ArrayRef], rows: usize) -> Result<Vec<u32>, SideError> {
        if columns.is_empty() {
            return Ok(vec![0; rows]);
        }
        let options = FormatOptions::default();
        let formats: Result<Vec<_>, _> =
            columns.iter().map(|column| ArrayFormatter::try_new(column, &options)).collect();
        let formats = formats?;
        let mut numbers = Vec::with_capacity(rows);
        for row in 0..rows {
            let cells = columns.iter().zip(&formats);
            let text = |(column, format): (&&ArrayRef, &ArrayFormatter<'_>)| {
                (!column.is_null(row)).then(|| format.value(row).to_string())
            };
            let values: Vec<_> = cells.map(text).collect();
            let next = self.partitions.len() as u32;
            numbers.push(*self.partitions.entry(values).or_insert(next));
        }
        Ok(numbers)
    }
}

/// The day of every row, counted from 1970.
fn days(array: &ArrayRef) -> Result<Vec<i32>, SideError> {
    let array = match array.data_type() {
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _) => array.clone(),
        _ => arrow::compute::cast(&unpacked(array), &DataType::Date32)?,
    };
    let mut days = Days(Vec::with_capacity(array.len()));
    Rule::Time { precision: Precision::Day }.show(&array, &mut days);
    Ok(days.0)
}

/// Takes days down.
struct Days(Vec<i32>);

impl Each for &mut Days {
    fn value(&mut self, _row: usize, _value: Value<'_>) {
        self.0.push(NO_DAY);
    }

    #[inline]
    fn small(&mut self, _row: usize, day: i64) {
        self.0.push(i32::try_from(day).unwrap_or(NO_DAY));
    }
}

fn date(day: i32) -> Date {
    let epoch = Date::constant(1970, 1, 1);
    let nearest = if day < 0 { Date::MIN } else { Date::MAX };
    let span = i64::from(day).clamp(-5_000_000, 5_000_000).days();
    epoch.checked_add(span).unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, StringArray, StringViewArray, TimestampMillisecondArray};

    use super::*;

    #[test]
    fn a_day_is_read_from_dates_instants_and_texts() {
        let date: ArrayRef = Arc::new(Date32Array::from(vec![Some(20_513), None]));
        let instant = TimestampMillisecondArray::from(vec![Some(20_513 * 86_400_000 + 5), None]);
        let text = StringArray::from(vec![Some("2026-03-01"), None]);
        let view = StringViewArray::from(vec![Some("2026-03-01"), None]);
        let all: [ArrayRef; 4] = [date, Arc::new(instant), Arc::new(text), Arc::new(view)];
        for array in all {
            assert_eq!(days(&array).unwrap(), [20_513, NO_DAY], "{}", array.data_type());
        }
    }

    #[test]
    fn days_beyond_the_calendar_are_its_ends() {
        assert_eq!(date(20_513), Date::constant(2026, 3, 1));
        assert_eq!(date(i32::MAX), Date::MAX);
    }
}
