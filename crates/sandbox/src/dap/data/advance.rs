//! Moves the source on: inserts, updates, soft and hard deletes, spread over tables by their weight.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calendar::Micros;
use super::generate::is_workflow_state;
use super::recipe::Recipe;
use super::table::{Life, Table};
use crate::draw::{Draw, mix, salt_of};

/// How the source is to move on: `{"seed": 1, "changes": 1000, "tables": ["canvas.users"]}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// Decides which rows change and how.
    pub seed: u64,
    /// How many changes are made in all.
    pub changes: u64,
    /// The tables that change, as `namespace.table`; all if empty.
    #[serde(default)]
    pub tables: Vec<String>,
}

/// What changed, per table as `namespace.table`.
pub type Advanced = BTreeMap<String, TableChanges>;

/// What changed in one table. A row that changes twice counts twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableChanges {
    /// New rows.
    pub inserted: u64,
    /// Rows with new values.
    pub updated: u64,
    /// Rows that were marked as deleted.
    pub soft_deleted: u64,
    /// Rows that are gone.
    pub deleted: u64,
    /// Rows that came and went between two commits: a delete of a key that nobody has seen.
    pub deleted_unseen: u64,
}

/// Makes `changes` changes in one table, committed after its watermark and no later than `until`.
pub(crate) fn advance(table: &mut Table, seed: u64, changes: u64, until: Micros) -> TableChanges {
    let mut draw = Draw::new(mix(seed, salt_of(&table.name())));
    let mut made = TableChanges::default();
    let (from, can_soft_delete) = (table.watermark, can_soft_delete(table));
    for change in 1..=changes {
        let committed_at = between(from, until, change, changes);
        match draw.below(100) {
            0..25 => {
                table.insert(Life::Live, committed_at);
                made.inserted += 1;
            }
            25..28 => {
                table.insert(Life::Deleted, committed_at);
                made.deleted_unseen += 1;
            }
            kind => change_row(table, &mut draw, kind, can_soft_delete, committed_at, &mut made),
        }
    }
    made
}

fn change_row(
    table: &mut Table,
    draw: &mut Draw,
    kind: u64,
    can_soft_delete: bool,
    committed_at: Micros,
    made: &mut TableChanges,
) {
    let Some(row) = pick_row(table, draw) else {
        table.insert(Life::Live, committed_at);
        made.inserted += 1;
        return;
    };
    let (life, count) = match kind {
        28..36 => (Life::Deleted, &mut made.deleted),
        36..46 if can_soft_delete => (Life::SoftDeleted, &mut made.soft_deleted),
        _ => (Life::Live, &mut made.updated),
    };
    *count += 1;
    table.commit(row, life, committed_at);
}

/// A row that is there; none if a few attempts meet only deleted ones.
fn pick_row(table: &Table, draw: &mut Draw) -> Option<u64> {
    (0..8)
        .map(|_| 1 + draw.below(table.last_row))
        .find(|row| *row <= table.last_row && table.state_of(*row).life != Life::Deleted)
}

fn can_soft_delete(table: &Table) -> bool {
    table
        .schema()
        .columns
        .iter()
        .any(|column| is_workflow_state(column) || column.recipe == Recipe::Deleted)
}

/// Point `step` of `steps` on the way from `from` (exclusive) to `to`, in whole milliseconds where there is room for them.
fn between(from: Micros, to: Micros, step: u64, steps: u64) -> Micros {
    let way = i128::from(to - from) * i128::from(step) / i128::from(steps);
    let at = from + way as i64;
    let whole = at - at.rem_euclid(1_000);
    if step < steps && from < whole { whole } else { to }
}
