//! What the first reading leaves of a side: totals of every day, a count and a sum for every bucket.

use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::RecordBatch;

use crate::column::ColumnTotals;
use crate::error::{CompareError, Which};
use crate::group::Groups;
use crate::layout::Plan;
use crate::rule::unpacked;
use crate::selection::bucket_of;
use crate::value::{chain, mix};
use crate::{Side, SideError};

/// Rows whose keys have hashes with the same first bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// The sum of the hashes of the rows.
    pub(crate) sum: u64,
    pub(crate) rows: u64,
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
        for batch in side.read(&plan.names, None).map_err(unreadable)? {
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
            for into in
                [&mut self.totals[group as usize], &mut self.buckets[bucket_of(key, self.bits)]]
            {
                into.sum = into.sum.wrapping_add(row);
                into.rows += 1;
            }
        }
        Ok(())
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
        rule.for_each(&unpacked(batch.column(place)), |row, value| {
            let hash = value.hash(*rule);
            rows[row] = chain(rows[row], hash);
            totals[groups[row] as usize].note(value, hash);
        });
        if place + 1 == plan.key {
            keys = rows.iter().map(|hash| mix(*hash)).collect();
        }
    }
    for (row, group) in rows.iter_mut().zip(groups) {
        *row = mix(chain(*row, group_hashes[*group as usize]));
    }
    Hashes { keys, rows }
}
