//! The third process: what depends on the points before.

use std::collections::BTreeMap;

use crate::checks::Mode;
use crate::checks::attenuated_signal::{AttenuatedSignal, Minimum, Spread};
use crate::checks::density_inversion::DensityInversion;
use crate::checks::flat_line::FlatLine;
use crate::checks::rate_of_change::RateOfChange;
use crate::checks::speed::Speed;
use crate::checks::spike::{Method, Spike};
use crate::checks::time_gap::TimeGap;

use super::reader::{Problems, Table};
use super::{Limits, check_rising, limits};

/// The checks of the third process.
///
/// ```toml
/// [process3]
/// gap_h = 1
/// spike = { method = "differential", suspect = 2, fail = 5 }
/// rate_per_s = { suspect = 0.005, fail = 0.02 }
/// flat_line = { suspect_s = 1800, fail_s = 3000, tolerance = 0.05 }
/// attenuated_signal = { suspect = 0.5, fail = 0.06, period_s = 7200 }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Process3 {
    /// What it may have of each flag and still pass.
    pub limits: Limits,
    /// Whether times must not run backwards; in `strict` they must not, unless said otherwise.
    pub order: bool,
    /// Too long without a point.
    pub gap: Option<TimeGap>,
    /// Points that stand out.
    pub spike: Option<Spike>,
    /// How fast values may change.
    pub rate_of_change: Option<RateOfChange>,
    /// A sensor that repeats itself.
    pub flat_line: Option<FlatLine>,
    /// A sensor that hardly moves.
    pub attenuated_signal: Option<AttenuatedSignal>,
    /// How fast a platform moves.
    pub speed: Option<Speed>,
    /// Whether values must go on in their direction.
    pub increasing: bool,
    /// Water that is lighter below than above.
    pub density_inversion: Option<DensityInversion>,
}

impl Process3 {
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
            order: table.boolean("order").unwrap_or(mode == Mode::Strict),
            gap: gap(&mut table, cadence_s),
            spike: spike(&mut table),
            rate_of_change: rate_of_change(&mut table),
            flat_line: flat_line(&mut table, mode, cadence_s),
            attenuated_signal: attenuated_signal(&mut table, cadence_s),
            speed: speed(&mut table),
            increasing: table.boolean("increasing").unwrap_or(false),
            density_inversion: density_inversion(&mut table),
        };
        table.finish();
        process
    }
}

fn gap(table: &mut Table<'_>, cadence_s: Option<f64>) -> Option<TimeGap> {
    let fail_h = table.positive("gap_h")?;
    if let Some(cadence) = cadence_s.filter(|cadence| fail_h * 3600.0 < *cadence) {
        let message = format!(
            "{fail_h} hours are less than the cadence of {cadence} s: every step would be a gap"
        );
        table.wrong("gap_h", message, format!("write more than {}", cadence / 3600.0));
    }
    Some(TimeGap { fail_h })
}

/// `suspect` and `fail`, of which at least one is given.
fn levels(table: &mut Table<'_>) -> (Option<f64>, Option<f64>) {
    let (suspect, fail) = (table.limit("suspect"), table.limit("fail"));
    check_rising(table, suspect, fail, ["suspect", "fail"]);
    if table.get("suspect").is_none() && table.get("fail").is_none() {
        table.missing("suspect", "write `suspect`, `fail` or both");
    }
    (suspect, fail)
}

/// `suspect` and `fail`, both of which the check needs.
fn both_levels(table: &mut Table<'_>) -> Option<(f64, f64)> {
    for key in ["suspect", "fail"] {
        if table.get(key).is_none() {
            table.missing(key, "the check needs both `suspect` and `fail`");
        }
    }
    Some((table.limit("suspect")?, table.limit("fail")?))
}

fn spike(table: &mut Table<'_>) -> Option<Spike> {
    let mut table = table.table("spike")?;
    let methods = [("average", Method::Average), ("differential", Method::Differential)];
    let method = table.one_of("method", &methods).unwrap_or_default();
    let (suspect, fail) = levels(&mut table);
    let bridge = table.boolean("bridge").unwrap_or(false);
    table.finish();
    Some(Spike { method, suspect, fail, bridge })
}

fn rate_of_change(table: &mut Table<'_>) -> Option<RateOfChange> {
    let mut table = table.table("rate_per_s")?;
    let (suspect, fail) = levels(&mut table);
    let bridge = table.boolean("bridge").unwrap_or(false);
    table.finish();
    Some(RateOfChange { suspect, fail, bridge })
}

fn flat_line(table: &mut Table<'_>, mode: Mode, cadence_s: Option<f64>) -> Option<FlatLine> {
    let mut table = table.table("flat_line")?;
    let (suspect_s, fail_s) = (table.positive("suspect_s"), table.positive("fail_s"));
    check_rising(&table, suspect_s, fail_s, ["suspect_s", "fail_s"]);
    for (key, seconds) in [("suspect_s", suspect_s), ("fail_s", fail_s)] {
        match (seconds, cadence_s) {
            (Some(seconds), Some(cadence)) if seconds < 2.0 * cadence => {
                let message = format!("{seconds} s are shorter than two cadences of {cadence} s");
                table.wrong(key, message, format!("write at least {}", 2.0 * cadence));
            }
            (None, _) if table.get(key).is_none() => {
                table.missing(key, "write for how many seconds values may stay the same");
            }
            _ => {}
        }
    }
    let tolerance = table.limit("tolerance");
    if mode == Mode::IoosQc3_0 && tolerance.is_none_or(|tolerance| tolerance == 0.0) {
        table.wrong(
            "tolerance",
            "without one above zero ioos_qc 3.0.0 flags nothing",
            "write a number above zero",
        );
    }
    let check = FlatLine {
        suspect_s: suspect_s.unwrap_or_default(),
        fail_s: fail_s.unwrap_or_default(),
        tolerance: tolerance.unwrap_or(0.0),
        gap_factor: table.positive("gap_factor").unwrap_or(3.0),
        marks_run: table.one_of("mark", &[("end", false), ("run", true)]).unwrap_or(false),
        cadence_s,
    };
    table.finish();
    Some(check)
}

fn attenuated_signal(table: &mut Table<'_>, cadence_s: Option<f64>) -> Option<AttenuatedSignal> {
    let mut table = table.table("attenuated_signal")?;
    let levels = both_levels(&mut table);
    if let Some((suspect, fail)) = levels
        && fail > suspect
    {
        let message =
            format!("{fail} is above `suspect`, which is {suspect}: less spread is worse");
        table.wrong("fail", message, format!("write at most {suspect}"));
    }
    let period_s = table.positive("period_s");
    let minimum = match (table.count("min_obs"), table.positive("min_period_s")) {
        (Some(_), Some(_)) => {
            table.wrong("min_period_s", "`min_obs` stands there too", "leave one of both");
            None
        }
        (Some(count), None) => Some(Minimum::Observations(count)),
        (None, seconds) => seconds.map(Minimum::Seconds),
    };
    if let (Some(period), Some(cadence), Some(Minimum::Observations(count))) =
        (period_s, cadence_s, minimum)
        && count as f64 * cadence > period
    {
        let message = format!("{period} s never hold {count} points of a cadence of {cadence} s");
        table.wrong("period_s", message, format!("write at least {}", count as f64 * cadence));
    }
    let spreads = [("std", Spread::Deviation), ("range", Spread::Range)];
    let spread = table.one_of("type", &spreads).unwrap_or_default();
    table.finish();
    let (suspect, fail) = levels?;
    Some(AttenuatedSignal { suspect, fail, period_s, minimum, spread })
}

fn speed(table: &mut Table<'_>) -> Option<Speed> {
    let mut table = table.table("speed")?;
    let levels = both_levels(&mut table);
    if let Some((suspect, fail)) = levels {
        check_rising(&table, Some(suspect), Some(fail), ["suspect", "fail"]);
    }
    table.finish();
    levels.map(|(suspect, fail)| Speed { suspect, fail })
}

fn density_inversion(table: &mut Table<'_>) -> Option<DensityInversion> {
    let mut table = table.table("density_inversion")?;
    let check = DensityInversion { suspect: table.number("suspect"), fail: table.number("fail") };
    check_rising(&table, check.fail, check.suspect, ["fail", "suspect"]);
    if table.get("suspect").is_none() && table.get("fail").is_none() {
        table.missing("suspect", "write `suspect`, `fail` or both");
    }
    table.finish();
    Some(check)
}
