//! The third process: what depends on the points before.

use crate::checks::{CheckError, Flags, Mode, increasing, order};
use crate::config::Process3;
use crate::flag::Flag;
use crate::series::{NAT, Series};
use crate::sorted::Sorted;

use super::one::levels;
use super::run::Run;

pub(super) fn run(run: &mut Run<'_>, checks: &Process3) {
    let joined = run.context.map(|context| run.series.behind(context));
    let view = View::of(
        run.mode(),
        joined.as_ref().unwrap_or(run.series),
        run.context.map_or(0, Series::len),
    );
    if checks.order {
        let flags = order::flags(view.series.times());
        run.points("order", "", Ok(view.without_context(flags)));
    }
    if let Some(check) = &checks.gap {
        run.points(
            "gap",
            format!("fail {} h", check.fail_h),
            view.flags_by_time(|mode, times| check.flags(mode, times)),
        );
    }
    of_values(run, checks, &view);
    of_places(run, checks, &view);
}

fn of_values(run: &mut Run<'_>, checks: &Process3, view: &View<'_>) {
    if let Some(check) = &checks.spike {
        let flags = view.flags(|mode, _, values| check.flags(mode, values));
        run.points("spike", levels(check.suspect, check.fail, ""), flags);
    }
    if let Some(check) = &checks.rate_of_change {
        let flags = view.flags(|mode, times, values| Ok(check.flags(mode, times, values)));
        run.points("rate_of_change", levels(check.suspect, check.fail, "per s"), flags);
    }
    if let Some(check) = &checks.flat_line {
        let limits = levels(Some(check.suspect_s), Some(check.fail_s), "s");
        let flags = view.flags(|mode, times, values| check.flags(mode, times, values));
        run.points("flat_line", format!("{limits}, tolerance {}", check.tolerance), flags);
    }
    if let Some(check) = &checks.attenuated_signal {
        let flags = view.flags(|mode, times, values| check.flags(mode, times, values));
        run.points("attenuated_signal", levels(Some(check.suspect), Some(check.fail), ""), flags);
    }
    if checks.increasing {
        let flags = view.flags(|mode, _, values| Ok(increasing::flags(mode, values)));
        run.points("increasing", "", flags);
    }
}

fn of_places(run: &mut Run<'_>, checks: &Process3, view: &View<'_>) {
    if let Some(check) = &checks.speed {
        let flags =
            view.series.position().ok_or_else(|| no_columns("speed", "positions")).and_then(
                |(lon, lat)| {
                    let (lon, lat) = (view.sorted.column(lon), view.sorted.column(lat));
                    view.flags(|mode, times, _| Ok(check.flags(mode, times, &lon, &lat)))
                },
            );
        run.points("speed", levels(Some(check.suspect), Some(check.fail), "m/s"), flags);
    }
    if let Some(check) = &checks.density_inversion {
        let flags =
            view.series.depth().ok_or_else(|| no_columns("density_inversion", "depths")).and_then(
                |depth| {
                    let depth = view.sorted.column(depth);
                    view.flags(|mode, _, values| Ok(check.flags(mode, values, &depth)))
                },
            );
        run.points("density_inversion", levels(check.suspect, check.fail, ""), flags);
    }
}

fn no_columns(check: &'static str, what: &str) -> CheckError {
    CheckError::NoColumn { check, what: what.to_owned(), help: "name the columns under `columns`" }
}

/// The series as temporal checks see it: with the points before, and in `strict` in the order of time.
struct View<'a> {
    mode: Mode,
    series: &'a Series,
    context: usize,
    sorted: Sorted,
}

impl<'a> View<'a> {
    fn of(mode: Mode, series: &'a Series, context: usize) -> Self {
        let sorted = match mode {
            Mode::IoosQc3_0 => Sorted::as_given(),
            Mode::Strict => Sorted::of(series.times()),
        };
        Self { mode, series, context, sorted }
    }

    /// The flags of a check of values: a point without a value is MISSING, one that is left out is UNKNOWN.
    fn flags(&self, check: impl FnOnce(Mode, &[i64], &[f64]) -> Flags) -> Flags {
        let values = self.series.values();
        let otherwise = |at: usize| if values[at].is_nan() { Flag::Missing } else { Flag::Unknown };
        self.placed(check, otherwise)
    }

    /// The flags of a check of times: a point without one is MISSING.
    fn flags_by_time(&self, check: impl FnOnce(Mode, &[i64]) -> Flags) -> Flags {
        let times = self.series.times();
        let otherwise = |at: usize| if times[at] == NAT { Flag::Missing } else { Flag::Unknown };
        self.placed(|mode, times, _| check(mode, times), otherwise)
    }

    fn placed(
        &self,
        check: impl FnOnce(Mode, &[i64], &[f64]) -> Flags,
        otherwise: impl Fn(usize) -> Flag,
    ) -> Flags {
        let (times, values) = (self.series.times(), self.series.values());
        let flags = if self.sorted.is_as_given() {
            check(self.mode, times, values)?
        } else {
            check(self.mode, &self.sorted.column(times), &self.sorted.column(values))?
        };
        Ok(self.without_context(self.sorted.in_order_of_data(flags, otherwise, times.len())))
    }

    fn without_context(&self, mut flags: Vec<Flag>) -> Vec<Flag> {
        flags.split_off(self.context)
    }
}
