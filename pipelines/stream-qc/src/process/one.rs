//! The first process: completeness, schema, freshness, uniqueness.

use arrow::array::ArrayRef;
use arrow::error::ArrowError;

use crate::checks::{CheckError, duplicate_stamp, uniqueness};
use crate::config::Process1;
use crate::series::instant;

use super::run::Run;

pub(super) fn run(run: &mut Run<'_>, checks: &Process1) {
    schema(run, checks);
    completeness(run, checks);
    uniqueness(run, checks);
    let (times, mode, now) = (run.series.times(), run.mode(), run.now);
    if let Some(check) = &checks.row_count {
        let limits = format!("one row in {} s, tolerance {}", check.cadence_s, check.tolerance);
        run.whole("row_count", limits, Ok(check.judge(times, run.window)));
    }
    if let Some(check) = &checks.freshness {
        let limits = levels(check.suspect_h, check.fail_h, "h");
        run.whole("freshness", limits, Ok(check.judge(times, now)));
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
        run.points("duplicate_stamp", "", Ok(duplicate_stamp::flags(times)));
    }
    if let Some(check) = &checks.syntax {
        let flags = run.texts("syntax", &check.column).map(|lines| check.flags(mode, &lines));
        run.points("syntax", format!("{} {}", check.count, check.unit), flags);
    }
}

fn schema(run: &mut Run<'_>, checks: &Process1) {
    if let Some(check) = &checks.schema {
        let judgement = check.judge(&run.series.table().schema());
        run.whole("schema", format!("required {}", check.required.join(", ")), Ok(judgement));
    }
}

fn completeness(run: &mut Run<'_>, checks: &Process1) {
    for check in &checks.completeness {
        let judgement = run.column("completeness", &check.column).map(|column| check.judge(column));
        let name = format!("completeness:{}", check.column);
        run.whole(name, levels(check.warn, check.fail, ""), judgement);
    }
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
        let judgement = column
            .and_then(|column| check.judge(column).map_err(|_: ArrowError| incomparable(measure)));
        run.whole(
            format!("{measure}:{}", check.column),
            levels(check.warn, check.fail, ""),
            judgement,
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
