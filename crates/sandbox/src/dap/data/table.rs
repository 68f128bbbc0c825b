//! One table of the source: what it started with, what has changed since, and what a query over it sees.
//!
//! The rows it started with are not stored, only their number; changes are. A clone is cheap and stays as it is while the original
//! moves on, which is how a job keeps the state of the moment it was created.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calendar::{DAY, Micros};
use super::column::TableSchema;
use super::dictionary::Definition;

/// A table with its history.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) definition: Arc<Definition>,
    /// Of sandbox and table together.
    pub(crate) seed: u64,
    /// Every schema version so far; version 1 comes first.
    pub(crate) schemas: Vec<Arc<TableSchema>>,
    /// The number of the youngest row.
    pub(crate) last_row: u64,
    /// How rows stand that are not in `changes`.
    base: RowState,
    changes: Arc<BTreeMap<u64, RowState>>,
    /// Incremental queries reach back to here.
    pub(crate) earliest: Micros,
    /// True once the table was loaded anew: older queries need a snapshot.
    pub(crate) reloaded: bool,
    /// Commits come after this: the latest commit, or the latest `until` that was promised to a client.
    pub(crate) watermark: Micros,
    /// Tells two states of the table apart.
    pub(crate) generation: u64,
}

/// How one row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowState {
    pub(crate) revision: u32,
    /// The schema version it was written under.
    pub(crate) version: u32,
    pub(crate) committed_at: Micros,
    pub(crate) life: Life,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Live,
    /// Marked as deleted; still a row.
    SoftDeleted,
    /// Gone for good.
    Deleted,
}

/// The part of time that a query asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Window {
    Snapshot,
    /// Changes after `since` (or at it, if `repeat_boundary`) up to and including `until`.
    Incremental {
        since: Micros,
        until: Micros,
        repeat_boundary: bool,
    },
}

impl Window {
    fn contains(self, row: RowState) -> bool {
        match self {
            Self::Snapshot => row.life != Life::Deleted,
            Self::Incremental { since, until, repeat_boundary } => {
                let after =
                    since < row.committed_at || (repeat_boundary && since == row.committed_at);
                after && row.committed_at <= until
            }
        }
    }
}

impl Table {
    pub(crate) fn new(definition: Definition, seed: u64, rows: u64, committed_at: Micros) -> Self {
        let schema = Arc::new(definition.schema.clone());
        Self {
            definition: Arc::new(definition),
            seed,
            base: RowState { revision: 0, version: schema.version, committed_at, life: Life::Live },
            schemas: vec![schema],
            last_row: rows,
            changes: Arc::default(),
            earliest: committed_at,
            reloaded: false,
            watermark: committed_at,
            generation: 0,
        }
    }

    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.definition.namespace, self.definition.table)
    }

    pub(crate) fn schema(&self) -> &Arc<TableSchema> {
        self.schemas.last().expect("a table has a schema")
    }

    pub(crate) fn state_of(&self, row: u64) -> RowState {
        self.changes.get(&row).copied().unwrap_or(self.base)
    }

    /// The rows in `first..=last` that a query sees, in order.
    pub(crate) fn rows(
        &self,
        window: Window,
        first: u64,
        last: u64,
    ) -> Box<dyn Iterator<Item = (u64, RowState)> + '_> {
        let seen = move |(_, state): &(u64, RowState)| window.contains(*state);
        match window {
            Window::Snapshot => Box::new(self.all_rows(first, last).filter(seen)),
            Window::Incremental { .. } => Box::new(
                self.changes.range(first..=last).map(|(row, state)| (*row, *state)).filter(seen),
            ),
        }
    }

    /// Walks the changes beside the row numbers instead of looking each row up.
    fn all_rows(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, RowState)> + '_ {
        let mut changes = self.changes.range(first..=last).peekable();
        (first..=last).map(move |row| match changes.next_if(|(changed, _)| **changed == row) {
            Some((_, state)) => (row, *state),
            None => (row, self.base),
        })
    }

    /// Splits what a query sees into ranges of row numbers with about `rows_per_part` rows each.
    pub(crate) fn parts(&self, window: Window, rows_per_part: u64) -> Vec<(u64, u64)> {
        match window {
            Window::Snapshot => (1..=self.last_row)
                .step_by(rows_per_part as usize)
                .map(|first| (first, self.last_row.min(first + rows_per_part - 1)))
                .collect(),
            Window::Incremental { .. } => {
                let rows: Vec<u64> =
                    self.rows(window, 1, self.last_row).map(|(row, _)| row).collect();
                rows.chunks(rows_per_part as usize)
                    .map(|chunk| (chunk[0], chunk[chunk.len() - 1]))
                    .collect()
            }
        }
    }

    /// The earliest `since` that can be answered at this time.
    pub(crate) fn earliest_since(&self, now: Micros) -> Micros {
        let kept = self.definition.retention_days.map_or(i64::MIN, |days| now - days * DAY);
        self.earliest.max(kept)
    }

    /// Records how a row stands from now on.
    pub(crate) fn commit(&mut self, row: u64, life: Life, committed_at: Micros) {
        let before = self.state_of(row);
        let state = RowState {
            revision: before.revision + 1,
            version: self.schema().version,
            committed_at,
            life,
        };
        Arc::make_mut(&mut self.changes).insert(row, state);
        self.moved_to(committed_at);
    }

    /// Adds a row; returns its number.
    pub(crate) fn insert(&mut self, life: Life, committed_at: Micros) -> u64 {
        self.last_row += 1;
        let state = RowState { revision: 0, version: self.schema().version, committed_at, life };
        Arc::make_mut(&mut self.changes).insert(self.last_row, state);
        self.moved_to(committed_at);
        self.last_row
    }

    pub(crate) fn change_schema(&mut self, schema: TableSchema) {
        self.schemas.push(Arc::new(schema));
        self.generation += 1;
    }

    /// Loads the table anew: every row is written again, some are gone, and increments from before are not to be had any more.
    pub(crate) fn reload(&mut self, committed_at: Micros) {
        let version = self.schema().version;
        let gone = (1..=self.last_row).step_by(97).chain(self.rows_of(Life::Deleted));
        let deleted = RowState {
            revision: self.base.revision + 1,
            version,
            committed_at,
            life: Life::Deleted,
        };
        let changes = gone.map(|row| (row, deleted)).collect();
        self.changes = Arc::new(changes);
        // Far above every revision so far, so that no row looks as it did.
        self.base = RowState {
            revision: self.base.revision + 1_000,
            version,
            committed_at,
            life: Life::Live,
        };
        self.earliest = committed_at;
        self.reloaded = true;
        self.moved_to(committed_at);
    }

    fn rows_of(&self, life: Life) -> impl Iterator<Item = u64> + '_ {
        self.changes.iter().filter(move |(_, state)| state.life == life).map(|(row, _)| *row)
    }

    fn moved_to(&mut self, committed_at: Micros) {
        self.watermark = self.watermark.max(committed_at);
        self.generation += 1;
    }
}
