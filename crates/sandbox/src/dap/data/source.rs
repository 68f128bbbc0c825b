//! All tables of the source together, with the commit clock they share.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::advance::{Advance, Advanced, advance};
use super::awkward::Awkward;
use super::calendar::{Micros, SECOND};
use super::dictionary::definitions;
use super::evolution::{Evolution, EvolutionError};
use super::rows::{Keys, Reader};
use super::table::{Table, Window};
use crate::draw::{Draw, mix, salt_of};

/// How much data there is and what it looks like.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) total_rows: u64,
    pub(crate) rows: BTreeMap<String, u64>,
    pub(crate) awkward: Vec<Awkward>,
}

/// The source.
#[derive(Debug)]
pub(crate) struct Source {
    tables: BTreeMap<String, Table>,
    keys: Arc<Keys>,
    awkward: Arc<[Awkward]>,
}

/// Why the source cannot do what was asked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SourceError {
    /// No such table, written `namespace.table`.
    #[error("no table `{0}`")]
    NoSuchTable(String),
    /// The schema of the table cannot change so.
    #[error("table `{table}`: {error}")]
    Evolution {
        /// The table.
        table: String,
        /// The reason.
        error: EvolutionError,
    },
}

/// A table held still, with all that is needed to read it.
#[derive(Debug, Clone)]
pub(crate) struct Still {
    pub(crate) table: Table,
    keys: Arc<Keys>,
    awkward: Arc<[Awkward]>,
}

impl Still {
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader::new(&self.table, &self.keys, &self.awkward)
    }

    /// Every row as a replica should hold it, in the order of the row numbers.
    pub(crate) fn into_json_rows(self) -> impl Iterator<Item = Value> + Send {
        const BATCH: u64 = 256;
        let last_row = self.table.last_row;
        (1..=last_row).step_by(BATCH as usize).flat_map(move |first| {
            let reader = self.reader();
            let last = last_row.min(first + BATCH - 1);
            let rows: Vec<Value> = reader
                .rows(Window::Snapshot, first, last)
                .map(|row| reader.to_json(&row))
                .collect();
            rows
        })
    }
}

impl Source {
    /// Fills every table; all rows count as committed at `committed_at`.
    pub(crate) fn new(shape: &Shape, committed_at: Micros) -> Self {
        let definitions = definitions();
        let total_weight: u64 = definitions
            .iter()
            .filter(|table| table.namespace == "canvas")
            .map(|table| table.weight)
            .sum();
        let mut tables = BTreeMap::new();
        let mut keys = Keys::default();
        for definition in definitions {
            let name = format!("{}.{}", definition.namespace, definition.table);
            let fair = (shape.total_rows * definition.weight / total_weight).max(3);
            let rows = shape.rows.get(&name).copied().unwrap_or(fair);
            let table = Table::new(definition, mix(shape.seed, salt_of(&name)), rows, committed_at);
            keys.add(&table);
            tables.insert(name, table);
        }
        Self { tables, keys: Arc::new(keys), awkward: shape.awkward.clone().into() }
    }

    /// The tables of a namespace in alphabetical order; none if there is no such namespace.
    pub(crate) fn table_names(&self, namespace: &str) -> Option<Vec<&'static str>> {
        let names: Vec<&str> = self
            .tables
            .values()
            .filter(|table| table.definition.namespace == namespace)
            .map(|table| table.definition.table)
            .collect();
        (!names.is_empty()).then_some(names)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.tables.keys()
    }

    pub(crate) fn table(&self, name: &str) -> Result<&Table, SourceError> {
        self.tables.get(name).ok_or_else(|| SourceError::NoSuchTable(name.to_owned()))
    }

    fn table_mut(&mut self, name: &str) -> Result<&mut Table, SourceError> {
        self.tables.get_mut(name).ok_or_else(|| SourceError::NoSuchTable(name.to_owned()))
    }

    pub(crate) fn hold_still(&self, name: &str) -> Result<Still, SourceError> {
        Ok(Still {
            table: self.table(name)?.clone(),
            keys: Arc::clone(&self.keys),
            awkward: Arc::clone(&self.awkward),
        })
    }

    /// Changes rows; all changes are committed by `now`, or a second after the last commit if the clock stands still.
    pub(crate) fn advance(
        &mut self,
        wanted: &Advance,
        now: Micros,
    ) -> Result<Advanced, SourceError> {
        for name in &wanted.tables {
            self.table(name)?;
        }
        let selected = |name: &String| wanted.tables.is_empty() || wanted.tables.contains(name);
        let tables: Vec<&mut Table> = self
            .tables
            .iter_mut()
            .filter(|(name, _)| selected(name))
            .map(|(_, table)| table)
            .collect();
        let weights: u64 = tables.iter().map(|table| table.definition.weight).sum();
        let until = commit_time(tables.iter().map(|table| table.watermark), now);
        let mut weight_so_far = 0;
        let mut advanced = Advanced::new();
        for table in tables {
            // Differences of a rising line: the shares add up to the whole, whatever is rounded.
            let before = wanted.changes * weight_so_far / weights;
            weight_so_far += table.definition.weight;
            let share = wanted.changes * weight_so_far / weights - before;
            advanced.insert(table.name(), advance(table, wanted.seed, share, until));
        }
        Ok(advanced)
    }

    /// Changes the schema of a table; returns its new version.
    pub(crate) fn evolve(&mut self, name: &str, evolution: &Evolution) -> Result<u32, SourceError> {
        let table = self.table_mut(name)?;
        let schema = evolution
            .apply(table.schema())
            .map_err(|error| SourceError::Evolution { table: name.to_owned(), error })?;
        let version = schema.version;
        table.change_schema(schema);
        Ok(version)
    }

    /// Changes the schemas of some tables of a namespace.
    pub(crate) fn evolve_somehow(
        &mut self,
        namespace: &str,
        seed: u64,
        changes: u64,
    ) -> Vec<(String, Evolution)> {
        let mut draw = Draw::new(seed);
        let names: Vec<String> = self
            .tables
            .values()
            .filter(|table| table.definition.namespace == namespace)
            .map(Table::name)
            .collect();
        if names.is_empty() {
            return Vec::new();
        }
        (0..changes)
            .map(|_| {
                let name = names[draw.below(names.len() as u64) as usize].clone();
                let evolution = Evolution::somehow(self.tables[&name].schema(), &mut draw);
                self.evolve(&name, &evolution).expect("the change was made for this schema");
                (name, evolution)
            })
            .collect()
    }

    /// Loads a table anew.
    pub(crate) fn reload(&mut self, name: &str, now: Micros) -> Result<(), SourceError> {
        let table = self.table_mut(name)?;
        let committed_at = commit_time(std::iter::once(table.watermark), now);
        table.reload(committed_at);
        Ok(())
    }

    /// Drops the changes of a table that are older than now: earlier queries are out of range.
    pub(crate) fn forget_history(&mut self, name: &str) -> Result<(), SourceError> {
        let table = self.table_mut(name)?;
        table.earliest = table.watermark;
        Ok(())
    }

    /// A client was told that everything up to `until` was delivered: later commits come after it.
    pub(crate) fn promise(&mut self, name: &str, until: Micros) -> Result<(), SourceError> {
        let table = self.table_mut(name)?;
        table.watermark = table.watermark.max(until);
        Ok(())
    }
}

/// Now, or later if that is not after the watermarks.
fn commit_time(watermarks: impl Iterator<Item = Micros>, now: Micros) -> Micros {
    let latest = watermarks.max().unwrap_or(now);
    if latest < now { now } else { latest + SECOND }
}
