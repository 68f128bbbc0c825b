//! The third process: what depends on the points before.

use std::collections::BTreeMap;

use crate::checks::attenuated_signal::{AttenuatedSignal, Minimum, Spread};
use crate::checks::density_inversion::DensityInversion;
use crate::checks::flat_line::FlatLine;
use crate::checks::rate_of_change::RateOfChange;
use crate::checks::speed::Speed;
use crate::checks::spike::{Method, Spike};
use crate::checks::time_gap::TimeGap;
use crate::checks::{Mode, pandas};

use super::reader::{Problems, Table};
use super::{Limits, check_any, check_levels, hours, limits};

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
            flat_line: flat_line(&mut table, cadence_s),
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
    let fail_h = hours(table, "gap_h")?;
    let is_below = |cadence: &f64| table.is_strict() && fail_h * 3600.0 < *cadence;
    if let Some(cadence) = cadence_s.filter(is_below) {
        let message = format!(
            "{fail_h} hours are less than the cadence of {cadence} s: every step would be a gap"
        );
        table.wrong("gap_h", message, format!("write more than {}", cadence / 3600.0));
    }
    Some(TimeGap { fail_h })
}

/// `suspect` and `fail`, of which at least one is given.
fn levels(table: &mut Table<'_>) -> (Option<f64>, Option<f64>) {
    let (suspect, fail) = (table.threshold("suspect"), table.threshold("fail"));
    check_levels(table, suspect, fail, ["suspect", "fail"]);
    check_any(table, ["suspect", "fail"]);
    (suspect, fail)
}

/// `suspect` and `fail`, both of which the check needs.
fn both_levels(table: &mut Table<'_>) -> Option<(f64, f64)> {
    for key in ["suspect", "fail"] {
        if table.get(key).is_none() {
            table.missing(key, "the check needs both `suspect` and `fail`");
        }
    }
    Some((table.threshold("suspect")?, table.threshold("fail")?))
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
    if !table.is_strict() && table.get("suspect").is_none() {
        table.missing("suspect", "ioos_qc 3.0.0 needs it; write the rate that is SUSPECT");
    }
    let bridge = table.boolean("bridge").unwrap_or(false);
    table.finish();
    Some(RateOfChange { suspect, fail, bridge })
}

fn flat_line(table: &mut Table<'_>, cadence_s: Option<f64>) -> Option<FlatLine> {
    let mut table = table.table("flat_line")?;
    let (suspect_s, fail_s) = (table.duration("suspect_s"), table.duration("fail_s"));
    check_levels(&table, suspect_s, fail_s, ["suspect_s", "fail_s"]);
    for (key, seconds) in [("suspect_s", suspect_s), ("fail_s", fail_s)] {
        check_steps(&table, key, seconds, cadence_s);
        if table.get(key).is_none() {
            table.missing(key, "write for how many seconds values may stay the same");
        }
    }
    let check = FlatLine {
        suspect_s: suspect_s.unwrap_or_default(),
        fail_s: fail_s.unwrap_or_default(),
        tolerance: table.threshold("tolerance").unwrap_or(0.0),
        gap_factor: table.positive("gap_factor").unwrap_or(3.0),
        marks_run: table.one_of("mark", &[("end", false), ("run", true)]).unwrap_or(false),
        cadence_s,
    };
    table.finish();
    Some(check)
}

/// A window of one step holds two points, which say nothing.
fn check_steps(table: &Table<'_>, key: &str, seconds: Option<f64>, cadence_s: Option<f64>) {
    if let (Some(seconds), Some(cadence)) = (seconds, cadence_s)
        && seconds < 2.0 * cadence
        && table.is_strict()
    {
        let message = format!("{seconds} s are shorter than two cadences of {cadence} s");
        table.wrong(key, message, format!("write at least {}", 2.0 * cadence));
    }
}

fn attenuated_signal(table: &mut Table<'_>, cadence_s: Option<f64>) -> Option<AttenuatedSignal> {
    let mut table = table.table("attenuated_signal")?;
    let levels = both_levels(&mut table);
    if let Some((suspect, fail)) = levels
        && fail > suspect
        && table.is_strict()
    {
        let message =
            format!("{fail} is above `suspect`, which is {suspect}: less spread is worse");
        table.wrong("fail", message, format!("write at most {suspect}"));
    }
    let period_s = window(&mut table);
    let minimum = minimum(&mut table);
    if let (Some(period), Some(cadence), Some(Minimum::Observations(count))) =
        (period_s, cadence_s, minimum)
        && count as f64 * cadence > period
        && table.is_strict()
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

/// The library leaves it to pandas, which does not take every window.
fn window(table: &mut Table<'_>) -> Option<f64> {
    let seconds = table.duration("period_s")?;
    let is_taken = seconds == 0.0 || pandas::window(seconds).is_some();
    if !table.is_strict() && !is_taken {
        let help = format!(
            "write 0, or seconds from 0.0001 to {} that are a whole number of nanoseconds to pandas too, for instance {}",
            pandas::SECONDS_MAX,
            seconds.abs().round().clamp(1.0, pandas::SECONDS_MAX - 1.0)
        );
        table.wrong("period_s", format!("ioos_qc 3.0.0 takes no window of {seconds} s"), help);
    }
    Some(seconds)
}

/// The library passes over `min_period_s` where `min_obs` stands too.
fn minimum(table: &mut Table<'_>) -> Option<Minimum> {
    let (count, seconds) = (table.count("min_obs"), table.duration("min_period_s"));
    if count.is_some() && seconds.is_some() && table.is_strict() {
        table.wrong("min_period_s", "`min_obs` stands there too", "leave one of both");
    }
    count.map(Minimum::Observations).or(seconds.map(Minimum::Seconds))
}

fn speed(table: &mut Table<'_>) -> Option<Speed> {
    let mut table = table.table("speed")?;
    let levels = both_levels(&mut table);
    if let Some((suspect, fail)) = levels {
        check_levels(&table, Some(suspect), Some(fail), ["suspect", "fail"]);
    }
    table.finish();
    levels.map(|(suspect, fail)| Speed { suspect, fail })
}

fn density_inversion(table: &mut Table<'_>) -> Option<DensityInversion> {
    let mut table = table.table("density_inversion")?;
    let check = DensityInversion { suspect: table.bound("suspect"), fail: table.bound("fail") };
    check_levels(&table, check.fail, check.suspect, ["fail", "suspect"]);
    check_any(&mut table, ["suspect", "fail"]);
    table.finish();
    Some(check)
}
