//! What the first reading leaves of a side: totals of every day, a count and a sum for every bucket.

use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;

use crate::column::ColumnTotals;
use crate::error::{CompareError, Which};
use crate::group::Groups;
use crate::layout::Plan;
use crate::rule::{Each, Rule, unpacked};
use crate::selection::bucket_of;
use crate::value::{Value, chain, hash_bytes, mix};
use crate::{Side, SideError};

/// Rows whose keys have hashes with the same first bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// The sum of the hashes of the rows.
    pub(crate) sum: u64,
    pub(crate) rows: u64,
}

impl Bucket {
    #[inline]
    pub(crate) fn add(&mut self, row: u64) {
        self.sum = self.sum.wrapping_add(row);
        self.rows = self.rows.wrapping_add(1);
    }

    /// Takes a row out, which need not be in it: nothing is left if as many come in as go out and they have the same sum.
    #[inline]
    pub(crate) fn take(&mut self, row: u64) {
        self.sum = self.sum.wrapping_sub(row);
        self.rows = self.rows.wrapping_sub(1);
    }
}

/// A side, summed up.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) groups: Groups,
    /// By group.
    pub(crate) totals: Vec<Bucket>,
    /// By column of the plan, then by group.
    pub(crate) columns: Vec<Vec<ColumnTotals>>,
    pub(crate) buckets: Vec<Bucket>,
    bits: u32,
}

/// The hashes of the rows of a batch.
pub(crate) struct Hashes {
    pub(crate) keys: Vec<u64>,
    /// Of all that is compared, the group included.
    pub(crate) rows: Vec<u64>,
}

impl Summary {
    /// Reads a side once.
    pub(crate) fn of(
        side: &dyn Side,
        which: Which,
        plan: &Plan,
        bits: u32,
        stop: &AtomicBool,
    ) -> Result<Self, CompareError> {
        let unreadable = |error| CompareError::Unreadable { which, error };
        let mut summary = Self {
            groups: Groups::default(),
            totals: Vec::new(),
            columns: vec![Vec::new(); plan.rules.len()],
            buckets: vec![Bucket::default(); 1 << bits],
            bits,
        };
        for batch in side.look(&plan.names).map_err(unreadable)? {
            if stop.load(Ordering::Relaxed) {
                return Err(CompareError::Stopped);
            }
            summary.add(&batch.map_err(unreadable)?, plan).map_err(unreadable)?;
        }
        Ok(summary)
    }

    fn add(&mut self, batch: &RecordBatch, plan: &Plan) -> Result<(), SideError> {
        let groups = self.groups.of_rows(batch, plan.day, &plan.partition)?;
        let seen = self.groups.seen.len();
        self.totals.resize(seen, Bucket::default());
        self.columns.iter_mut().for_each(|totals| totals.resize(seen, ColumnTotals::default()));
        let Hashes { keys, rows } =
            hash(batch, plan, &groups, &self.groups.hashes, &mut self.columns);
        for ((key, row), group) in keys.into_iter().zip(rows).zip(groups) {
            self.totals[group as usize].add(row);
            self.buckets[bucket_of(key, self.bits)].add(row);
        }
        Ok(())
    }
}

/// What is hashed and noted of one column of a batch.
struct OfColumn<'a> {
    rule: Rule,
    rows: &'a mut [u64],
    groups: &'a [u32],
    totals: &'a mut [ColumnTotals],
}

impl OfColumn<'_> {
    /// Adds a value to the hash of its row, and gives the totals that it belongs to.
    #[inline]
    fn enter(&mut self, row: usize, hash: u64) -> &mut ColumnTotals {
        self.rows[row] = chain(self.rows[row], hash);
        &mut self.totals[self.groups[row] as usize]
    }
}

impl Each for OfColumn<'_> {
    #[inline]
    fn value(&mut self, row: usize, value: Value<'_>) {
        let hash = value.hash(self.rule);
        self.enter(row, hash).note(value, hash);
    }

    #[inline]
    fn small(&mut self, row: usize, number: i64) {
        let hash = mix(number as u64);
        self.enter(row, hash).note_small(number, hash);
    }

    #[inline]
    fn bytes(&mut self, row: usize, bytes: &[u8]) {
        let hash = hash_bytes(bytes);
        self.enter(row, hash).note_bytes(hash);
    }
}

/// Hashes a batch column by column, and notes the values in the totals of each row's group.
pub(crate) fn hash(
    batch: &RecordBatch,
    plan: &Plan,
    groups: &[u32],
    group_hashes: &[u64],
    totals: &mut [Vec<ColumnTotals>],
) -> Hashes {
    let mut rows = vec![0; batch.num_rows()];
    let mut keys = Vec::new();
    for (place, rule) in plan.rules.iter().enumerate() {
        let totals = &mut totals[place];
        let column = OfColumn { rule: *rule, rows: &mut rows, groups, totals };
        rule.show(&unpacked(batch.column(place)), column);
        if place + 1 == plan.key {
            keys = rows.iter().map(|hash| mix(*hash)).collect();
        }
    }
    for (row, group) in rows.iter_mut().zip(groups) {
        *row = mix(chain(*row, group_hashes[*group as usize]));
    }
    Hashes { keys, rows }
}
