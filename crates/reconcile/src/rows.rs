//! The rows of buckets that differ, compared value by value.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::column::ColumnTotals;
use crate::error::{CompareError, Which};
use crate::group::{Group, Groups};
use crate::layout::Plan;
use crate::rule::unpacked;
use crate::summary::{self, Bucket, Hashes};
use crate::{Selection, Side, SideError};

/// One difference between the sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What it is.
    pub kind: Kind,
    /// Where the row is counted: the source's group, or the lake's where the source has no such row.
    pub group: Group,
    /// The columns of the key with their values; none is NULL.
    pub key: Vec<(String, Option<String>)>,
}

/// What a difference is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The row is in the source only.
    Missing,
    /// The row is in the lake only.
    Extra,
    /// The lake has the key more often than the source.
    Duplicate,
    /// Both have the row, with other values.
    Different(Vec<ColumnDifference>),
}

/// A column with its values on both sides; none is NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDifference {
    /// The column.
    pub name: String,
    /// What the source has.
    pub source: Option<String>,
    /// What the lake has.
    pub lake: Option<String>,
}

/// The selected rows of one side, in memory.
pub(crate) struct Rows {
    batch: RecordBatch,
    groups: Groups,
    /// The group of each row.
    numbers: Vec<u32>,
    hashes: Hashes,
}

impl Rows {
    pub(crate) fn read(
        side: &dyn Side,
        which: Which,
        plan: &Plan,
        selection: &Selection,
    ) -> Result<Self, CompareError> {
        let unreadable = |error| CompareError::Unreadable { which, error };
        Self::collect(side, plan, selection).map_err(unreadable)
    }

    fn collect(side: &dyn Side, plan: &Plan, selection: &Selection) -> Result<Self, SideError> {
        let mut parts: Vec<RecordBatch> = Vec::new();
        for batch in side.read(&plan.names, Some(selection))? {
            let batch = batch?;
            let mask = selection.mask(&batch)?;
            if mask.true_count() > 0 {
                parts.push(filter_record_batch(&batch, &mask)?);
            }
        }
        let batch = match parts.first() {
            Some(first) => concat_batches(&first.schema(), &parts)?,
            None => RecordBatch::new_empty(crate::side::schema_of(side, &plan.names)?),
        };
        let mut groups = Groups::default();
        let numbers = groups.of_rows(&batch, plan.day, &plan.partition)?;
        let mut totals = vec![vec![ColumnTotals::default(); groups.seen.len()]; plan.rules.len()];
        let hashes = summary::hash(&batch, plan, &numbers, &groups.hashes, &mut totals);
        Ok(Self { batch, groups, numbers, hashes })
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    fn group(&self, row: usize) -> &Group {
        &self.groups.seen[self.numbers[row] as usize]
    }

    /// Without the rows of all other keys than these.
    fn only(self, keys: &HashSet<u64>) -> Self {
        let Self { batch, groups, numbers, hashes } = self;
        let is_kept: Vec<_> = hashes.keys.iter().map(|key| keys.contains(key)).collect();
        let hashes =
            Hashes { keys: kept(hashes.keys, &is_kept), rows: kept(hashes.rows, &is_kept) };
        let numbers = kept(numbers, &is_kept);
        let batch = filter_record_batch(&batch, &BooleanArray::from(is_kept))
            .expect("there is one truth value for each row");
        Self { batch, groups, numbers, hashes }
    }

    /// The key of every row, so that equal keys have equal bytes.
    fn keys(&self, plan: &Plan) -> Vec<Vec<u8>> {
        let mut keys = vec![Vec::new(); self.len()];
        for (place, rule) in plan.rules.iter().take(plan.key).enumerate() {
            rule.for_each(&unpacked(self.batch.column(place)), |row, value| {
                value.encode(&mut keys[row]);
            });
        }
        keys
    }
}

fn kept<T>(all: Vec<T>, is_kept: &[bool]) -> Vec<T> {
    all.into_iter().zip(is_kept).filter_map(|(it, is_kept)| is_kept.then_some(it)).collect()
}

/// The hashes of the keys whose rows are not the same on both sides: buckets of one key each.
fn unlike(source: &Rows, lake: &Rows) -> HashSet<u64> {
    let mut buckets: HashMap<u64, Bucket> = HashMap::with_capacity(source.len());
    for (key, row) in source.hashes.keys.iter().zip(&source.hashes.rows) {
        buckets.entry(*key).or_default().add(*row);
    }
    for (key, row) in lake.hashes.keys.iter().zip(&lake.hashes.rows) {
        buckets.entry(*key).or_default().take(*row);
    }
    buckets.retain(|_, left| *left != Bucket::default());
    buckets.into_keys().collect()
}

/// The rows of one key on both sides, by number.
#[derive(Default)]
struct OfKey {
    source: Vec<usize>,
    lake: Vec<usize>,
}

/// Both sides' rows of the keys that are not the same.
pub(crate) struct Pair<'a> {
    plan: &'a Plan,
    source: Rows,
    lake: Rows,
    /// Set by whoever no longer wants the result.
    stop: &'a AtomicBool,
}

impl<'a> Pair<'a> {
    /// Of both sides' rows of some buckets, most of which are there for the sake of another key in their bucket.
    pub(crate) fn new(plan: &'a Plan, source: Rows, lake: Rows, stop: &'a AtomicBool) -> Self {
        let keys = unlike(&source, &lake);
        Self { plan, source: source.only(&keys), lake: lake.only(&keys), stop }
    }

    /// Every difference, ordered by key.
    ///
    /// # Errors
    /// [`CompareError::Stopped`].
    pub(crate) fn differences(&self) -> Result<Vec<Difference>, CompareError> {
        let mut by_key: BTreeMap<Vec<u8>, OfKey> = BTreeMap::new();
        for (row, key) in self.source.keys(self.plan).into_iter().enumerate() {
            by_key.entry(key).or_default().source.push(row);
        }
        for (row, key) in self.lake.keys(self.plan).into_iter().enumerate() {
            by_key.entry(key).or_default().lake.push(row);
        }
        let mut found = Vec::new();
        for rows in by_key.into_values() {
            found.extend(self.of_key(rows));
            // A key may have many rows.
            if self.is_stopped() {
                return Err(CompareError::Stopped);
            }
        }
        Ok(found)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn of_key(&self, rows: OfKey) -> Vec<Difference> {
        let is_known = !rows.source.is_empty();
        let OfKey { source, lake } = self.without_equal(rows);
        let pairs = source.iter().zip(&lake);
        let mut found: Vec<_> =
            pairs.map(|(source, lake)| self.different(*source, *lake)).collect();
        let both = found.len();
        let told = |rows: &Rows, row: usize, kind| Difference {
            kind,
            group: rows.group(row).clone(),
            key: self.key(rows, row),
        };
        found.extend(source[both..].iter().map(|row| told(&self.source, *row, Kind::Missing)));
        found.extend(lake[both..].iter().map(|row| {
            told(&self.lake, *row, if is_known { Kind::Duplicate } else { Kind::Extra })
        }));
        found
    }

    /// What is left when every row of the source took an equal one of the lake with it.
    fn without_equal(&self, rows: OfKey) -> OfKey {
        let OfKey { source, mut lake } = self.without_same(rows);
        // Rows with other hashes can be equal where numbers need not be the same to be equal.
        if !self.plan.rules.iter().any(|rule| rule.has_tolerance()) {
            return OfKey { source, lake };
        }
        let left = source.into_iter().filter(|source| {
            let is_equal = |lake: &usize| !self.is_stopped() && self.are_equal(*source, *lake);
            let equal = lake.iter().position(is_equal);
            equal.map(|place| lake.remove(place)).is_none()
        });
        let source = left.collect();
        OfKey { source, lake }
    }

    /// What is left when every row of the source took one of the lake with the same hash with it.
    fn without_same(&self, rows: OfKey) -> OfKey {
        let OfKey { mut source, lake } = rows;
        let mut of_hash: HashMap<u64, Vec<usize>> = HashMap::new();
        for row in lake.into_iter().rev() {
            of_hash.entry(self.lake.hashes.rows[row]).or_default().push(row);
        }
        source.retain(|row| {
            let same = of_hash.get_mut(&self.source.hashes.rows[*row]);
            same.and_then(Vec::pop).is_none()
        });
        let mut lake: Vec<_> = of_hash.into_values().flatten().collect();
        lake.sort_unstable();
        OfKey { source, lake }
    }

    fn are_equal(&self, source: usize, lake: usize) -> bool {
        self.unequal(source, lake).next().is_none()
            && self.source.group(source) == self.lake.group(lake)
    }

    /// The places of the columns whose values are not equal.
    fn unequal(&self, source: usize, lake: usize) -> impl Iterator<Item = usize> {
        self.plan.rules.iter().enumerate().skip(self.plan.key).filter_map(move |(place, rule)| {
            let one = unpacked(&self.source.batch.column(place).slice(source, 1));
            let other = unpacked(&self.lake.batch.column(place).slice(lake, 1));
            let mut is_equal = false;
            rule.for_each(&one, |_, one| {
                rule.for_each(&other, |_, other| is_equal = one.equals(other, *rule));
            });
            (!is_equal).then_some(place)
        })
    }

    fn different(&self, source: usize, lake: usize) -> Difference {
        let mut places: Vec<_> = self.unequal(source, lake).collect();
        if self.source.group(source) != self.lake.group(lake) {
            // The day or the partition is another one, also where it is not among the compared columns.
            places.extend(self.plan.day.iter().chain(&self.plan.partition).filter(|&&place| {
                place >= self.plan.rules.len()
                    && text(self.source.batch.column(place), source)
                        != text(self.lake.batch.column(place), lake)
            }));
        }
        let column = |place: usize| ColumnDifference {
            name: self.plan.names[place].clone(),
            source: text(self.source.batch.column(place), source),
            lake: text(self.lake.batch.column(place), lake),
        };
        Difference {
            kind: Kind::Different(places.into_iter().map(column).collect()),
            group: self.source.group(source).clone(),
            key: self.key(&self.source, source),
        }
    }

    fn key(&self, rows: &Rows, row: usize) -> Vec<(String, Option<String>)> {
        let value =
            |place: usize| (self.plan.names[place].clone(), text(rows.batch.column(place), row));
        (0..self.plan.key).map(value).collect()
    }
}

/// A value as people read it; none is NULL.
fn text(array: &ArrayRef, row: usize) -> Option<String> {
    let options = FormatOptions::default();
    let told = |format: ArrayFormatter<'_>| format.value(row).to_string();
    (!array.is_null(row)).then(|| {
        ArrayFormatter::try_new(array, &options).map_or_else(|error| error.to_string(), told)
    })
}

/// How many differences of each kind there are, by group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) missing: u64,
    pub(crate) extra: u64,
    pub(crate) duplicate: u64,
    pub(crate) different: u64,
}

/// Adds differences to the counts of their groups.
pub(crate) fn count(differences: &[Difference], counts: &mut HashMap<Group, Counts>) {
    for difference in differences {
        let of_group = counts.entry(difference.group.clone()).or_default();
        *match difference.kind {
            Kind::Missing => &mut of_group.missing,
            Kind::Extra => &mut of_group.extra,
            Kind::Duplicate => &mut of_group.duplicate,
            Kind::Different(_) => &mut of_group.different,
        } += 1;
    }
}
