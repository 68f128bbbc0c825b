//! The first process: completeness, schema, freshness, uniqueness. It looks at the batch as it came.

use std::collections::BTreeMap;

use crate::checks::Mode;
use crate::checks::completeness::Completeness;
use crate::checks::freshness::Freshness;
use crate::checks::impossible_date::ImpossibleDate;
use crate::checks::reception::Reception;
use crate::checks::row_count::RowCount;
use crate::checks::schema::{Kind, Schema};
use crate::checks::syntax::{Syntax, Unit};
use crate::checks::uniqueness::{Measure, Variety};

use super::reader::{Problems, Table};
use super::{Limits, check_rising, hours, limits};

/// The checks of the first process.
///
/// ```toml
/// [process1]
/// required = ["time", "value"]
/// completeness = { value = { warn = 0.98, fail = 0.9 } }
/// keys = ["station", "time"]
/// freshness_h = { suspect = 0.5, fail = 1 }
/// row_count = { tolerance = 0.02 }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Process1 {
    /// What it may have of each flag and still pass.
    pub limits: Limits,
    /// Columns and their types.
    pub schema: Option<Schema>,
    /// Values that must be there.
    pub completeness: Vec<Completeness>,
    /// The columns whose values must not occur together twice.
    pub keys: Vec<String>,
    /// How varied columns are.
    pub variety: Vec<Variety>,
    /// How many rows there are.
    pub row_count: Option<RowCount>,
    /// How old the newest point is.
    pub freshness: Option<Freshness>,
    /// How old each point is.
    pub reception: Option<Reception>,
    /// Which times are possible.
    pub impossible_date: Option<ImpossibleDate>,
    /// Whether times must differ; in `strict` they must, unless said otherwise.
    pub duplicate_stamp: bool,
    /// What raw lines look like.
    pub syntax: Option<Syntax>,
}

impl Process1 {
    pub(super) fn read(
        table: Option<Table<'_>>,
        mode: Mode,
        cadence_s: Option<f64>,
        outer: Limits,
    ) -> Self {
        let empty = BTreeMap::new();
        let problems = Problems::default();
        let mut table = table.unwrap_or_else(|| Table::new(String::new(), &empty, &problems));
        let process = Self {
            limits: limits(&mut table, outer),
            schema: schema(&mut table),
            completeness: completeness(&mut table),
            keys: table.texts("keys").unwrap_or_default(),
            variety: variety(&mut table),
            row_count: row_count(&mut table, cadence_s),
            freshness: freshness(&mut table),
            reception: hours(&mut table, "reception_h").map(|fail_h| Reception { fail_h }),
            impossible_date: impossible_date(&mut table),
            duplicate_stamp: table.boolean("duplicate_stamp").unwrap_or(mode == Mode::Strict),
            syntax: syntax(&mut table),
        };
        table.finish();
        process
    }
}

fn schema(table: &mut Table<'_>) -> Option<Schema> {
    let required = table.texts("required");
    let forbidden = table.texts("forbidden");
    let types = table.table("types").map(|table| types(&table));
    if required.is_none() && forbidden.is_none() && types.is_none() {
        return None;
    }
    let (required, forbidden) = (required.unwrap_or_default(), forbidden.unwrap_or_default());
    for name in required.iter().filter(|name| forbidden.contains(name)) {
        table.wrong(
            "forbidden",
            format!("`{name}` is required too"),
            "leave it in one of both lists",
        );
    }
    Some(Schema { required, forbidden, types: types.unwrap_or_default() })
}

fn types(table: &Table<'_>) -> Vec<(String, Kind)> {
    table.names(|table, name| Some((name.to_owned(), table.one_of_named(name, &Kind::NAMES)?)))
}

fn completeness(table: &mut Table<'_>) -> Vec<Completeness> {
    let read = |(column, mut table): (&str, Table<'_>)| {
        let (warn, fail) = shares(&mut table);
        let missing = table.texts("missing").unwrap_or_default();
        table.finish();
        Completeness { column: column.to_owned(), warn, fail, missing }
    };
    table.named_tables("completeness").into_iter().map(read).collect()
}

fn variety(table: &mut Table<'_>) -> Vec<Variety> {
    let measures = [Measure::Distinctness, Measure::Uniqueness, Measure::UniqueValueRatio];
    let mut all = Vec::new();
    for measure in measures {
        for (column, mut table) in table.named_tables(measure.name()) {
            let (warn, fail) = shares(&mut table);
            table.finish();
            all.push(Variety { column: column.to_owned(), measure, warn, fail });
        }
    }
    all
}

/// The two levels of a share that must not be too small.
fn shares(table: &mut Table<'_>) -> (Option<f64>, Option<f64>) {
    let (warn, fail) = (table.share("warn"), table.share("fail"));
    if let (Some(warn), Some(fail)) = (warn, fail)
        && warn < fail
    {
        let message = format!("{warn} is below `fail`, which is {fail}");
        table.wrong("warn", message, format!("write at least {fail}"));
    }
    if warn.is_none() && fail.is_none() {
        table.missing("fail", "write a share from 0 to 1 as `warn`, `fail` or both");
    }
    (warn, fail)
}

fn row_count(table: &mut Table<'_>, cadence_s: Option<f64>) -> Option<RowCount> {
    let mut inner = table.table("row_count")?;
    let tolerance = inner.share("tolerance").unwrap_or(0.0);
    inner.finish();
    if cadence_s.is_none() {
        table.wrong(
            "row_count",
            "the cadence is not known",
            "write `cadence_s`, the seconds between two rows",
        );
    }
    Some(RowCount { cadence_s: cadence_s?, tolerance })
}

fn freshness(table: &mut Table<'_>) -> Option<Freshness> {
    if table.is_number("freshness_h") {
        return Some(Freshness { suspect_h: None, fail_h: Some(table.positive("freshness_h")?) });
    }
    let mut table = table.table("freshness_h")?;
    let freshness =
        Freshness { suspect_h: table.positive("suspect"), fail_h: table.positive("fail") };
    check_rising(&table, freshness.suspect_h, freshness.fail_h, ["suspect", "fail"]);
    if freshness.suspect_h.is_none() && freshness.fail_h.is_none() {
        table.missing("fail", "write hours as `suspect`, `fail` or both");
    }
    table.finish();
    Some(freshness)
}

fn impossible_date(table: &mut Table<'_>) -> Option<ImpossibleDate> {
    if table.is_true("impossible_date") {
        return Some(ImpossibleDate::default());
    }
    let mut table = table.table("impossible_date")?;
    let check = ImpossibleDate {
        earliest: table.time("earliest"),
        latest: table.time("latest"),
        future_tolerance: (table.limit("future_tolerance_s").unwrap_or(0.0) * 1e9) as i64,
    };
    if let (Some(earliest), Some(latest)) = (check.earliest, check.latest)
        && earliest > latest
        && table.is_strict()
    {
        table.wrong("earliest", "it is after `latest`", "exchange them");
    }
    table.finish();
    Some(check)
}

fn syntax(table: &mut Table<'_>) -> Option<Syntax> {
    let mut table = table.table("syntax")?;
    let column = table.text("column").unwrap_or("line").to_owned();
    let delimiter = table.text("delimiter").map(str::to_owned);
    let counts = ["fields", "characters", "bytes"].map(|key| amount(&mut table, key));
    if delimiter.is_some() && counts[0].is_none() && table.is_strict() {
        table.wrong("delimiter", "only `fields` have one", "leave it out, or count `fields`");
    }
    let syntax = match counts {
        [Some(count), None, None] => {
            Some((Unit::Fields(delimiter.unwrap_or_else(|| ",".to_owned())), count))
        }
        [None, Some(count), None] => {
            Some((delimiter.map_or(Unit::Characters, Unit::Fields), count))
        }
        [None, None, Some(count)] => {
            Some((delimiter.map_or(Unit::Bytes, Unit::FieldsOfBytes), count))
        }
        _ => {
            table.missing("fields", "write one of `fields`, `characters` and `bytes`");
            None
        }
    };
    table.finish();
    syntax.map(|(unit, count)| Syntax { column, unit, count })
}

/// How many of something a line has. The library takes any number, and no line has a part of a character.
fn amount(table: &mut Table<'_>, key: &'static str) -> Option<f64> {
    if table.is_strict() { table.count(key).map(|count| count as f64) } else { table.number(key) }
}
