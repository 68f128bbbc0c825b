//! Checksums of sets of rows, whatever their order: sums of one hash per key and one per row.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::value::Value;

/// A set of rows, as far as it must be known to compare it with another.
///
/// Sums wrap around; equal sets have equal digests, and a difference goes unseen once in 2^64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Digest {
    pub(crate) rows: u64,
    /// Sum of the hashes of the keys.
    pub(crate) keys: u64,
    /// Sum of the hashes of the rows.
    pub(crate) values: u64,
}

impl Digest {
    pub(crate) fn add(&mut self, row: RowHash) {
        self.rows += 1;
        self.keys = self.keys.wrapping_add(row.key);
        self.values = self.values.wrapping_add(row.row);
    }

    /// Takes a set away that was added before.
    pub(crate) fn subtract(&mut self, other: Self) {
        self.rows -= other.rows;
        self.keys = self.keys.wrapping_sub(other.keys);
        self.values = self.values.wrapping_sub(other.values);
    }
}

/// The hashes of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowHash {
    pub(crate) key: u64,
    pub(crate) row: u64,
}

/// Collects the values of one row after the other.
#[derive(Debug)]
pub(crate) struct RowHasher {
    key_columns: usize,
    encoded: Vec<u8>,
    columns: usize,
    key_end: usize,
}

impl RowHasher {
    /// For rows whose first `key_columns` values are the key.
    pub(crate) fn new(key_columns: usize) -> Self {
        Self { key_columns, encoded: Vec::new(), columns: 0, key_end: 0 }
    }

    /// Takes the next value of the row.
    pub(crate) fn value(&mut self, value: &Value<'_>) {
        value.encode(&mut self.encoded);
        self.columns += 1;
        if self.columns == self.key_columns {
            self.key_end = self.encoded.len();
        }
    }

    /// The row is complete.
    pub(crate) fn finish(&mut self) -> RowHash {
        let key = xxh3_64(&self.encoded[..self.key_end]);
        let row = xxh3_64(&self.encoded);
        self.clear();
        RowHash { key, row }
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
        all.subtract(digest(&[(1, "a")]));
        assert_eq!(all, digest(&[(1, "c"), (2, "b")]));
    }
}
