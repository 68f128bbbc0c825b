//! What counts in the files of a proof: of every key its last version before the cut-off, unless that is a deletion.
//!
//! Keys that have changed at the source since the cut-off are left out on both sides: the source no longer says what
//! they were. Memory depends on [`KEYS_AT_ONCE`], not on the number of rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use arrow::array::{Array, BooleanArray, RecordBatch, cast::AsArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, TimestampMicrosecondType};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use stepwell_pipeline::HandlerError;
use stepwell_reconcile::{ParquetFiles, Side, key_hashes};

use super::lake::Subject;
use super::proof::Late;
use super::spool::SpoolFile;

/// So many keys are held at once; more of them take more readings.
const KEYS_AT_ONCE: u64 = 1_000_000;

/// When a row came to the lake.
pub const INGESTED_AT: &str = "_ingested_at";
/// Whether a row is a tombstone.
pub const DELETED: &str = "_deleted";
/// When a tombstone was made, and any row of such a source changed.
pub const CHANGED_AT: &str = "_changed_at";

/// From when to when events are compared: `from <= time < cutoff`, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Inclusive; none: from the beginning, rows without a time included.
    pub from: Option<i64>,
    /// Exclusive.
    pub cutoff: i64,
}

/// The files that are compared, and what was learnt from making them.
#[derive(Debug)]
pub struct Settled {
    /// Of the source.
    pub source: ParquetFiles,
    /// Of the lake.
    pub lake: ParquetFiles,
    /// Rows of the lake that came late.
    pub late: Late,
    /// Keys that changed since the cut-off.
    pub moving: usize,
}

/// Makes the files that are compared, in `folder`, from what was read of both sides.
///
/// # Errors
/// [`HandlerError::Retryable`] if a file cannot be read or written.
pub fn settle(
    subject: &Subject,
    span: Span,
    (source, lake): (Vec<PathBuf>, Vec<PathBuf>),
    schemas: (&SchemaRef, &SchemaRef),
    folder: &Path,
) -> Result<Settled, HandlerError> {
    let source = Sheet { subject, span, files: ParquetFiles::new(source, schemas.0.clone()) };
    let lake = Sheet { subject, span, files: ParquetFiles::new(lake, schemas.1.clone()) };
    let moving = source.moving()?;
    let kept = source.kept(&moving)?;
    let source_file = source.write(&kept, folder, "source-current.parquet")?;
    let kept = lake.kept(&moving)?;
    let latecomers = lake.late(&kept)?;
    let lake_file = lake.write(&kept, folder, "lake-current.parquet")?;
    Ok(Settled {
        source: ParquetFiles::new(vec![source_file], schemas.0.clone()),
        lake: ParquetFiles::new(vec![lake_file], schemas.1.clone()),
        late: latecomers,
        moving: moving.len(),
    })
}

/// One bit for every row, in the order of reading.
struct Kept(Vec<u64>);

impl Kept {
    fn set(&mut self, row: u64) {
        let word = (row / 64) as usize;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (row % 64);
    }

    fn has(&self, row: u64) -> bool {
        self.0.get((row / 64) as usize).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    fn mask(&self, first: u64, rows: usize) -> BooleanArray {
        (first..first + rows as u64).map(|row| self.has(row)).collect()
    }
}

/// The version of a key that counts so far.
struct Version {
    time: Option<i64>,
    ingested: Option<i64>,
    row: u64,
    /// No tombstone, and its event is inside the span.
    counts: bool,
}

impl Version {
    /// Later, or the same come earlier to the lake.
    fn replaces(&self, other: &Self) -> bool {
        (self.time, std::cmp::Reverse(self.ingested))
            > (other.time, std::cmp::Reverse(other.ingested))
    }
}

/// One side as it was read.
struct Sheet<'a> {
    subject: &'a Subject,
    span: Span,
    files: ParquetFiles,
}

impl Sheet<'_> {
    /// Goes over all rows with the number of the first one of each batch.
    fn each(
        &self,
        mut see: impl FnMut(u64, &RecordBatch) -> Result<(), HandlerError>,
    ) -> Result<u64, HandlerError> {
        let schema = self.files.schema().map_err(|error| unreadable(&error))?;
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut first = 0;
        for batch in self.files.read(&names, None).map_err(|error| unreadable(&error))? {
            let batch = batch.map_err(|error| unreadable(&error))?;
            see(first, &batch)?;
            first += batch.num_rows() as u64;
        }
        Ok(first)
    }

    fn hashes(&self, batch: &RecordBatch) -> Result<Vec<u64>, HandlerError> {
        key_hashes(batch, &self.subject.key).map_err(|error| unreadable(&error))
    }

    /// The time by which a row is inside the span.
    fn times(&self, batch: &RecordBatch) -> Result<Vec<Option<i64>>, HandlerError> {
        match &self.subject.event_time {
            Some(column) => micros(batch, column),
            None => Ok(vec![None; batch.num_rows()]),
        }
    }

    /// The time by which the last version is told; a tombstone has no event time.
    fn versions(&self, batch: &RecordBatch) -> Result<Vec<Option<i64>>, HandlerError> {
        let times = self.times(batch)?;
        if batch.column_by_name(CHANGED_AT).is_none() {
            return Ok(times);
        }
        let changed = micros(batch, CHANGED_AT)?;
        Ok(changed.into_iter().zip(times).map(|(changed, time)| changed.or(time)).collect())
    }

    /// The hashes of the keys that have a row from the cut-off on.
    fn moving(&self) -> Result<HashSet<u64>, HandlerError> {
        let mut moving = HashSet::new();
        if self.subject.key.is_empty() {
            return Ok(moving);
        }
        self.each(|_, batch| {
            let rows = self.hashes(batch)?.into_iter().zip(self.versions(batch)?);
            let is_moving = |time: Option<i64>| time.is_some_and(|time| time >= self.span.cutoff);
            moving.extend(rows.filter(|(_, time)| is_moving(*time)).map(|(hash, _)| hash));
            Ok(())
        })?;
        Ok(moving)
    }

    fn kept(&self, moving: &HashSet<u64>) -> Result<Kept, HandlerError> {
        let mut kept = Kept(Vec::new());
        if self.subject.key.is_empty() || !self.subject.has_versions {
            self.each(|first, batch| {
                let times = self.times(batch)?;
                let hashes = if moving.is_empty() { Vec::new() } else { self.hashes(batch)? };
                for (row, time) in times.into_iter().enumerate() {
                    let is_moving = hashes.get(row).is_some_and(|hash| moving.contains(hash));
                    if !is_moving && self.span.holds(time) {
                        kept.set(first + row as u64);
                    }
                }
                Ok(())
            })?;
            return Ok(kept);
        }
        let rows = self.each(|_, _| Ok(()))?;
        let rounds = rows.div_ceil(KEYS_AT_ONCE).max(1);
        for round in 0..rounds {
            let mut last: HashMap<u64, Version> = HashMap::new();
            self.each(|first, batch| {
                let hashes = self.hashes(batch)?;
                let (times, events) = (self.versions(batch)?, self.times(batch)?);
                let ingested = micros(batch, INGESTED_AT)?;
                let deleted = batch.column_by_name(DELETED).map(AsArray::as_boolean);
                for (row, hash) in hashes.into_iter().enumerate() {
                    let is_past = times[row].is_none_or(|time| time < self.span.cutoff);
                    if hash % rounds != round || !is_past || moving.contains(&hash) {
                        continue;
                    }
                    let is_deleted = deleted.is_some_and(|it| it.is_valid(row) && it.value(row));
                    let version = Version {
                        time: times[row],
                        ingested: ingested[row],
                        row: first + row as u64,
                        counts: !is_deleted && self.span.holds(events[row]),
                    };
                    match last.get_mut(&hash) {
                        Some(known) if version.replaces(known) => *known = version,
                        Some(_) => {}
                        None => drop(last.insert(hash, version)),
                    }
                }
                Ok(())
            })?;
            let counting = last.into_values().filter(|version| version.counts);
            counting.for_each(|version| kept.set(version.row));
        }
        Ok(kept)
    }

    /// Rows whose time had been read already when they came, by day and by how many days they are late.
    fn late(&self, kept: &Kept) -> Result<Late, HandlerError> {
        let mut late = Late::new();
        let schema = self.files.schema().map_err(|error| unreadable(&error))?;
        if schema.field_with_name(INGESTED_AT).is_err() || self.subject.event_time.is_none() {
            return Ok(late);
        }
        let mut runs = BTreeSet::new();
        self.each(|_, batch| {
            runs.extend(micros(batch, INGESTED_AT)?.into_iter().flatten());
            Ok(())
        })?;
        self.each(|first, batch| {
            let rows = self.times(batch)?.into_iter().zip(micros(batch, INGESTED_AT)?);
            for (row, (time, ingested)) in rows.enumerate() {
                let (Some(time), Some(ingested)) = (time, ingested) else { continue };
                let before = runs.range(..ingested).next_back();
                let days = day_number(ingested) - day_number(time);
                if kept.has(first + row as u64)
                    && before.is_some_and(|before| time < *before)
                    && days > 0
                {
                    let of_day: &mut BTreeMap<_, _> = late.entry(day(time)).or_default();
                    *of_day.entry(days).or_default() += 1;
                }
            }
            Ok(())
        })?;
        Ok(late)
    }

    fn write(&self, kept: &Kept, folder: &Path, name: &str) -> Result<PathBuf, HandlerError> {
        let schema = self.files.schema().map_err(|error| unreadable(&error))?;
        let mut file = SpoolFile::create(folder, name, &schema)?;
        self.each(|first, batch| {
            let mask = kept.mask(first, batch.num_rows());
            let rows = filter_record_batch(batch, &mask).map_err(|error| unreadable(&error))?;
            file.write(&rows)
        })?;
        file.finish()
    }
}

impl Span {
    fn holds(&self, time: Option<i64>) -> bool {
        match time {
            None => self.from.is_none(),
            Some(time) => self.from.is_none_or(|from| from <= time) && time < self.cutoff,
        }
    }
}

/// A column of instants or dates, in microseconds since 1970; NULLs where there is no such column.
fn micros(batch: &RecordBatch, column: &str) -> Result<Vec<Option<i64>>, HandlerError> {
    let Some(array) = batch.column_by_name(column) else {
        return Ok(vec![None; batch.num_rows()]);
    };
    let zone = match array.data_type() {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    let array =
        cast(array, &DataType::Timestamp(TimeUnit::Microsecond, zone)).map_err(|error| {
            HandlerError::Config(format!("the column `{column}` is no time: {error}"))
        })?;
    Ok(array.as_primitive::<TimestampMicrosecondType>().iter().collect())
}

fn day_number(micros: i64) -> i64 {
    micros.div_euclid(86_400_000_000)
}

fn day(micros: i64) -> Option<Date> {
    let moment = Timestamp::from_microsecond(micros).ok()?;
    Some(moment.to_zoned(TimeZone::UTC).date())
}

fn unreadable(error: &dyn std::fmt::Display) -> HandlerError {
    HandlerError::Retryable(format!("a file of the proof cannot be read: {error}"))
}
