//! What is compared: of both sides the rows that count before the cut-off.
//!
//! Keys that have changed at the source since the cut-off are left out on both sides: the source no longer says what
//! they were.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use stepwell_pipeline::HandlerError;
use stepwell_reconcile::{Group, ParquetFiles, Side};

use super::lake::Against;
use super::proof::Late;
use super::sheet::{KEYS_AT_ONCE, Kept, Keys, Sheet, events, micros, unreadable};
use crate::dataset::INGESTED_AT;

/// The files that are compared, and what was learnt from making them.
#[derive(Debug)]
pub(super) struct Settled {
    /// Of the source.
    pub(super) source: ParquetFiles,
    /// Of the lake.
    pub(super) lake: ParquetFiles,
    /// The rows of the lake that are compared, by their place in what was read.
    pub(super) kept: Kept,
    /// Rows of the lake that came late.
    pub(super) late: Late,
    /// Keys that changed since the cut-off.
    pub(super) moving: u64,
}

/// Makes the files that are compared, in `folder`, from what was read of both sides.
///
/// # Errors
/// [`HandlerError::Retryable`] if a file cannot be read or written.
pub(super) fn settle(
    source: &Sheet<'_>,
    lake: &Sheet<'_>,
    folder: &Path,
) -> Result<Settled, HandlerError> {
    let (of_source, kept, moving) = kept(source, lake)?;
    let written = |sheet: &Sheet<'_>, kept: &Kept, name: &str| -> Result<_, HandlerError> {
        let schema = sheet.files.schema().map_err(|error| unreadable(&error))?;
        Ok(ParquetFiles::new(vec![sheet.write(kept, folder, name)?], schema))
    };
    Ok(Settled {
        source: written(source, &of_source, "source-current.parquet")?,
        lake: written(lake, &kept, "lake-current.parquet")?,
        late: late_rows(lake, &kept)?,
        kept,
        moving,
    })
}

/// The rows of both sides that are compared, and the number of keys that changed since the cut-off.
fn kept(source: &Sheet<'_>, lake: &Sheet<'_>) -> Result<(Kept, Kept, u64), HandlerError> {
    let keys_max = source.keys_max()?.max(lake.keys_max()?);
    let rounds = keys_max.div_ceil(KEYS_AT_ONCE).max(1);
    let (mut of_source, mut of_lake, mut moved) = (Kept::default(), Kept::default(), 0);
    for round in (0..rounds).map(|round| (round, rounds)) {
        let moving = source.moving(round)?;
        let told = told(source, round)?;
        let keys = Keys { round, moving: Some(&moving), told: told.as_ref() };
        source.keep(&mut of_source, keys)?;
        lake.keep(&mut of_lake, keys)?;
        moved += moving.len() as u64;
    }
    Ok((of_source, of_lake, moved))
}

/// The keys that the source speaks of, where it does not speak of all.
fn told(source: &Sheet<'_>, round: (u64, u64)) -> Result<Option<HashSet<u64>>, HandlerError> {
    match source.subject.against {
        Against::Inbox => source.keys(round).map(Some),
        Against::Source | Against::Arrivals | Against::Scan | Against::Export => Ok(None),
    }
}

/// Rows whose time had been read already when they came, by day and partition, and by how many days they are late.
fn late_rows(lake: &Sheet<'_>, kept: &Kept) -> Result<Late, HandlerError> {
    let mut found = Late::new();
    let schema = lake.files.schema().map_err(|error| unreadable(&error))?;
    if schema.field_with_name(INGESTED_AT).is_err() || lake.subject.event_time.is_none() {
        return Ok(found);
    }
    let runs = runs(lake)?;
    lake.each(|first, batch| {
        let (events, ingested) = (events(lake.subject, batch)?, micros(batch, INGESTED_AT)?);
        for row in (0..batch.num_rows()).filter(|row| kept.has(first + *row as u64)) {
            let came = kept.first_come(first + row as u64).or(ingested[row]);
            let Some((event, days)) = events[row].zip(came).and_then(|it| lateness(&runs, it))
            else {
                continue;
            };
            let group = Group { day: day(event), partition: partition(lake, batch, row)? };
            *found.entry(group).or_default().entry(days).or_default() += 1;
        }
        Ok(())
    })?;
    Ok(found)
}

/// The ends of the windows that the rows came in.
fn runs(lake: &Sheet<'_>) -> Result<BTreeSet<i64>, HandlerError> {
    let mut runs = BTreeSet::new();
    lake.each(|_, batch| {
        runs.extend(micros(batch, INGESTED_AT)?.into_iter().flatten());
        Ok(())
    })?;
    Ok(runs)
}

/// The event and by how many days it came late; none if it did not.
fn lateness(runs: &BTreeSet<i64>, (event, came): (i64, i64)) -> Option<(i64, i64)> {
    let before = runs.range(..came).next_back()?;
    let days = came.div_euclid(MICROS_OF_DAY) - event.div_euclid(MICROS_OF_DAY);
    (event < *before && days > 0).then_some((event, days))
}

const MICROS_OF_DAY: i64 = 86_400_000_000;

fn day(micros: i64) -> Option<Date> {
    let moment = Timestamp::from_microsecond(micros).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).date())
}

/// The values of the partition columns, as the comparison groups by them.
fn partition(
    lake: &Sheet<'_>,
    batch: &RecordBatch,
    row: usize,
) -> Result<Vec<Option<String>>, HandlerError> {
    let text = |array: &ArrayRef| -> Result<Option<String>, HandlerError> {
        let options = FormatOptions::default();
        let format =
            ArrayFormatter::try_new(array, &options).map_err(|error| unreadable(&error))?;
        Ok((!array.is_null(row)).then(|| format.value(row).to_string()))
    };
    let columns = lake.subject.partition.iter().filter_map(|name| batch.column_by_name(name));
    columns.map(text).collect()
}
