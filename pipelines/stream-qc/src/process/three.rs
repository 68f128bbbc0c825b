//! The third process: what depends on the points before.

use crate::checks::attenuated_signal::AttenuatedSignal;
use crate::checks::{CheckError, Flags, Mode, increasing, order};
use crate::config::Process3;
use crate::facts::Facts;
use crate::flag::Flag;
use crate::series::NAT;
use crate::sorted::Sorted;

use super::one::levels;
use super::run::{Run, Stretch};

pub(super) fn run(run: &mut Run<'_>, checks: &Process3) {
    let view = View::of(run.mode(), run.stretch, &run.about.facts);
    if checks.order {
        let flags = order::flags(run.stretch.latest, run.stretch.all.times());
        run.points("order", "", Ok(run.stretch.flags_of_judged(flags)));
    }
    if let Some(check) = &checks.gap {
        run.points(
            "gap",
            format!("fail {} h", check.fail_h),
            view.flags_by_time(|mode, times| check.flags(mode, &view.facts, times)),
        );
    }
    of_values(run, checks, &view);
    // What looks at the series as one, or at columns that are not remembered, begins with the data.
    let stretch = run.stretch;
    let own = stretch.all.slice(stretch.context, stretch.all.len() - stretch.context);
    let stretch = stretch.without_context(&own);
    let view = View::of(run.mode(), &stretch, &run.about.facts);
    of_whole(run, checks, &view);
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
        let flags = view.flags(|mode, times, values| check.flags(mode, &view.facts, times, values));
        run.points("flat_line", format!("{limits}, tolerance {}", check.tolerance), flags);
    }
    if let Some(check) = checks.attenuated_signal.as_ref().filter(|it| !it.is_of_whole()) {
        attenuated_signal(run, check, view);
    }
}

fn of_whole(run: &mut Run<'_>, checks: &Process3, view: &View<'_>) {
    if let Some(check) = checks.attenuated_signal.as_ref().filter(|it| it.is_of_whole()) {
        attenuated_signal(run, check, view);
    }
    if checks.increasing {
        let flags = view.flags(|mode, _, values| Ok(increasing::flags(mode, values)));
        run.points("increasing", "", flags);
    }
}

fn attenuated_signal(run: &mut Run<'_>, check: &AttenuatedSignal, view: &View<'_>) {
    let rolling = &mut run.carried.rolling;
    let flags =
        view.flags(|mode, times, values| check.flags(mode, &view.facts, rolling, times, values));
    run.points("attenuated_signal", levels(Some(check.suspect), Some(check.fail), ""), flags);
}

fn of_places(run: &mut Run<'_>, checks: &Process3, view: &View<'_>) {
    if let Some(check) = &checks.speed {
        let flags =
            view.stretch.all.position().ok_or_else(|| no_columns("speed", "positions")).and_then(
                |(lon, lat)| {
                    let (lon, lat) = (view.sorted.column(lon), view.sorted.column(lat));
                    view.flags(|mode, times, _| Ok(check.flags(mode, times, &lon, &lat)))
                },
            );
        run.points("speed", levels(Some(check.suspect), Some(check.fail), "m/s"), flags);
    }
    if let Some(check) = &checks.density_inversion {
        let flags = view
            .stretch
            .all
            .depth()
            .ok_or_else(|| no_columns("density_inversion", "depths"))
            .and_then(|depth| {
                let depth = view.sorted.column(depth);
                view.flags(|mode, _, values| Ok(check.flags(mode, values, &depth)))
            });
        run.points("density_inversion", levels(check.suspect, check.fail, ""), flags);
    }
}

fn no_columns(check: &'static str, what: &str) -> CheckError {
    CheckError::NoColumn { check, what: what.to_owned(), help: "name the columns under `columns`" }
}

/// The series as temporal checks see it: with the points around, and in `strict` in the order of time.
struct View<'a> {
    mode: Mode,
    stretch: &'a Stretch<'a>,
    sorted: Sorted,
    /// Of the points in this order.
    facts: Facts,
}

impl<'a> View<'a> {
    fn of(mode: Mode, stretch: &'a Stretch<'a>, facts: &Facts) -> Self {
        let times = stretch.all.times();
        let sorted = match mode {
            Mode::IoosQc3_0 => Sorted::as_given(),
            Mode::Strict => Sorted::of(times),
        };
        let facts = if sorted.is_as_given() {
            *facts
        } else {
            // Only a series that is there as a whole can be out of order here.
            Facts::of(&sorted.column(times), stretch.all.depth())
        };
        Self { mode, stretch, sorted, facts }
    }

    /// The flags of a check of values: a point without a value is MISSING, one that is left out is UNKNOWN.
    fn flags(&self, check: impl FnOnce(Mode, &[i64], &[f64]) -> Flags) -> Flags {
        let values = self.stretch.all.values();
        let otherwise = |at: usize| if values[at].is_nan() { Flag::Missing } else { Flag::Unknown };
        self.placed(check, otherwise)
    }

    /// The flags of a check of times: a point without one is MISSING.
    fn flags_by_time(&self, check: impl FnOnce(Mode, &[i64]) -> Flags) -> Flags {
        let times = self.stretch.all.times();
        let otherwise = |at: usize| if times[at] == NAT { Flag::Missing } else { Flag::Unknown };
        self.placed(|mode, times, _| check(mode, times), otherwise)
    }

    fn placed(
        &self,
        check: impl FnOnce(Mode, &[i64], &[f64]) -> Flags,
        otherwise: impl Fn(usize) -> Flag,
    ) -> Flags {
        let (times, values) = (self.stretch.all.times(), self.stretch.all.values());
        let flags = if self.sorted.is_as_given() {
            check(self.mode, times, values)?
        } else {
            check(self.mode, &self.sorted.column(times), &self.sorted.column(values))?
        };
        let placed = self.sorted.in_order_of_data(flags, otherwise, times.len());
        Ok(self.stretch.flags_of_judged(placed))
    }
}
