//! A dataset: what is read, and how it lies in the lake. Everything is checked by name before the first run.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stepwell_tabular::rows::{Rows, UNKNOWN, Unknown};
use stepwell_tabular::{Column, ColumnType, Location, WriteOptions, arrow_schema};

use crate::source::SourceTable;

/// True in a row that tells of a deletion.
pub const DELETED: &str = "_deleted";
/// When the source changed the row.
pub const CHANGED_AT: &str = "_changed_at";
/// The end of the window in which the row was read; in mode `append`.
pub const INGESTED_AT: &str = "_ingested_at";
/// The place of a row in the array that it comes from; in child datasets.
pub const INDEX: &str = "_index";

/// One dataset, checked.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The table's name in the lake.
    pub name: String,
    /// The declared columns.
    pub columns: Vec<Column>,
    /// The columns that name a row.
    pub key: Vec<String>,
    /// What becomes of what is there already.
    pub mode: Mode,
    /// The column that windows and late arrivals go by; without one it is the source's own time.
    pub event_time: Option<String>,
    /// Into which folders rows go.
    pub partition_by: Vec<Partition>,
    /// How files are written.
    pub write: WriteOptions,
    /// So much of the newest past is not read yet.
    pub settle: SignedDuration,
    /// So much of what was read is read again.
    pub overlap: SignedDuration,
    /// The longest window of one run.
    pub window: Option<SignedDuration>,
    /// Where the first window begins.
    pub since: Option<Timestamp>,
    /// What is done with fields that are not declared.
    pub unknown_fields: Unknown,
    /// How nested records become columns.
    pub flatten: Option<Flatten>,
    /// Arrays that become tables of their own.
    pub children: Vec<Child>,
    /// A part ends behind so many rows.
    pub part_rows: usize,
    /// A part ends behind so many bytes in memory.
    pub part_bytes: usize,
    /// Whether a source without rows may empty a table that has some.
    pub allow_empty: bool,
    /// Where its tables lie, if not where the others do.
    pub target: Option<Location>,
    /// Where rows come from.
    pub source: SourceTable,
}

/// What becomes of what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// New rows beside the old ones: a log.
    Append,
    /// The whole table anew.
    Overwrite,
    /// The partitions that the window or the rows are in, anew.
    OverwritePartitions,
}

/// `flatten = { separator = "_" }`: a column `address_city` is `city` of `address`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {
    /// Between the parts of a name.
    #[serde(default = "underscore")]
    pub separator: String,
}

fn underscore() -> String {
    "_".to_owned()
}

/// An array whose items become rows of the table `<dataset>_<name>`, with the parent's key and [`INDEX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The array: a column of the parent, or a field of its records.
    pub name: String,
    /// The columns of an item.
    pub columns: Vec<Column>,
}

/// A level of folders: `day(modified) as dt` puts rows into `dt=2026-03-01`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The name in the path.
    pub name: String,
    /// The column that decides.
    pub column: String,
    /// How much of a time counts; a plain column without.
    pub unit: Option<Unit>,
}

/// How much of a time counts in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `2026-03`
    Month,
    /// `2026-03-01`
    Day,
    /// `2026-03-01-15`
    Hour,
}

impl Dataset {
    /// Whether rows tell of deletions too.
    pub fn has_deletes(&self) -> bool {
        self.source.has_deletes(self.mode)
    }

    /// Whether every run reads all that the source has, and not a window behind the last one.
    pub fn is_read_whole(&self) -> bool {
        match self.mode {
            Mode::Append => false,
            Mode::Overwrite => true,
            Mode::OverwritePartitions => self.event_time.is_none(),
        }
    }

    /// The columns that a source's chunks have, in this order.
    pub fn read_columns(&self) -> Vec<Column> {
        let mut columns = self.columns.clone();
        let arrays =
            self.children.iter().filter(|it| !columns.iter().any(|known| known.name == it.name));
        let arrays: Vec<_> = arrays.map(|it| Column::new(&it.name, ColumnType::Json)).collect();
        columns.extend(arrays);
        if self.unknown_fields == Unknown::Catch {
            columns.push(Column::new(UNKNOWN, ColumnType::Json));
        }
        if self.has_deletes() {
            columns.push(Column::new(DELETED, ColumnType::Boolean).not_null());
            columns.push(Column::new(CHANGED_AT, ColumnType::Timestamp).not_null());
        }
        columns
    }

    /// [`Self::read_columns`] in Arrow.
    pub fn read_schema(&self) -> arrow::datatypes::SchemaRef {
        arrow_schema(&self.read_columns())
    }

    /// The columns that a row is published with: in the files, and in the paths of plain partitions.
    pub fn published_columns(&self) -> Vec<Column> {
        let mut columns = self.read_columns();
        columns.retain(|it| {
            let is_array = self.children.iter().any(|child| child.name == it.name);
            !is_array || self.columns.contains(it)
        });
        if self.mode == Mode::Append {
            columns.push(Column::new(INGESTED_AT, ColumnType::Timestamp));
        }
        columns
    }

    /// The columns of the files: those of plain partitions stand in the path.
    pub fn file_columns(&self) -> Vec<Column> {
        without_plain(self.published_columns(), &self.partition_by)
    }

    /// The columns that tell the newest row of a key in a log, the strongest first.
    pub fn version_by(&self) -> Vec<String> {
        if self.mode != Mode::Append {
            return Vec::new();
        }
        let changed_at = self.has_deletes().then(|| CHANGED_AT.to_owned());
        let stamp = changed_at.or_else(|| self.event_time.clone());
        stamp.into_iter().chain([INGESTED_AT.to_owned()]).collect()
    }

    /// Rows to be filled by a source.
    pub fn rows(&self) -> Rows {
        let columns = self.read_columns();
        match &self.flatten {
            Some(flatten) => Rows::flattening(&columns, self.unknown_fields, &flatten.separator),
            None => Rows::new(&columns, self.unknown_fields),
        }
    }

    /// A column that a source gives, by name.
    pub fn column(&self, name: &str) -> Option<Column> {
        self.read_columns().into_iter().find(|column| column.name == name)
    }

    /// The table of a child's rows.
    pub fn child_table(&self, child: &Child) -> String {
        format!("{}_{}", self.name, child.name.to_lowercase())
    }

    /// All tables: those of children come first, so that a parent is never there without them.
    pub fn tables(&self) -> Vec<String> {
        let children = self.children.iter().map(|child| self.child_table(child));
        children.chain([self.name.clone()]).collect()
    }

    /// The columns of a child's files: those of plain partitions stand in the path.
    pub fn child_file_columns(&self, child: &Child) -> Vec<Column> {
        without_plain(self.child_columns(child), &self.partition_by)
    }

    /// The columns of a child's rows: the parent's key, the index, the item's columns, and what tells versions apart.
    pub fn child_columns(&self, child: &Child) -> Vec<Column> {
        let mut columns: Vec<_> = self.key.iter().filter_map(|name| self.column(name)).collect();
        columns.push(Column::new(INDEX, ColumnType::Bigint));
        columns.extend(child.columns.iter().cloned());
        for name in self.version_by() {
            let version = self.published_columns().into_iter().find(|column| column.name == name);
            columns.extend(
                version.filter(|version| !columns.iter().any(|it| it.name == version.name)),
            );
        }
        columns
    }

    /// The partition level that goes by the event time, and its unit.
    pub fn time_partition(&self) -> Option<(&Partition, Unit)> {
        self.partition_by
            .iter()
            .filter(|it| Some(&it.column) == self.event_time.as_ref())
            .find_map(|it| it.unit.map(|unit| (it, unit)))
    }

    /// A name for all that decides which bytes a run writes: a run that began under other settings is not gone on with.
    pub fn digest(&self) -> String {
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(format!("{self:?}").as_bytes()))
    }
}

fn without_plain(mut columns: Vec<Column>, partition_by: &[Partition]) -> Vec<Column> {
    columns.retain(|it| !partition_by.iter().any(|by| by.unit.is_none() && by.column == it.name));
    columns
}

impl Unit {
    fn function(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
        }
    }

    /// The name of the folders, if none is given.
    fn default_name(self) -> &'static str {
        match self {
            Self::Day => "dt",
            other => other.function(),
        }
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, name) = match text.split_once(" as ") {
            Some((what, name)) => (what.trim(), Some(name.trim().to_owned())),
            None => (text.trim(), None),
        };
        let call = what.strip_suffix(')').and_then(|it| it.split_once('('));
        let (column, unit) = match call {
            None => (what, None),
            Some(("month", column)) => (column, Some(Unit::Month)),
            Some(("day", column)) => (column, Some(Unit::Day)),
            Some(("hour", column)) => (column, Some(Unit::Hour)),
            Some((function, _)) => {
                return Err(format!(
                    "`{function}` is no unit of time; there are month, day and hour"
                ));
            }
        };
        let column = column.trim().to_owned();
        if column.is_empty() || column.contains(char::is_whitespace) {
            return Err(format!(
                "`{text}` is no partition; write a column, or `day(column)`, and `as name` behind it"
            ));
        }
        if unit.is_none() && name.is_some() {
            return Err(format!("`{text}`: a plain column keeps its name"));
        }
        let default = unit.map_or_else(|| column.clone(), |unit| unit.default_name().to_owned());
        Ok(Self { name: name.unwrap_or(default), column, unit })
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            None => f.write_str(&self.column),
            Some(unit) => write!(f, "{}({}) as {}", unit.function(), self.column, self.name),
        }
    }
}

impl Serialize for Partition {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Partition {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
