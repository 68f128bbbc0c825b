//! Checksums of sets of rows, whatever their order: sums of one hash per key and one per row.
//!
//! The sums are kept once more for each of some buckets that the keys fall into. Where a bucket differs by a single
//! row, its sums tell which row that is, though none of the rows that were counted is at hand any more: the idea of
//! an invertible Bloom lookup table.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::value::Value;

/// A handful of rows that differ nearly always fall into buckets of their own, and the sums stay below 10 KB.
const BUCKETS: usize = 64;

/// A set of rows, as far as it must be known to compare it with another.
///
/// Sums wrap around; equal sets have equal digests, and a difference goes unseen once in 2^64.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Digest {
    pub(crate) rows: u64,
    /// Sum of the hashes of the keys.
    pub(crate) keys: u64,
    /// Sum of the hashes of the rows.
    pub(crate) values: u64,
    /// Empty as long as there are no rows.
    #[serde(default)]
    buckets: Vec<Bucket>,
}

/// The rows whose keys fall into one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "[u64; 6]", into = "[u64; 6]")]
struct Bucket {
    rows: u64,
    keys: u64,
    values: u64,
    /// Sum of the keys that are whole numbers.
    ids: u64,
    /// Sum of the products of such a key and the hash of its row.
    values_by_id: u64,
    /// Sum of the products of the two hashes of each row.
    values_by_key: u64,
}

impl From<[u64; 6]> for Bucket {
    fn from([rows, keys, values, ids, values_by_id, values_by_key]: [u64; 6]) -> Self {
        Self { rows, keys, values, ids, values_by_id, values_by_key }
    }
}

impl From<Bucket> for [u64; 6] {
    fn from(it: Bucket) -> Self {
        [it.rows, it.keys, it.values, it.ids, it.values_by_id, it.values_by_key]
    }
}

impl Bucket {
    fn of(row: RowHash) -> Self {
        let id = row.id.unwrap_or_default().cast_unsigned();
        Self {
            rows: 1,
            keys: row.key,
            values: row.row,
            ids: id,
            values_by_id: id.wrapping_mul(row.row),
            values_by_key: row.key.wrapping_mul(row.row),
        }
    }

    fn combine(self, other: Self, sum: fn(u64, u64) -> u64) -> Self {
        let (left, right): ([u64; 6], [u64; 6]) = (self.into(), other.into());
        let mut sums = [0; 6];
        for (place, (left, right)) in sums.iter_mut().zip(left.into_iter().zip(right)) {
            *place = sum(left, right);
        }
        sums.into()
    }

    /// The one row that makes the difference between what was `expected` and what was `found`, if it is one and
    /// has a whole number as its key.
    fn single_difference(expected: Self, found: Self) -> Option<DifferingRow> {
        let missing = expected.combine(found, u64::wrapping_sub);
        let extra = found.combine(expected, u64::wrapping_sub);
        match (missing.rows, extra.rows) {
            (1, _) => missing.single_row(Way::Missing),
            (_, 1) => extra.single_row(Way::Extra),
            (0, 0) if missing.keys == 0 => missing.changed_row(),
            _ => None,
        }
    }

    fn single_row(self, way: Way) -> Option<DifferingRow> {
        let id = self.ids.cast_signed();
        (hash_of_id(id) == self.keys).then_some(DifferingRow { id, way })
    }

    /// Of two versions of one row only the hash of the row differs: `id * difference` is known, and so is the
    /// difference. What an even difference shifts out of the product is the sign's.
    fn changed_row(self) -> Option<DifferingRow> {
        let shift = self.values.trailing_zeros();
        if shift >= u64::BITS {
            return None;
        }
        let id = (self.values_by_id >> shift).wrapping_mul(inverse(self.values >> shift));
        let id = (id << shift).cast_signed() >> shift;
        let fits = hash_of_id(id).wrapping_mul(self.values) == self.values_by_key;
        fits.then_some(DifferingRow { id, way: Way::Changed })
    }
}

/// The inverse of an odd number modulo 2^64, by Newton's iteration.
fn inverse(odd: u64) -> u64 {
    (0..6)
        .fold(odd, |inverse, _| inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse))))
}

fn hash_of_id(id: i64) -> u64 {
    let mut hasher = RowHasher::new(1);
    hasher.value(&Value::Integer(id));
    hasher.finish().key
}

/// A row in which two sets differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DifferingRow {
    pub(crate) id: i64,
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Missing,
    Extra,
    Changed,
}

impl fmt::Display for DifferingRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.way {
            Way::Missing => "missing",
            Way::Extra => "not delivered",
            Way::Changed => "changed",
        };
        write!(f, "{} ({way})", self.id)
    }
}

impl Digest {
    pub(crate) fn add(&mut self, row: RowHash) {
        self.rows += 1;
        self.keys = self.keys.wrapping_add(row.key);
        self.values = self.values.wrapping_add(row.row);
        self.buckets.resize(BUCKETS, Bucket::default());
        let bucket = &mut self.buckets[row.key as usize % BUCKETS];
        *bucket = bucket.combine(Bucket::of(row), u64::wrapping_add);
    }

    /// Takes a set away that was added before.
    pub(crate) fn subtract(&mut self, other: &Self) {
        self.rows -= other.rows;
        self.keys = self.keys.wrapping_sub(other.keys);
        self.values = self.values.wrapping_sub(other.values);
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine = mine.combine(*theirs, u64::wrapping_sub);
        }
    }

    /// Some of the rows in which `found` differs from this set: those that are alone in their bucket and have a
    /// whole number as their key. In the order of their keys.
    pub(crate) fn differing_rows(&self, found: &Self) -> Vec<DifferingRow> {
        let none = [Bucket::default(); BUCKETS];
        let buckets = |it: &'_ Self| if it.rows == 0 { none.to_vec() } else { it.buckets.clone() };
        let pairs = buckets(self).into_iter().zip(buckets(found));
        let mut rows: Vec<_> =
            pairs.filter_map(|(mine, theirs)| Bucket::single_difference(mine, theirs)).collect();
        rows.sort_by_key(|row| row.id);
        rows
    }
}

/// The hashes of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowHash {
    pub(crate) key: u64,
    pub(crate) row: u64,
    /// The key, if it is one whole number.
    id: Option<i64>,
}

/// Collects the values of one row after the other.
#[derive(Debug)]
pub(crate) struct RowHasher {
    key_columns: usize,
    encoded: Vec<u8>,
    columns: usize,
    key_end: usize,
    id: Option<i64>,
}

impl RowHasher {
    /// For rows whose first `key_columns` values are the key.
    pub(crate) fn new(key_columns: usize) -> Self {
        Self { key_columns, encoded: Vec::new(), columns: 0, key_end: 0, id: None }
    }

    /// Takes the next value of the row.
    pub(crate) fn value(&mut self, value: &Value<'_>) {
        value.encode(&mut self.encoded);
        self.columns += 1;
        if self.columns == self.key_columns {
            self.key_end = self.encoded.len();
            self.id = match value {
                Value::Integer(id) if self.key_columns == 1 => Some(*id),
                _ => None,
            };
        }
    }

    /// The row is complete.
    pub(crate) fn finish(&mut self) -> RowHash {
        let key = xxh3_64(&self.encoded[..self.key_end]);
        let row = xxh3_64(&self.encoded);
        let id = self.id;
        self.clear();
        RowHash { key, row, id }
    }

    /// The row is left out.
    pub(crate) fn clear(&mut self) {
        self.encoded.clear();
        self.columns = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: &[(i64, &str)]) -> Digest {
        let mut digest = Digest::default();
        let mut hasher = RowHasher::new(1);
        for (key, text) in rows {
            hasher.value(&Value::Integer(*key));
            hasher.value(&Value::Text((*text).into()));
            digest.add(hasher.finish());
        }
        digest
    }

    #[test]
    fn order_does_not_count_but_content_does() {
        assert_eq!(digest(&[(1, "a"), (2, "b")]), digest(&[(2, "b"), (1, "a")]));
        let swapped = digest(&[(1, "b"), (2, "a")]);
        assert_eq!(swapped.keys, digest(&[(1, "a"), (2, "b")]).keys);
        assert_ne!(swapped.values, digest(&[(1, "a"), (2, "b")]).values);
        assert_ne!(digest(&[(1, "a")]).keys, digest(&[(2, "a")]).keys);
    }

    #[test]
    fn what_was_added_can_be_taken_away() {
        let mut all = digest(&[(1, "a"), (2, "b"), (1, "c")]);
        all.subtract(&digest(&[(1, "a")]));
        assert_eq!(all, digest(&[(1, "c"), (2, "b")]));
    }

    #[track_caller]
    fn differing(delivered: &[(i64, &str)], found: &[(i64, &str)]) -> Vec<String> {
        let rows = digest(delivered).differing_rows(&digest(found));
        rows.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rows_that_differ_are_named_from_sums_alone() {
        let many: Vec<i64> = (-500..500).map(|id| id * 10_000_000_000_007).collect();
        let rows = |text: fn(i64) -> &'static str| {
            many.iter().map(|id| (*id, text(*id))).collect::<Vec<_>>()
        };
        let delivered = rows(|_| "a");
        assert!(differing(&delivered, &delivered).is_empty());
        for id in &many {
            let without: Vec<_> = delivered.iter().filter(|row| row.0 != *id).copied().collect();
            assert_eq!(differing(&delivered, &without), [format!("{id} (missing)")]);
            assert_eq!(differing(&without, &delivered), [format!("{id} (not delivered)")]);
            let changed: Vec<_> =
                delivered.iter().map(|row| if row.0 == *id { (*id, "b") } else { *row }).collect();
            assert_eq!(differing(&delivered, &changed), [format!("{id} (changed)")]);
        }
    }

    #[test]
    fn no_row_is_named_wrongly() {
        let rows: Vec<_> = (0..10_000).map(|id| (id, "a")).collect();
        let changed: Vec<_> = rows.iter().map(|(id, _)| (*id, "b")).collect();
        assert!(differing(&rows, &changed).is_empty());
        assert!(differing(&rows, &[]).is_empty());
        assert_eq!(differing(&[(3, "a"), (5, "a")], &[]), ["3 (missing)", "5 (missing)"]);
    }
}
