//! The second process: range and validity. It looks at each point alone.

use std::collections::BTreeMap;

use regex::Regex;

use crate::checks::climatology::{Climatology, Member, Period, When};
use crate::checks::cross_field::CrossField;
use crate::checks::distance::Method;
use crate::checks::drift::{Drift, Reference};
use crate::checks::gross_range::GrossRange;
use crate::checks::location::Location;
use crate::checks::location_bounds::LocationBounds;
use crate::checks::percentile_range::PercentileRange;
use crate::checks::reference_percentile::ReferencePercentile;
use crate::checks::valid_range::ValidRange;
use crate::checks::validity::Validity;
use crate::checks::{Mode, Span};

use super::reader::{Problems, Table};
use super::{Limits, check_any, check_levels, check_rising, limits};

/// The checks of the second process.
///
/// ```toml
/// [process2]
/// gross_range = { fail = [0, 25], suspect = [5, 13] }
/// climatology = [{ period = "month", tspan = [6, 8], vspan = [10, 20] }]
/// validity = { status = { values = ["ok", "service"] } }
/// rules = ["min <= value <= max"]
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Process2 {
    /// What it may have of each flag and still pass.
    pub limits: Limits,
    /// What is possible and what is expected.
    pub gross_range: Option<GrossRange>,
    /// Values between two ends.
    pub valid_range: Option<ValidRange>,
    /// The extremes of the series itself.
    pub percentile_range: Option<PercentileRange>,
    /// Values outside of what history showed.
    pub reference_percentile: Option<ReferencePercentile>,
    /// What is usual at a time and depth.
    pub climatology: Option<Climatology>,
    /// Places that exist.
    pub location: Option<Location>,
    /// Places in an area.
    pub location_bounds: Option<LocationBounds>,
    /// Columns of texts.
    pub validity: Vec<Validity>,
    /// Columns that must agree.
    pub rules: Vec<CrossField>,
    /// How values are distributed.
    pub drift: Option<Drift>,
}

impl Process2 {
    pub(super) fn read(table: Option<Table<'_>>, outer: Limits) -> Self {
        let empty = BTreeMap::new();
        let problems = Problems::default();
        let mut table = table.unwrap_or_else(|| Table::new(String::new(), &empty, &problems));
        let process = Self {
            limits: limits(&mut table, outer),
            gross_range: gross_range(&mut table),
            valid_range: valid_range(&mut table),
            percentile_range: table.table("percentile_range").map(percentile_range),
            reference_percentile: table
                .table("reference_percentile")
                .and_then(reference_percentile),
            climatology: climatology(&mut table),
            location: location(&mut table),
            location_bounds: table.table("location_bounds").and_then(location_bounds),
            validity: validity(&mut table),
            rules: rules(&mut table),
            drift: table.table("drift").and_then(drift),
        };
        refuse_land(&mut table);
        table.finish();
        process
    }
}

/// The library takes land out of a database of shorelines, GSHHG, in a package of its own that it does not bring along.
fn refuse_land(table: &mut Table<'_>) {
    if table.get("location_on_land").is_some() {
        let message =
            "the database of shorelines that the check needs, GSHHG, is not part of stepwell";
        let help = "draw the land around the stream: `location_bounds = { polygon = [[lon, lat], …], fail = \"inside\" }`";
        table.wrong("location_on_land", message, help);
    }
}

fn gross_range(table: &mut Table<'_>) -> Option<GrossRange> {
    let mut table = table.table("gross_range")?;
    let (fail, suspect) = (table.span("fail"), table.span("suspect"));
    check_inside(&table, "suspect", suspect, fail);
    if table.get("fail").is_none() {
        table.missing("fail", "write the possible values, such as [0, 25]");
    }
    table.finish();
    Some(GrossRange { fail: fail?, suspect })
}

fn check_inside(table: &Table<'_>, key: &str, inner: Option<Span>, outer: Option<Span>) {
    if let (Some(inner), Some(outer)) = (inner, outer)
        && !(outer.holds(inner.low()) && outer.holds(inner.high()))
    {
        let message = format!("{inner} is not inside of {outer}, outside of which values FAIL");
        let (low, high) = (inner.low().max(outer.low()), inner.high().min(outer.high()));
        let help = if low <= high {
            format!("write [{low}, {high}]")
        } else {
            format!("write a part of {outer}")
        };
        table.wrong(key, message, help);
    }
}

fn valid_range(table: &mut Table<'_>) -> Option<ValidRange> {
    let mut table = table.table("valid_range")?;
    let check = ValidRange {
        min: table.bound("min"),
        max: table.bound("max"),
        min_inclusive: table.boolean("min_inclusive").unwrap_or(true),
        max_inclusive: table.boolean("max_inclusive").unwrap_or(false),
    };
    check_levels(&table, check.min, check.max, ["min", "max"]);
    check_any(&mut table, ["min", "max"]);
    table.finish();
    Some(check)
}

fn percentile_range(mut table: Table<'_>) -> PercentileRange {
    let pad = table.threshold("pad").unwrap_or(0.0);
    let check = PercentileRange { pad, ..percentiles(&mut table) };
    check_levels(&table, Some(check.low), Some(check.high), ["low", "high"]);
    table.finish();
    check
}

fn percentiles(table: &mut Table<'_>) -> PercentileRange {
    PercentileRange {
        low: table.between("low", 0.0, 100.0).unwrap_or(5.0),
        high: table.between("high", 0.0, 100.0).unwrap_or(95.0),
        pad: 0.0,
    }
}

fn reference_percentile(mut table: Table<'_>) -> Option<ReferencePercentile> {
    let pad = table.limit("pad").unwrap_or(0.0);
    let range = PercentileRange { pad, ..percentiles(&mut table) };
    check_rising(&table, Some(range.low), Some(range.high), ["low", "high"]);
    let reference = sample(&mut table);
    table.finish();
    Some(ReferencePercentile { reference: reference?, range })
}

/// The key `reference`: values of history.
fn sample(table: &mut Table<'_>) -> Option<Vec<f64>> {
    match table.numbers("reference") {
        Some(values) if !values.is_empty() => Some(values),
        Some(_) => {
            table.wrong("reference", "it is empty", "write values of history");
            None
        }
        None => {
            if table.get("reference").is_none() {
                table.missing("reference", "write values of history");
            }
            None
        }
    }
}

fn climatology(table: &mut Table<'_>) -> Option<Climatology> {
    let members = table.tables("climatology")?;
    if members.is_empty() && table.is_strict() {
        table.wrong("climatology", "it is empty", "write at least one member, or leave it out");
    }
    let members = members.into_iter().filter_map(member).collect();
    Some(Climatology { members })
}

fn member(mut table: Table<'_>) -> Option<Member> {
    let period = table.one_of("period", &Period::NAMES);
    let when = match (table.get("period").is_some(), period) {
        (true, Some(period)) => {
            table.pair("tspan").map(|[from, to]| When::Period(period, from, to))
        }
        (true, None) => None,
        (false, _) => table.times("tspan").map(|[from, to]| {
            // The library sorts dates; a span that ends before it starts is a mistake otherwise.
            if table.is_strict() && to < from {
                table.wrong("tspan", "it ends before it starts", "exchange both dates");
            }
            When::Dates(from, to)
        }),
    };
    let (suspect, fail, depths) = (table.span("vspan"), table.span("fspan"), table.span("zspan"));
    for key in ["tspan", "vspan"] {
        if table.get(key).is_none() {
            table.missing(key, "a member has a time `tspan` and values `vspan`");
        }
    }
    if table.is_strict() {
        check_inside(&table, "vspan", suspect, fail);
    }
    table.finish();
    Some(Member { when: when?, suspect: suspect?, fail, depths })
}

fn location(table: &mut Table<'_>) -> Option<Location> {
    // The library measures on a sphere unless told otherwise.
    let range_method = match table.mode() {
        Mode::IoosQc3_0 => Method::Haversine,
        Mode::Strict => Method::Wgs84,
    };
    if table.is_true("location") {
        return Some(Location { range_max_m: None, range_method });
    }
    let mut table = table.table("location")?;
    let methods = [("wgs84", Method::Wgs84), ("haversine", Method::Haversine)];
    let check = Location {
        range_max_m: table.threshold("range_max_m"),
        range_method: table.one_of("range_method", &methods).unwrap_or(range_method),
    };
    table.finish();
    Some(check)
}

fn location_bounds(mut table: Table<'_>) -> Option<LocationBounds> {
    let sides = [("outside", false), ("inside", true)];
    let fails_inside = table.one_of("fail", &sides).unwrap_or(false);
    let bbox = table.numbers("bbox");
    let polygon = table.points("polygon");
    let check = match (bbox.as_deref(), polygon) {
        (Some(&[west, south, east, north]), None) => {
            Some(LocationBounds::of_box([west, south, east, north], fails_inside))
        }
        (None, Some(polygon)) if polygon.len() >= 3 => {
            Some(LocationBounds { polygon, fails_inside })
        }
        _ => {
            let help = "write `bbox` as [west, south, east, north], or `polygon` as at least three [lon, lat]";
            table.wrong("bbox", "there is no area", help);
            None
        }
    };
    table.finish();
    check
}

fn validity(table: &mut Table<'_>) -> Vec<Validity> {
    let read = |(column, mut table): (&str, Table<'_>)| {
        let values = table.values("values");
        let regex = table.text("regex").and_then(|text| match Regex::new(text) {
            Ok(regex) => Some(regex),
            Err(error) => {
                table.wrong(
                    "regex",
                    format!("\"{text}\" is no regular expression: {error}"),
                    "correct it",
                );
                None
            }
        });
        if table.get("values").is_none() && table.get("regex").is_none() {
            table.missing("values", "write `values`, `regex` or both");
        }
        table.finish();
        Validity { column: column.to_owned(), values, regex }
    };
    table.named_tables("validity").into_iter().map(read).collect()
}

fn rules(table: &mut Table<'_>) -> Vec<CrossField> {
    let mut rules = Vec::new();
    for text in table.texts("rules").unwrap_or_default() {
        match CrossField::parse(&text) {
            Ok(rule) => rules.push(rule),
            Err(message) => {
                table.wrong("rules", message, "write a rule such as \"min <= value <= max\"");
            }
        }
    }
    rules
}

fn drift(mut table: Table<'_>) -> Option<Drift> {
    let reference = match table.one_of("method", &[("psi", true), ("ks", false)]) {
        Some(true) => psi(&mut table),
        Some(false) => sample(&mut table).map(|mut sample| {
            sample.sort_unstable_by(f64::total_cmp);
            Reference::Ks { sample }
        }),
        None => {
            if table.get("method").is_none() {
                table.missing("method", "write \"psi\" or \"ks\"");
            }
            None
        }
    };
    let (suspect, fail) =
        (table.limit("suspect").unwrap_or(0.1), table.limit("fail").unwrap_or(0.25));
    check_rising(&table, Some(suspect), Some(fail), ["suspect", "fail"]);
    table.finish();
    Some(Drift { reference: reference?, suspect, fail })
}

fn psi(table: &mut Table<'_>) -> Option<Reference> {
    let (edges, expected) = (table.numbers("edges"), table.numbers("expected"));
    let (Some(edges), Some(expected)) = (edges, expected) else {
        table.missing(
            "edges",
            "write the edges between bins, and the share of each bin as `expected`",
        );
        return None;
    };
    if !edges.is_sorted_by(|a, b| a < b) {
        table.wrong("edges", "they do not rise", "write them in rising order");
    }
    if expected.len() != edges.len() + 1 {
        let message = format!("{} shares for {} bins", expected.len(), edges.len() + 1);
        table.wrong(
            "expected",
            message,
            "write one more share than edges: the first and last bin are open",
        );
    }
    if expected.iter().any(|share| *share < 0.0) || expected.iter().sum::<f64>() <= 0.0 {
        table.wrong("expected", "shares are zero or more, and not all zero", "correct them");
    }
    Some(Reference::Psi { edges, expected })
}
