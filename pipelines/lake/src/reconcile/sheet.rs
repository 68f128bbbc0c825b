//! One side as it was read, and which of its rows count.
//!
//! Of every key the last version inside the span counts, unless that is a deletion. Memory depends on
//! [`KEYS_AT_ONCE`], not on the number of rows.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use arrow::array::{Array, BooleanArray, RecordBatch, cast::AsArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use stepwell_pipeline::HandlerError;
use stepwell_reconcile::{ParquetFiles, Side, key_hashes};

use super::lake::Subject;
use super::spool::SpoolFile;
use crate::dataset::{CHANGED_AT, DELETED, INGESTED_AT};

/// So many keys are held at once; more of them take more readings.
pub(super) const KEYS_AT_ONCE: u64 = 1_000_000;

/// Which rows are compared, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Event times from here on; none: from the beginning, rows without a time included.
    pub(super) from: Option<i64>,
    /// Versions before here.
    pub(super) cutoff: i64,
    /// Rows that came to the lake up to here; none: all of them.
    pub(super) ingested_until: Option<i64>,
}

impl Span {
    /// Everything.
    pub(super) const ALL: Self = Self { from: None, cutoff: i64::MAX, ingested_until: None };

    /// Whether an event is inside.
    pub(super) fn holds(&self, event: Option<i64>) -> bool {
        match event {
            None => self.from.is_none(),
            Some(time) => self.from.is_none_or(|from| from <= time) && time < self.cutoff,
        }
    }

    /// Whether a version may be the last one.
    pub(super) fn is_past(&self, version: Option<i64>) -> bool {
        version.is_none_or(|time| time < self.cutoff)
    }

    fn has_come(&self, ingested: Option<i64>) -> bool {
        match (ingested, self.ingested_until) {
            (Some(ingested), Some(until)) => ingested <= until,
            _ => true,
        }
    }
}

/// Which keys are looked at, by their hashes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys<'a> {
    /// Those of this round, of so many.
    pub(super) round: (u64, u64),
    /// They changed since the cut-off; none of them is compared.
    pub(super) moving: Option<&'a HashSet<u64>>,
    /// Only these are compared.
    pub(super) told: Option<&'a HashSet<u64>>,
}

impl Keys<'_> {
    /// All keys of a round.
    pub(super) fn of_round(round: (u64, u64)) -> Self {
        Self { round, moving: None, told: None }
    }

    fn is_any(self) -> bool {
        self.round.1 == 1 && self.moving.is_none_or(HashSet::is_empty) && self.told.is_none()
    }

    fn is_in_round(self, hash: u64) -> bool {
        hash % self.round.1 == self.round.0
    }

    fn is_told(self, hash: u64) -> bool {
        self.told.is_none_or(|it| it.contains(&hash))
    }

    fn is_compared(self, hash: u64) -> bool {
        self.is_told(hash) && !self.moving.is_some_and(|it| it.contains(&hash))
    }
}

/// The rows that count: one bit for every row, in the order of reading.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bits: Vec<u64>,
    /// How many.
    pub(super) rows: u64,
    /// How many count, those of keys that are not compared among them.
    pub(super) counted: u64,
    /// How many of these the other side says nothing of.
    pub(super) untold: u64,
    /// When a version came first, of those that came more than once.
    first_come: HashMap<u64, i64>,
}

impl Kept {
    pub(super) fn set(&mut self, row: u64) {
        let word = (row / 64) as usize;
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (row % 64);
        self.rows += 1;
    }

    /// Notes a row that counts, and keeps it if its key is compared.
    fn note(&mut self, keys: Keys<'_>, hash: Option<u64>, row: u64) -> bool {
        self.counted += 1;
        self.untold += u64::from(hash.is_some_and(|it| !keys.is_told(it)));
        let is_compared = hash.is_none_or(|it| keys.is_compared(it));
        if is_compared {
            self.set(row);
        }
        is_compared
    }

    pub(super) fn has(&self, row: u64) -> bool {
        self.bits.get((row / 64) as usize).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// When a row that counts came to the lake first, if that was before it came the last time.
    pub(super) fn first_come(&self, row: u64) -> Option<i64> {
        self.first_come.get(&row).copied()
    }

    fn mask(&self, first: u64, rows: usize) -> BooleanArray {
        (first..first + rows as u64).map(|row| self.has(row)).collect()
    }
}

/// The version of a key that counts so far.
struct Version {
    time: Option<i64>,
    ingested: Option<i64>,
    first_come: Option<i64>,
    row: u64,
    /// No tombstone, and its event is inside the span.
    counts: bool,
}

impl Version {
    /// The later one counts; of the same one, what came last, as in the view `_latest`.
    fn take(&mut self, other: Self) {
        let is_same = self.time == other.time;
        let first_come = [self.first_come, other.first_come].into_iter().flatten().min();
        if (other.time, other.ingested) > (self.time, self.ingested) {
            *self = other;
        }
        if is_same {
            self.first_come = first_come;
        }
    }
}

/// One side as it was read.
pub(super) struct Sheet<'a> {
    pub(super) subject: &'a Subject,
    pub(super) span: Span,
    pub(super) files: ParquetFiles,
}

/// What tells which rows of a batch count.
struct Stamps {
    hashes: Vec<u64>,
    events: Vec<Option<i64>>,
    versions: Vec<Option<i64>>,
    ingested: Vec<Option<i64>>,
    deleted: Option<BooleanArray>,
}

impl Sheet<'_> {
    /// Goes over all rows with the number of the first one of each batch; gives how many there are.
    pub(super) fn each(
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

    /// Nothing where there is no key.
    pub(super) fn hashes(&self, batch: &RecordBatch) -> Result<Vec<u64>, HandlerError> {
        if self.subject.key.is_empty() {
            return Ok(Vec::new());
        }
        key_hashes(batch, &self.subject.key).map_err(|error| unreadable(&error))
    }

    /// The hashes of the keys of a round.
    pub(super) fn keys(&self, round: (u64, u64)) -> Result<HashSet<u64>, HandlerError> {
        let wanted = Keys::of_round(round);
        let mut keys = HashSet::new();
        self.each(|_, batch| {
            keys.extend(self.hashes(batch)?.into_iter().filter(|hash| wanted.is_in_round(*hash)));
            Ok(())
        })?;
        Ok(keys)
    }

    /// The hashes of the keys of a round that have a version from the cut-off on.
    pub(super) fn moving(&self, round: (u64, u64)) -> Result<HashSet<u64>, HandlerError> {
        let wanted = Keys::of_round(round);
        let mut moving = HashSet::new();
        self.each(|_, batch| {
            let rows = self.hashes(batch)?.into_iter().zip(versions(self.subject, batch)?);
            let moved = rows.filter(|(hash, version)| {
                wanted.is_in_round(*hash) && !self.span.is_past(*version)
            });
            moving.extend(moved.map(|(hash, _)| hash));
            Ok(())
        })?;
        Ok(moving)
    }

    /// How many keys may have to be held at once.
    pub(super) fn keys_max(&self) -> Result<u64, HandlerError> {
        if self.subject.key.is_empty() {
            return Ok(0);
        }
        let mut moving = 0;
        let rows = self.each(|_, batch| {
            let versions = versions(self.subject, batch)?;
            moving += versions.into_iter().filter(|it| !self.span.is_past(*it)).count() as u64;
            Ok(())
        })?;
        Ok(if self.is_plain() { moving } else { rows })
    }

    /// Whether every row counts that is inside the span.
    fn is_plain(&self) -> bool {
        self.subject.key.is_empty() || !self.subject.has_versions
    }

    /// Adds the rows that count, of these keys.
    pub(super) fn keep(&self, kept: &mut Kept, keys: Keys<'_>) -> Result<(), HandlerError> {
        if self.is_plain() { self.keep_all(kept, keys) } else { self.keep_last(kept, keys) }
    }

    /// The rows that count, of all keys.
    pub(super) fn count(&self) -> Result<u64, HandlerError> {
        let rounds = self.keys_max()?.div_ceil(KEYS_AT_ONCE).max(1);
        let mut kept = Kept::default();
        for round in 0..rounds {
            self.keep(&mut kept, Keys::of_round((round, rounds)))?;
        }
        Ok(kept.counted)
    }

    fn keep_all(&self, kept: &mut Kept, keys: Keys<'_>) -> Result<(), HandlerError> {
        self.each(|first, batch| {
            let events = events(self.subject, batch)?;
            let ingested = micros(batch, INGESTED_AT)?;
            let hashes = if keys.is_any() { Vec::new() } else { self.hashes(batch)? };
            for (row, event) in events.into_iter().enumerate() {
                let hash = hashes.get(row).copied();
                let is_wanted = hash.is_none_or(|hash| keys.is_in_round(hash));
                if is_wanted && self.span.holds(event) && self.span.has_come(ingested[row]) {
                    kept.note(keys, hash, first + row as u64);
                }
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Of every key the last version.
    fn keep_last(&self, kept: &mut Kept, keys: Keys<'_>) -> Result<(), HandlerError> {
        let mut last: HashMap<u64, Version> = HashMap::new();
        self.each(|first, batch| {
            let stamps = self.stamps(batch)?;
            for (row, hash) in stamps.hashes.iter().enumerate() {
                if keys.is_in_round(*hash) && self.may_be_last(&stamps, row) {
                    note(&mut last, *hash, stamps.version(row, first, self.span));
                }
            }
            Ok(())
        })?;
        for (hash, version) in last.into_iter().filter(|(_, version)| version.counts) {
            if kept.note(keys, Some(hash), version.row)
                && let Some(came) = version.first_come.filter(|it| Some(*it) != version.ingested)
            {
                kept.first_come.insert(version.row, came);
            }
        }
        Ok(())
    }

    fn may_be_last(&self, stamps: &Stamps, row: usize) -> bool {
        self.span.is_past(stamps.versions[row]) && self.span.has_come(stamps.ingested[row])
    }

    fn stamps(&self, batch: &RecordBatch) -> Result<Stamps, HandlerError> {
        Ok(Stamps {
            hashes: self.hashes(batch)?,
            events: events(self.subject, batch)?,
            versions: versions(self.subject, batch)?,
            ingested: micros(batch, INGESTED_AT)?,
            deleted: batch.column_by_name(DELETED).map(|it| it.as_boolean().clone()),
        })
    }

    /// Writes the rows that count into a file of their own.
    pub(super) fn write(
        &self,
        kept: &Kept,
        folder: &Path,
        name: &str,
    ) -> Result<PathBuf, HandlerError> {
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

fn note(last: &mut HashMap<u64, Version>, hash: u64, version: Version) {
    match last.get_mut(&hash) {
        Some(known) => known.take(version),
        None => drop(last.insert(hash, version)),
    }
}

impl Stamps {
    fn version(&self, row: usize, first: u64, span: Span) -> Version {
        let is_deleted = self.deleted.as_ref().is_some_and(|it| it.is_valid(row) && it.value(row));
        Version {
            time: self.versions[row],
            ingested: self.ingested[row],
            first_come: self.ingested[row],
            row: first + row as u64,
            counts: !is_deleted && span.holds(self.events[row]),
        }
    }
}

/// The time by which a row is inside the span.
pub(super) fn events(
    subject: &Subject,
    batch: &RecordBatch,
) -> Result<Vec<Option<i64>>, HandlerError> {
    match &subject.event_time {
        Some(column) => micros(batch, column),
        None => Ok(vec![None; batch.num_rows()]),
    }
}

/// The time by which the last version is told; a tombstone has no event time.
pub(super) fn versions(
    subject: &Subject,
    batch: &RecordBatch,
) -> Result<Vec<Option<i64>>, HandlerError> {
    let events = events(subject, batch)?;
    let changed = micros(batch, CHANGED_AT)?;
    Ok(changed.into_iter().zip(events).map(|(changed, event)| changed.or(event)).collect())
}

/// How many rows a source counts too: no deletions, and inside the span.
pub(super) fn countable(
    subject: &Subject,
    span: Span,
    batch: &RecordBatch,
) -> Result<u64, HandlerError> {
    let deleted = batch.column_by_name(DELETED).map(|it| it.as_boolean().clone());
    let rows = events(subject, batch)?.into_iter().zip(versions(subject, batch)?).enumerate();
    let counted = rows.filter(|(row, (event, version))| {
        let is_deleted = deleted.as_ref().is_some_and(|it| it.is_valid(*row) && it.value(*row));
        !is_deleted && span.is_past(*version) && span.holds(*event)
    });
    Ok(counted.count() as u64)
}

/// A column of instants or dates, in microseconds since 1970; NULLs where there is no such column.
pub(super) fn micros(batch: &RecordBatch, column: &str) -> Result<Vec<Option<i64>>, HandlerError> {
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

pub(super) fn unreadable(error: &dyn std::fmt::Display) -> HandlerError {
    HandlerError::Retryable(format!("a file of the proof cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(time: i64, ingested: i64, row: u64) -> Version {
        let ingested = Some(ingested);
        Version { time: Some(time), ingested, first_come: ingested, row, counts: true }
    }

    #[test]
    fn of_one_version_that_came_twice_the_last_counts_and_the_first_says_when_it_came() {
        for order in [[0, 1], [1, 0]] {
            let [mut known, other] = order.map(|it| version(5, 10 + it, it as u64));
            known.take(other);
            assert_eq!((known.row, known.ingested, known.first_come), (1, Some(11), Some(10)));
        }
    }

    #[test]
    fn a_later_version_counts_whenever_it_came() {
        let mut known = version(5, 20, 0);
        known.take(version(6, 10, 1));
        assert_eq!((known.row, known.first_come), (1, Some(10)));
        known.take(version(4, 30, 2));
        assert_eq!((known.row, known.first_come), (1, Some(10)));
    }
}
