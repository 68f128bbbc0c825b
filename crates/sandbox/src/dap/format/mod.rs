//! The formats in which results are delivered, and which columns a result has.

pub(crate) mod csv;
pub(crate) mod jsonl;
pub(crate) mod parquet;
pub(crate) mod tabular;
pub(crate) mod tsv;

use serde::{Deserialize, Serialize};

use super::data::cell::Cell;
use super::data::column::{Kind, TableSchema};
use super::data::rows::Row;

/// `format` of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Tab-separated values as PostgreSQL's `COPY` reads them.
    Tsv,
    /// RFC 4180 with a literal `NULL`.
    Csv,
    /// One JSON object per line.
    Jsonl,
    /// Apache Parquet, Snappy inside.
    Parquet,
}

impl Format {
    /// The end of a file name.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Tsv => "tsv.gz",
            Self::Csv => "csv.gz",
            Self::Jsonl => "jsonl.gz",
            Self::Parquet => "parquet",
        }
    }
}

/// `mode` of a query: how nested objects become columns of a tabular format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// One column per member.
    #[default]
    Expanded,
    /// One column with JSON.
    Condensed,
}

/// Writes rows as text.
pub(crate) trait TextFormat: Send {
    /// What every file starts with.
    fn header(&self, out: &mut String);
    fn row(&self, row: &Row, out: &mut String);
}

/// What a result looks like: the columns, and whether it says `U` or `D`.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Incremental results tell upserts from deletes; snapshots have neither.
    pub(crate) incremental: bool,
    pub(crate) key_name: String,
    pub(crate) columns: Vec<OutputColumn>,
}

/// A column of a tabular result.
#[derive(Debug, Clone)]
pub(crate) struct OutputColumn {
    /// Without the section: `settings.course_format`.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// The column of the table.
    source: usize,
    /// The member of its nested object.
    member: Option<usize>,
}

impl OutputColumn {
    /// The cell of this column; a missing object has no members.
    pub(crate) fn cell<'a>(&self, cells: &'a [Cell]) -> &'a Cell {
        match (self.member, &cells[self.source]) {
            (Some(member), Cell::Object(members)) => &members[member].1,
            (_, cell) => cell,
        }
    }
}

impl Layout {
    pub(crate) fn new(schema: &TableSchema, mode: Mode, incremental: bool) -> Self {
        let mut columns = Vec::new();
        for (source, column) in schema.columns.iter().enumerate() {
            match (&column.kind, mode) {
                (Kind::Object(fields), Mode::Expanded) => {
                    columns.extend(fields.iter().enumerate().map(|(member, field)| OutputColumn {
                        name: format!("{}.{}", column.name, field.name),
                        kind: field.kind.clone(),
                        required: false,
                        source,
                        member: Some(member),
                    }));
                }
                (kind, _) => columns.push(OutputColumn {
                    name: column.name.clone(),
                    kind: kind.clone(),
                    required: column.required,
                    source,
                    member: None,
                }),
            }
        }
        Self { incremental, key_name: schema.key.name.clone(), columns }
    }

    /// `meta.ts`, `meta.action`, `key.id`, `value.name`, ...
    pub(crate) fn headers(&self) -> Vec<String> {
        let action = self.incremental.then(|| "meta.action".to_owned());
        std::iter::once("meta.ts".to_owned())
            .chain(action)
            .chain([format!("key.{}", self.key_name)])
            .chain(self.columns.iter().map(|column| format!("value.{}", column.name)))
            .collect()
    }
}

/// `meta.action` of a row.
fn action(row: &Row) -> &'static str {
    if row.deleted { "D" } else { "U" }
}

/// True if the cell has nothing to say: null, or an object of nulls.
fn is_null(cell: &Cell) -> bool {
    match cell {
        Cell::Null => true,
        Cell::Object(members) => members.iter().all(|(_, member)| *member == Cell::Null),
        _ => false,
    }
}
