//! The first process: completeness, schema, freshness, uniqueness.

use arrow::array::ArrayRef;
use arrow::error::ArrowError;

use crate::checks::{CheckError, duplicate_stamp, uniqueness};
use crate::config::Process1;
use crate::series::{NAT, instant};

use super::run::{Carried, Run};

pub(super) fn run(run: &mut Run<'_>, checks: &Process1) {
    schema(run, checks);
    completeness(run, checks);
    uniqueness(run, checks);
    let (times, mode) = (run.stretch.judged.times(), run.mode());
    let (now, window) = (run.about.now, run.about.window);
    run.carried.rows.add(times, window);
    if let Some(check) = &checks.row_count {
        let limits = format!("one row in {} s, tolerance {}", check.cadence_s, check.tolerance);
        run.whole("row_count", limits, |carried| Ok(check.judge(&carried.rows, window)));
    }
    if let Some(check) = &checks.freshness {
        let limits = levels(check.suspect_h, check.fail_h, "h");
        run.whole("freshness", limits, |it| Ok(check.judge(it.rows.latest(), now)));
    }
    if let Some(check) = &checks.reception {
        run.points(
            "reception",
            format!("fail {} h", check.fail_h),
            Ok(check.flags(mode, times, now)),
        );
    }
    if let Some(check) = &checks.impossible_date {
        let end =
            |time: Option<i64>| time.and_then(instant).map(|it| it.to_string()).unwrap_or_default();
        let limits = format!("from {} to {}", end(check.earliest), end(check.latest.or(Some(now))));
        run.points("impossible_date", limits, Ok(check.flags(times, now)));
    }
    if checks.duplicate_stamp {
        let flags = duplicate_stamp::flags(run.stretch.all.times());
        run.points("duplicate_stamp", "", Ok(run.stretch.flags_of_judged(flags)));
    }
    if let Some(check) = &checks.syntax {
        let flags = run.texts("syntax", &check.column).map(|lines| check.flags(mode, &lines));
        run.points("syntax", format!("{} {}", check.count, check.unit), flags);
    }
}

fn schema(run: &mut Run<'_>, checks: &Process1) {
    if let Some(check) = &checks.schema {
        let judgement = check.judge(run.about.schema);
        let limits = format!("required {}", check.required.join(", "));
        run.whole("schema", limits, |_| Ok(judgement));
    }
}

fn completeness(run: &mut Run<'_>, checks: &Process1) {
    for (at, check) in checks.completeness.iter().enumerate() {
        let is_missing = missing_as_role(run, &check.column);
        let counted = run
            .column("completeness", &check.column)
            .map(|column| check.count(&mut run.carried.filled[at], column, is_missing));
        let name = format!("completeness:{}", check.column);
        let judge = |carried: &mut Carried| counted.map(|()| check.judge(carried.filled[at]));
        run.whole(name, levels(check.warn, check.fail, ""), judge);
    }
}

/// Which rows lack what the checks read out of a column: a text that is no number is no value.
fn missing_as_role<'a>(run: &Run<'a>, column: &str) -> Box<dyn Fn(usize) -> bool + 'a> {
    let (series, columns) = (run.stretch.judged, &run.about.config.columns);
    let is = |name: &Option<String>| name.as_deref() == Some(column);
    let position = series.position();
    let numbers = match column {
        name if name == columns.time => {
            return Box::new(move |row| series.times()[row] == NAT);
        }
        name if name == columns.value => Some(series.values()),
        _ if is(&columns.depth) => series.depth(),
        _ if is(&columns.lon) => position.map(|(lon, _)| lon),
        _ if is(&columns.lat) => position.map(|(_, lat)| lat),
        _ => None,
    };
    Box::new(move |row| numbers.is_some_and(|numbers| numbers[row].is_nan()))
}

fn uniqueness(run: &mut Run<'_>, checks: &Process1) {
    if !checks.keys.is_empty() {
        let columns: Result<Vec<ArrayRef>, _> =
            checks.keys.iter().map(|name| run.column("keys", name).cloned()).collect();
        let flags = columns
            .and_then(|columns| uniqueness::flags(&columns).map_err(|_| incomparable("keys")));
        run.points("keys", checks.keys.join(", "), flags);
    }
    for check in &checks.variety {
        let measure = check.measure.name();
        let column = run.column(measure, &check.column);
        // All rows are there: what must be remembered of them is not less.
        let judgement = column
            .and_then(|column| check.judge(column).map_err(|_: ArrowError| incomparable(measure)));
        run.whole(
            format!("{measure}:{}", check.column),
            levels(check.warn, check.fail, ""),
            |_| judgement,
        );
    }
}

fn incomparable(check: &'static str) -> CheckError {
    let what = "column of a type that can be compared".to_owned();
    CheckError::NoColumn { check, what, help: "name columns of numbers, texts or times" }
}

/// Two levels for people: `suspect 0.5 h, fail 1 h`.
pub(super) fn levels(suspect: Option<f64>, fail: Option<f64>, unit: &str) -> String {
    let level = |name: &str, limit: Option<f64>| {
        limit.map(|limit| format!("{name} {limit} {unit}").trim_end().to_owned())
    };
    [level("suspect", suspect), level("fail", fail)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}
