//! The settings of one dataset: the lake's keys, and those that its source owns.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use stepwell_tabular::rows::Unknown;
use stepwell_tabular::{Column, ColumnType, Compression, Format, Kind, Location, WriteOptions};

use crate::dataset::{Child, Dataset, Flatten, Mode, Partition};
use crate::reconcile::handlers::{DAILY, DIFFERENCES};
use crate::source::SourceTable;

/// Fits the settling time of most sources: what is older is there.
const SETTLE_SECONDS: u64 = 300;
const PART_ROWS: usize = 500_000;
const PART_MEBIBYTES: usize = 32;

/// The settings of a dataset, `[pipelines.lake.tables.NAME]`.
///
/// What is not a key of the lake belongs to the source and is checked by it.
#[derive(Debug, Clone)]
pub struct TableSettings {
    own: Own,
    pub(super) source: SourceTable,
}

/// The keys of the lake.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Own {
    columns: Vec<Column>,
    key: Vec<String>,
    mode: Option<Mode>,
    event_time: Option<String>,
    partition_by: Vec<Partition>,
    format: Option<Format>,
    compression: Option<Compression>,
    compression_level: Option<i32>,
    settle_seconds: Option<u64>,
    overlap_seconds: u64,
    window_seconds: Option<u64>,
    since: Option<Timestamp>,
    unknown_fields: Unknown,
    flatten: Option<Flatten>,
    children: BTreeMap<String, ChildSettings>,
    part_rows: Option<usize>,
    part_mebibytes: Option<usize>,
    allow_empty: bool,
    target: Option<Location>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChildSettings {
    columns: Vec<Column>,
}

const OWN: &[&str] = &[
    "columns",
    "key",
    "mode",
    "event_time",
    "partition_by",
    "format",
    "compression",
    "compression_level",
    "settle_seconds",
    "overlap_seconds",
    "window_seconds",
    "since",
    "unknown_fields",
    "flatten",
    "children",
    "part_rows",
    "part_mebibytes",
    "allow_empty",
    "target",
];

impl<'de> Deserialize<'de> for TableSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut keys = Map::<String, Value>::deserialize(deserializer)?;
        let own: Map<_, _> = OWN.iter().filter_map(|key| keys.remove_entry(*key)).collect();
        let own = serde_path_to_error::deserialize(Value::Object(own)).map_err(D::Error::custom)?;
        let Some(Value::String(kind)) = keys.remove("source") else {
            return Err(D::Error::custom(format!(
                "the key `source` is missing; there are {}",
                SourceTable::KINDS.join(", ")
            )));
        };
        let source = SourceTable::of(&kind, Value::Object(keys)).map_err(D::Error::custom)?;
        Ok(Self { own, source })
    }
}

/// Names of tables and databases, as Glue and Athena want them.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

impl TableSettings {
    /// The dataset, or everything that is wrong with it.
    pub(crate) fn dataset(self, name: &str) -> Result<Dataset, Vec<String>> {
        let Self { own, source } = self;
        let seconds = |value: u64| SignedDuration::from_secs(value.min(u64::from(u32::MAX)) as i64);
        let mut problems = Vec::new();
        let kind = kind(&own, &mut problems);
        let mut write = WriteOptions::of(kind);
        write.level = own.compression_level.unwrap_or(write.level);
        let children =
            own.children.into_iter().map(|(name, it)| Child { name, columns: it.columns });
        let dataset = Dataset {
            name: name.to_owned(),
            columns: own.columns,
            key: own.key,
            mode: own.mode.unwrap_or(Mode::Overwrite),
            event_time: own.event_time,
            partition_by: own.partition_by,
            write,
            settle: seconds(own.settle_seconds.unwrap_or(SETTLE_SECONDS)),
            overlap: seconds(own.overlap_seconds),
            window: own.window_seconds.map(seconds),
            since: own.since,
            unknown_fields: own.unknown_fields,
            flatten: own.flatten,
            children: children.collect(),
            part_rows: own.part_rows.unwrap_or(PART_ROWS),
            part_bytes: own.part_mebibytes.unwrap_or(PART_MEBIBYTES) << 20,
            allow_empty: own.allow_empty,
            target: own.target,
            source,
        };
        problems.extend(found_problems(&dataset));
        if problems.is_empty() { Ok(dataset) } else { Err(problems) }
    }
}

fn kind(own: &Own, problems: &mut Vec<String>) -> Kind {
    let format = own.format.unwrap_or(Format::Parquet);
    let default = if format == Format::Parquet { Compression::Zstd } else { Compression::Gzip };
    let compression = own.compression.unwrap_or(default);
    if compression == Compression::Snappy && format != Format::Parquet {
        problems
            .push("`compression = \"snappy\"` is for Parquet; write gzip, zstd or none".to_owned());
    }
    Kind { format, compression }
}

fn found_problems(dataset: &Dataset) -> Vec<String> {
    let mut problems = Vec::new();
    if !is_name(&dataset.name) {
        problems.push(
            "its name is no table's; use small letters, digits and `_`, a letter first".to_owned(),
        );
    }
    for name in dataset.tables().iter().filter(|name| [DAILY, DIFFERENCES].contains(&name.as_str()))
    {
        problems.push(format!("`{name}` is where the lake keeps the results of its proofs"));
    }
    if dataset.columns.is_empty() {
        problems.push("the key `columns` is missing; declare each as `name type`".to_owned());
    }
    if dataset.part_rows == 0 || dataset.part_bytes == 0 {
        problems.push("`part_rows` and `part_mebibytes` must be above zero".to_owned());
    }
    if dataset.window.is_some_and(|window| window.is_zero()) {
        problems.push("`window_seconds` is zero".to_owned());
    }
    if let Some(Location::Http(_)) = dataset.target {
        problems.push(
            "`target` is a web server, which cannot be written to; write a folder, or `s3://bucket/prefix`"
                .to_owned(),
        );
    }
    problems.extend(column_problems(&dataset.columns));
    problems.extend(place_problems(dataset));
    problems.extend(name_problems(dataset));
    problems.extend(partition_problems(dataset));
    problems.extend(mode_problems(dataset));
    problems.extend(child_problems(dataset));
    problems.extend(dataset.source.problems(dataset));
    problems
}

/// Two names that differ in their case alone are one name to Athena.
fn column_problems(columns: &[Column]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for column in columns {
        if column.name.starts_with('_') {
            problems.push(format!(
                "the column `{}` begins with `_`, as the lake's own columns do",
                column.name
            ));
        }
        if !seen.insert(column.name.to_lowercase()) {
            problems.push(format!(
                "the column `{}` is there twice; names differ in more than their case",
                column.name
            ));
        }
    }
    problems
}

/// A value goes into one column, except where the source itself is asked for each.
fn place_problems(dataset: &Dataset) -> Vec<String> {
    if matches!(dataset.source, SourceTable::Postgres(_) | SourceTable::Sql(_)) {
        return Vec::new();
    }
    let places = dataset.columns.iter().map(Column::place);
    let is_in = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let mut problems = Vec::new();
    for (at, place) in places.clone().enumerate() {
        let mut others = places.clone().skip(at + 1);
        if let Some(other) = others.find(|other| is_in(other, place) || is_in(place, other)) {
            problems.push(format!(
                "two columns come from `{place}` and `{other}`, which is one value; read it once, and derive the other in a dataset of `sql`"
            ));
        }
    }
    problems
}

fn name_problems(dataset: &Dataset) -> Vec<String> {
    let mut problems = Vec::new();
    let unknown = |key: &str, name: &str| {
        let names = dataset.columns.iter().map(|column| column.name.as_str());
        let meant = stepwell_pipeline::suggest::closest(name, names);
        let help = meant.map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
        format!("`{key}` names `{name}`, which is no column{help}")
    };
    for name in &dataset.key {
        if dataset.column(name).is_none() {
            problems.push(unknown("key", name));
        }
    }
    if let Some(name) = &dataset.event_time {
        match dataset.column(name) {
            None => problems.push(unknown("event_time", name)),
            Some(column) if !matches!(column.kind, ColumnType::Timestamp | ColumnType::Date) => {
                problems.push(format!(
                    "`event_time` is `{name}`, a {}; it must be a timestamp or a date",
                    column.kind
                ));
            }
            Some(_) => {}
        }
    }
    for by in &dataset.partition_by {
        if dataset.column(&by.column).is_none() {
            problems.push(unknown("partition_by", &by.column));
        }
    }
    problems
}

fn partition_problems(dataset: &Dataset) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for by in &dataset.partition_by {
        let Some(column) = dataset.column(&by.column) else { continue };
        let is_time = matches!(column.kind, ColumnType::Timestamp | ColumnType::Date);
        if by.unit.is_some() && !is_time {
            problems.push(format!(
                "`partition_by`: `{}` is a {}, which has no days",
                by.column, column.kind
            ));
        }
        if by.unit.is_none()
            && !matches!(
                column.kind,
                ColumnType::String
                    | ColumnType::Int
                    | ColumnType::Bigint
                    | ColumnType::Boolean
                    | ColumnType::Date
            )
        {
            problems
                .push(format!("`partition_by`: folders cannot be named after a {}", column.kind));
        }
        if by.unit.is_some() && dataset.column(&by.name).is_some() {
            problems.push(format!(
                "`partition_by`: `{}` is a column already; write `as` and another name",
                by.name
            ));
        }
        if !names.insert(&by.name) {
            problems.push(format!("`partition_by` has `{}` twice", by.name));
        }
    }
    let in_files = dataset.file_columns();
    if !dataset.columns.is_empty() && in_files.is_empty() {
        problems
            .push("every column is in `partition_by`, so nothing is left for the files".to_owned());
    }
    problems
}

fn mode_problems(dataset: &Dataset) -> Vec<String> {
    let mut problems = Vec::new();
    if dataset.mode == Mode::Append && !dataset.overlap.is_zero() && dataset.key.is_empty() {
        problems.push(
            "`overlap_seconds` brings rows again, which only a `key` tells apart in a log; name the columns of the key"
                .to_owned(),
        );
    }
    if dataset.mode == Mode::OverwritePartitions && dataset.partition_by.is_empty() {
        problems.push("`mode = \"overwrite_partitions\"` needs `partition_by`".to_owned());
    }
    if dataset.mode == Mode::OverwritePartitions
        && dataset.event_time.is_some()
        && dataset.time_partition().is_none()
    {
        problems.push(
            "`mode = \"overwrite_partitions\"` with `event_time` reads windows of time, which must be whole partitions; \
             partition by `day(…)` of it"
                .to_owned(),
        );
    }
    if dataset.has_deletes() && dataset.mode != Mode::Append {
        problems
            .push("its source tells of deletions, which only `mode = \"append\"` keeps".to_owned());
    }
    if dataset.has_deletes() && dataset.key.is_empty() {
        problems.push("its source tells of deletions, so `key` must name a row".to_owned());
    }
    problems
}

fn child_problems(dataset: &Dataset) -> Vec<String> {
    let mut problems = Vec::new();
    if !dataset.children.is_empty() && dataset.key.is_empty() {
        problems.push("`children` need the parent's `key`".to_owned());
    }
    for child in &dataset.children {
        if dataset.column(&child.name).is_some_and(|column| column.kind != ColumnType::Json) {
            problems
                .push(format!("the child `{}` is a column of another type than json", child.name));
        }
        if !is_name(&child.name.to_lowercase()) {
            problems.push(format!("`{}` is no name for a child's table", child.name));
        }
        if child.columns.is_empty() {
            problems.push(format!("the child `{}` has no `columns`", child.name));
        }
        problems.extend(
            column_problems(&child.columns)
                .into_iter()
                .map(|it| format!("the child `{}`: {it}", child.name)),
        );
        for column in &child.columns {
            if dataset.key.contains(&column.name) || dataset.version_by().contains(&column.name) {
                problems.push(format!(
                    "the child `{}`: `{}` comes from its parent",
                    child.name, column.name
                ));
            }
        }
    }
    problems
}
