//! Rows with their cells: what the formats write and what truth is told from.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::awkward::Awkward;
use super::calendar::Micros;
use super::cell::Cell;
use super::column::{Column, Kind};
use super::generate::{Generator, References, Writing, random_uuid};
use super::recipe::Recipe;
use super::table::{Life, RowState, Table, Window};
use crate::draw::{Draw, mix};

/// One row as a query delivers it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) committed_at: Micros,
    /// A delete has a key and nothing else.
    pub(crate) deleted: bool,
    pub(crate) key: Cell,
    /// In the order of the table's columns.
    pub(crate) cells: Vec<Cell>,
}

/// The keys of all tables, for references between them.
#[derive(Debug, Default)]
pub(crate) struct Keys(HashMap<String, KeySpace>);

#[derive(Debug)]
struct KeySpace {
    rows: u64,
    recipe: Recipe,
}

impl Keys {
    pub(crate) fn add(&mut self, table: &Table) {
        let space = KeySpace { rows: table.last_row, recipe: table.schema().key.recipe.clone() };
        self.0.insert(table.name(), space);
    }
}

impl References for Keys {
    fn key_in(&self, table: &str, draw: &mut Draw) -> i64 {
        match self.0.get(table) {
            Some(space) => integer_key(&space.recipe, 1 + draw.below(space.rows)),
            None => draw.between(1, 1_000_000),
        }
    }
}

/// Reads the rows of one table.
pub(crate) struct Reader<'a> {
    table: &'a Table,
    generator: Generator<'a>,
    /// Per schema version: the column of that version for each column of today.
    columns: Vec<Vec<Option<&'a Column>>>,
    missing: Vec<Cell>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(table: &'a Table, keys: &'a Keys, awkward: &'a [Awkward]) -> Self {
        let today = &table.schema().columns;
        let columns = table
            .schemas
            .iter()
            .map(|schema| {
                let as_of = |column: &'a Column| {
                    if column.filled { Some(column) } else { schema.column(&column.name) }
                };
                today.iter().map(as_of).collect()
            })
            .collect();
        Self {
            table,
            generator: Generator { seed: table.seed, awkward, references: keys },
            columns,
            missing: today.iter().map(default_cell).collect(),
        }
    }

    /// The rows of a query in `first..=last`.
    pub(crate) fn rows(
        &self,
        window: Window,
        first: u64,
        last: u64,
    ) -> impl Iterator<Item = Row> + '_ {
        self.table.rows(window, first, last).map(|(row, state)| self.row(row, state))
    }

    fn row(&self, row: u64, state: RowState) -> Row {
        let deleted = state.life == Life::Deleted;
        Row {
            committed_at: state.committed_at,
            deleted,
            key: self.key(row),
            cells: if deleted { Vec::new() } else { self.cells(row, state) },
        }
    }

    fn key(&self, row: u64) -> Cell {
        let key = &self.table.schema().key;
        match key.kind {
            Kind::Uuid => Cell::Uuid(random_uuid(&mut Draw::new(mix(self.table.seed, row)))),
            _ => Cell::Int(integer_key(&key.recipe, row)),
        }
    }

    fn cells(&self, row: u64, state: RowState) -> Vec<Cell> {
        let writing = Writing {
            row,
            revision: state.revision,
            soft_deleted: state.life == Life::SoftDeleted,
        };
        let columns = &self.columns[state.version as usize - 1];
        columns
            .iter()
            .zip(&self.missing)
            .map(|(column, missing)| match column {
                Some(column) => self.generator.cell(column, writing),
                None => missing.clone(),
            })
            .collect()
    }

    /// The row as a replica should hold it: `{"id": 1, "name": null, ...}`, key first, no column left out.
    pub(crate) fn to_json(&self, row: &Row) -> Value {
        let schema = self.table.schema();
        let columns = std::iter::once(&schema.key).chain(&schema.columns);
        let cells = std::iter::once(&row.key).chain(&row.cells);
        let members: Map<String, Value> = columns
            .zip(cells)
            .map(|(column, cell)| (column.name.clone(), cell.to_json()))
            .collect();
        Value::Object(members)
    }
}

fn integer_key(recipe: &Recipe, row: u64) -> i64 {
    let row = row as i64;
    match recipe {
        Recipe::ShardKey if row % 50 == 0 => 10_000_000_000_000 * (1 + row % 7) + row,
        _ => row,
    }
}

/// What a row holds in a column that is younger than its last writing.
fn default_cell(column: &Column) -> Cell {
    match &column.default {
        None | Some(Value::Null) => Cell::Null,
        Some(Value::Bool(value)) => Cell::Bool(*value),
        Some(Value::String(text)) => Cell::Text(text.clone().into()),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(value) => Cell::Int(value),
            None => Cell::Float64(number.as_f64().expect("a JSON number is an integer or a float")),
        },
        Some(value) => Cell::Json(value.clone()),
    }
}
