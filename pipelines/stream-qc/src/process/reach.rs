//! How far the checks of a process look from a point.

use crate::checks::Mode;
use crate::checks::location::Location;
use crate::config::{Process1, Process2, Process3, StreamConfig};
use crate::facts::Facts;
use crate::reach::Reach;

use super::Process;

/// As far as any check of the process looks.
pub(super) fn of(process: Process, config: &StreamConfig, facts: &Facts) -> Reach {
    match process {
        Process::One => of_rows(&config.process1, facts),
        Process::Two => of_values(&config.process2),
        Process::Three => of_series(&config.process3, config.mode, facts),
    }
}

fn of_rows(checks: &Process1, facts: &Facts) -> Reach {
    let has_to_remember = !checks.keys.is_empty() || !checks.variety.is_empty();
    if has_to_remember || (checks.duplicate_stamp && !facts.order.is_sorted) {
        return Reach::WHOLE;
    }
    // The copies of a time stand side by side.
    let beside = usize::from(checks.duplicate_stamp);
    Reach::points(beside, beside)
}

fn of_values(checks: &Process2) -> Reach {
    if checks.percentile_range.is_some() {
        return Reach::WHOLE;
    }
    checks.location.as_ref().map_or(Reach::default(), Location::reach)
}

fn of_series(checks: &Process3, mode: Mode, facts: &Facts) -> Reach {
    let must_be_sorted = mode == Mode::Strict && !facts.order.is_rising;
    if must_be_sorted || checks.increasing {
        return Reach::WHOLE;
    }
    let beside = |it: bool| it.then_some(Reach::points(1, 1));
    let reaches = [
        // The first point has the flag of the second one in `ioos_qc_3_0`.
        beside(checks.gap.is_some() || checks.density_inversion.is_some()),
        checks.speed.is_some().then_some(Reach::points(1, 0)),
        checks.spike.as_ref().map(|it| it.reach(mode)),
        checks.rate_of_change.as_ref().map(|it| it.reach(mode)),
        checks.flat_line.as_ref().map(|it| it.reach(mode, facts)),
        checks.attenuated_signal.as_ref().map(|it| it.reach(mode, facts)),
    ];
    reaches.into_iter().flatten().fold(Reach::default(), Reach::and)
}
