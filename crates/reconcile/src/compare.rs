//! The comparison: both sides once, then the rows that differ.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::column::ColumnTotals;
use crate::error::{CompareError, Which};
use crate::group::Group;
use crate::layout::{Layout, Plan};
use crate::rows::{self, Counts, Difference, Pair, Rows};
use crate::rule::Rule;
use crate::selection::{Buckets, Selection};
use crate::side::Side;
use crate::summary::{Bucket, Summary};

/// How much memory a comparison takes, and how much it tells.
#[derive(Debug, Clone)]
pub struct Options {
    /// `2^bucket_bits` buckets of 16 bytes on each side; 1 to 30.
    pub bucket_bits: u32,
    /// So many rows of both sides are held at once when they are compared by value. More of them take more readings.
    pub rows_at_once: u64,
    /// So many differences are told; all are counted.
    pub differences_max: usize,
    /// Set by whoever no longer wants the result.
    pub stop: Arc<AtomicBool>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bucket_bits: 19,
            rows_at_once: 200_000,
            differences_max: 1_000,
            stop: Arc::default(),
        }
    }
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The columns that [`Totals::columns`] are about: the key and the compared ones, with their rules.
    pub columns: Vec<(String, Rule)>,
    /// Every day and partition of either side, in order.
    pub days: Vec<Day>,
    /// At most [`Options::differences_max`] of them.
    pub differences: Vec<Difference>,
    /// How many more there are.
    pub omitted: u64,
}

/// One day and partition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Day {
    /// Which one.
    pub group: Group,
    /// What the source has.
    pub source: Totals,
    /// What the lake has.
    pub lake: Totals,
    /// Rows in the source only.
    pub missing: u64,
    /// Rows in the lake only.
    pub extra: u64,
    /// Rows in the lake beyond those that the source has of their keys.
    pub duplicate: u64,
    /// Rows with other values.
    pub different: u64,
}

impl Day {
    /// Whether both sides have the same rows.
    pub fn is_equal(&self) -> bool {
        self.missing == 0 && self.extra == 0 && self.duplicate == 0 && self.different == 0
    }
}

/// What a side has of a day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    /// Rows.
    pub rows: u64,
    /// The sum of the hashes of the rows.
    pub checksum: u64,
    /// As [`Comparison::columns`]; empty where there are no rows.
    pub columns: Vec<ColumnTotals>,
}

impl Comparison {
    /// Whether both sides have the same rows.
    pub fn is_equal(&self) -> bool {
        self.days.iter().all(Day::is_equal)
    }
}

/// Compares two sides. Each is read by a thread of its own.
///
/// # Errors
/// [`CompareError`]; whatever it is, it says nothing about equality.
pub fn compare(
    source: &dyn Side,
    lake: &dyn Side,
    layout: &Layout,
    options: &Options,
) -> Result<Comparison, CompareError> {
    let schema = |side: &dyn Side, which| {
        side.schema().map_err(|error| CompareError::Unreadable { which, error })
    };
    let (in_source, in_lake) = (schema(source, Which::Source)?, schema(lake, Which::Lake)?);
    let plan = Arc::new(Plan::new(layout, &in_source, &in_lake)?);
    let bits = options.bucket_bits.clamp(1, 30);
    let (one, other) =
        both(source, lake, |side, which| Summary::of(side, which, &plan, bits, &options.stop))?;
    let mut found = Found { limit: options.differences_max, ..Found::default() };
    for buckets in waves(&one, &other, bits, options.rows_at_once) {
        if options.stop.load(Ordering::Relaxed) {
            return Err(CompareError::Stopped);
        }
        let selection = Selection::new(&plan, buckets);
        let read = |side: &dyn Side, which| Rows::read(side, which, &plan, &selection);
        let (source, lake) = both(source, lake, read)?;
        found.add(Pair::new(&plan, source, lake, &options.stop).differences()?);
    }
    let columns = plan.names.iter().cloned().zip(plan.rules.iter().copied()).collect();
    let days = days(&one, &other, &found.counts);
    if !is_balanced(&days) {
        return Err(CompareError::Unsteady);
    }
    Ok(Comparison { columns, days, differences: found.differences, omitted: found.omitted })
}

/// Does the same with both sides at once.
fn both<T: Send>(
    source: &dyn Side,
    lake: &dyn Side,
    work: impl Fn(&dyn Side, Which) -> Result<T, CompareError> + Sync,
) -> Result<(T, T), CompareError> {
    thread::scope(|scope| {
        let other = scope.spawn(|| work(lake, Which::Lake));
        let one = work(source, Which::Source);
        let other = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((one?, other?))
    })
}

#[derive(Default)]
struct Found {
    counts: HashMap<Group, Counts>,
    differences: Vec<Difference>,
    omitted: u64,
    limit: usize,
}

impl Found {
    fn add(&mut self, mut differences: Vec<Difference>) {
        rows::count(&differences, &mut self.counts);
        let room = self.limit.saturating_sub(self.differences.len());
        self.omitted += differences.len().saturating_sub(room) as u64;
        differences.truncate(room);
        self.differences.append(&mut differences);
    }
}

/// Number and totals of every group.
fn totals(summary: &Summary) -> HashMap<&Group, (usize, Bucket)> {
    let numbered = summary.totals.iter().copied().enumerate();
    summary.groups.seen.iter().zip(numbered).collect()
}

/// The buckets that differ, in sets that have no more than so many rows, or one bucket.
fn waves(one: &Summary, other: &Summary, bits: u32, rows_max: u64) -> Vec<Buckets> {
    let mut waves = Vec::new();
    let mut rows = u64::MAX;
    for (number, (source, lake)) in one.buckets.iter().zip(&other.buckets).enumerate() {
        if source == lake {
            continue;
        }
        let more = source.rows + lake.rows;
        rows = rows.saturating_add(more);
        if rows > rows_max {
            waves.push(Buckets::none(bits));
            rows = more;
        }
        waves.last_mut().expect("the first bucket makes a wave").add(number);
    }
    waves
}

fn days(one: &Summary, other: &Summary, counts: &HashMap<Group, Counts>) -> Vec<Day> {
    let (source, lake) = (totals(one), totals(other));
    let all: BTreeSet<_> = source.keys().chain(lake.keys()).copied().collect();
    let of_side = |summary: &Summary, found: Option<&(usize, Bucket)>| {
        found.map_or_else(Totals::default, |(number, bucket)| Totals {
            rows: bucket.rows,
            checksum: bucket.sum,
            columns: summary.columns.iter().map(|totals| totals[*number]).collect(),
        })
    };
    let day = |group: &Group| {
        let counts = counts.get(group).copied().unwrap_or_default();
        Day {
            group: group.clone(),
            source: of_side(one, source.get(group)),
            lake: of_side(other, lake.get(group)),
            missing: counts.missing,
            extra: counts.extra,
            duplicate: counts.duplicate,
            different: counts.different,
        }
    };
    all.into_iter().map(day).collect()
}

/// Whether the rows that were found explain the numbers of rows. They do not if a side changed between readings.
fn is_balanced(days: &[Day]) -> bool {
    let sum = |of: fn(&Day) -> u64| days.iter().map(of).map(i128::from).sum::<i128>();
    sum(|day| day.source.rows) - sum(|day| day.missing)
        == sum(|day| day.lake.rows) - sum(|day| day.extra) - sum(|day| day.duplicate)
}
