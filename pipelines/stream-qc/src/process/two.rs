//! The second process: range and validity.

use crate::checks::cross_field::{CrossField, Operand};
use crate::checks::{CheckError, Flags};
use crate::config::Process2;
use crate::flag::Flag;
use crate::series;

use super::run::Run;

pub(super) fn run(run: &mut Run<'_>, checks: &Process2) {
    ranges(run, checks);
    let (series, mode) = (run.series, run.mode());
    if let Some(check) = &checks.climatology {
        let flags = check.flags(mode, series.times(), series.values(), series.depth());
        run.points("climatology", format!("{} members", check.members.len()), flags);
    }
    if let Some(check) = &checks.location {
        let limits = check.range_max_m.map(|it| format!("suspect {it} m")).unwrap_or_default();
        run.points(
            "location",
            limits,
            by_position(run, "location", |lon, lat| check.flags(mode, lon, lat)),
        );
    }
    if let Some(check) = &checks.location_bounds {
        let side = if check.fails_inside { "inside" } else { "outside" };
        let flags = by_position(run, "location_bounds", |lon, lat| check.flags(lon, lat));
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
        run.whole("drift", limits, Ok(check.judge(series.values())));
    }
}

fn ranges(run: &mut Run<'_>, checks: &Process2) {
    let (values, mode) = (run.series.values(), run.mode());
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
pub(super) fn by_position(
    run: &Run<'_>,
    check: &'static str,
    flags: impl FnOnce(&[f64], &[f64]) -> Vec<Flag>,
) -> Flags {
    let position = run.series.position().ok_or_else(|| CheckError::NoColumn {
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
    Ok(rule.flags(&columns, run.series.len()))
}
