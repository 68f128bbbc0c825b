//! The second process: range and validity.

use crate::checks::cross_field::{CrossField, Operand};
use crate::checks::{CheckError, Flags};
use crate::config::Process2;
use crate::flag::Flag;
use crate::series::{self, Series};

use super::run::Run;

pub(super) fn run(run: &mut Run<'_>, checks: &Process2) {
    ranges(run, checks);
    let (series, mode, facts) = (run.stretch.judged, run.mode(), run.about.facts);
    if let Some(check) = &checks.climatology {
        let (times, values) = (series.times(), series.values());
        let flags = check.flags(mode, &facts, times, values, series.depth());
        run.points("climatology", format!("{} members", check.members.len()), flags);
    }
    if let Some(check) = &checks.location {
        let limits = check.range_max_m.map(|it| format!("suspect {it} m")).unwrap_or_default();
        let all = run.stretch.all;
        let flags = by_position(all, "location", |lon, lat| check.flags(mode, &facts, lon, lat));
        run.points("location", limits, flags.map(|flags| run.stretch.flags_of_judged(flags)));
    }
    if let Some(check) = &checks.location_bounds {
        let side = if check.fails_inside { "inside" } else { "outside" };
        let flags = by_position(series, "location_bounds", |lon, lat| check.flags(lon, lat));
        run.points("location_bounds", format!("fail {side}"), flags);
    }
    for check in &checks.validity {
        let flags = run.texts("validity", &check.column).map(|texts| check.flags(&texts));
        run.points(format!("validity:{}", check.column), "", flags);
    }
    for rule in &checks.rules {
        run.points(format!("rule:{rule}"), rule.to_string(), cross_field(run, rule));
    }
    if let Some(check) = &checks.drift {
        let limits = format!("suspect {}, fail {}", check.suspect, check.fail);
        check.add(&mut run.carried.values, series.values());
        run.whole("drift", limits, |carried| Ok(check.judge(&mut carried.values)));
    }
}

fn ranges(run: &mut Run<'_>, checks: &Process2) {
    let (values, mode) = (run.stretch.judged.values(), run.mode());
    if let Some(check) = &checks.gross_range {
        let suspect = check.suspect.map(|it| format!(", suspect {it}")).unwrap_or_default();
        run.points(
            "gross_range",
            format!("fail {}{suspect}", check.fail),
            check.flags(mode, values),
        );
    }
    if let Some(check) = &checks.valid_range {
        let end = |end: Option<f64>| end.map(|it| it.to_string()).unwrap_or_default();
        let limits = format!("from {} to {}", end(check.min), end(check.max));
        run.points("valid_range", limits, Ok(check.flags(mode, values)));
    }
    if let Some(check) = &checks.percentile_range {
        let limits = format!("percentiles {} to {}, pad {}", check.low, check.high, check.pad);
        run.points("percentile_range", limits, check.flags(mode, values));
    }
    if let Some(check) = &checks.reference_percentile {
        let limits = format!("percentiles {} to {} of history", check.range.low, check.range.high);
        run.points("reference_percentile", limits, Ok(check.flags(values)));
    }
}

/// The flags of a check of places.
fn by_position(
    series: &Series,
    check: &'static str,
    flags: impl FnOnce(&[f64], &[f64]) -> Vec<Flag>,
) -> Flags {
    let position = series.position().ok_or_else(|| CheckError::NoColumn {
        check,
        what: "positions".to_owned(),
        help: "name the columns `lon` and `lat` under `columns`",
    });
    position.map(|(lon, lat)| flags(lon, lat))
}

fn cross_field(run: &Run<'_>, rule: &CrossField) -> Flags {
    let columns: Result<Vec<_>, _> = rule
        .operands()
        .iter()
        .filter_map(|operand| match operand {
            Operand::Column(name) => Some(name),
            Operand::Number(_) => None,
        })
        .map(|name| {
            series::numbers(run.column("rules", name)?, "a number", name).map_err(|error| {
                CheckError::NoColumn {
                    check: "rules",
                    what: error.to_string(),
                    help: "compare columns of numbers",
                }
            })
        })
        .collect();
    let columns = columns?;
    let columns: Vec<_> = columns.iter().map(|column| &column[..]).collect();
    Ok(rule.flags(&columns, run.stretch.judged.len()))
}
