//! Which rows are read again: those of some buckets of key hashes.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};

use crate::SideError;
use crate::layout::{Layout, Plan};
use crate::rule::{Each, Rule};
use crate::value::{Value, chain, mix};

/// Some of the rows of a side, by the hash of the key: all rows of a key, or none.
#[derive(Debug, Clone)]
pub struct Selection {
    plan: Arc<Plan>,
    buckets: Buckets,
}

impl Selection {
    pub(crate) fn new(plan: &Arc<Plan>, buckets: Buckets) -> Self {
        Self { plan: Arc::clone(plan), buckets }
    }

    /// The columns that [`Self::mask`] looks at: the key.
    pub fn columns(&self) -> &[String] {
        &self.plan.names[..self.plan.key]
    }

    /// Which rows of a batch are selected. The batch has at least [`Self::columns`].
    ///
    /// # Errors
    /// If a column is missing.
    pub fn mask(&self, batch: &RecordBatch) -> Result<BooleanArray, SideError> {
        let place = |name: &String| batch.schema().index_of(name);
        let keys: Result<Vec<_>, _> = self.columns().iter().map(place).collect();
        let hashes = key_hashes(&self.plan, batch, &keys?);
        Ok(hashes.into_iter().map(|key| self.buckets.has(key)).collect::<Vec<_>>().into())
    }
}

/// One column of keys, added to the hashes of their rows.
struct OfKey<'a> {
    rule: Rule,
    hashes: &'a mut [u64],
}

impl Each for OfKey<'_> {
    #[inline]
    fn value(&mut self, row: usize, value: Value<'_>) {
        self.hashes[row] = chain(self.hashes[row], value.hash(self.rule));
    }

    #[inline]
    fn small(&mut self, row: usize, number: i64) {
        self.hashes[row] = chain(self.hashes[row], mix(number as u64));
    }
}

/// The hash of the key of every row.
pub(crate) fn key_hashes(plan: &Plan, batch: &RecordBatch, places: &[usize]) -> Vec<u64> {
    let mut hashes = vec![0; batch.num_rows()];
    for (place, rule) in places.iter().zip(&plan.rules) {
        let array = crate::rule::unpacked(batch.column(*place));
        rule.show(&array, OfKey { rule: *rule, hashes: &mut hashes });
    }
    for hash in &mut hashes {
        *hash = mix(*hash);
    }
    hashes
}

/// The hash of the key of every row, for those who tell rows of one side apart: equal keys have equal hashes.
///
/// # Errors
/// If a column is missing, or has a type that is not compared.
pub fn key_hashes_of(batch: &RecordBatch, key: &[String]) -> Result<Vec<u64>, SideError> {
    let layout = Layout { key: key.to_vec(), ..Layout::default() };
    let schema = batch.schema();
    let plan = Plan::new(&layout, &schema, &schema)?;
    let places: Result<Vec<_>, _> = key.iter().map(|name| schema.index_of(name)).collect();
    Ok(key_hashes(&plan, batch, &places?))
}

/// Some of `2^bits` buckets. A key is in the bucket of the first bits of its hash.
#[derive(Debug, Clone)]
pub(crate) struct Buckets {
    bits: u32,
    words: Vec<u64>,
}

impl Buckets {
    pub(crate) fn none(bits: u32) -> Self {
        Self { bits, words: vec![0; (1_usize << bits).div_ceil(64)] }
    }

    pub(crate) fn add(&mut self, bucket: usize) {
        self.words[bucket / 64] |= 1 << (bucket % 64);
    }

    fn has(&self, key: u64) -> bool {
        let bucket = bucket_of(key, self.bits);
        self.words[bucket / 64] >> (bucket % 64) & 1 == 1
    }
}

#[inline]
pub(crate) fn bucket_of(key: u64, bits: u32) -> usize {
    (key >> (64 - bits)) as usize
}
