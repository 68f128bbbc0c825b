//! Flat line: a sensor that repeats itself.

use super::{CheckError, Flags, Mode, numpy, window::Extremes};
use crate::facts::Facts;
use crate::flag::Flag;
use crate::reach::Reach;
use crate::sorted::NANOSECONDS;

/// A window of fewer points says nothing in `strict`.
const POINTS_MIN: usize = 3;

/// For how long values may stay within a tolerance.
///
/// ```toml
/// flat_line = { suspect_s = 1800, fail_s = 3000, tolerance = 0.05, gap_factor = 3, mark = "end" }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FlatLine {
    /// Seconds after which it is SUSPECT.
    pub suspect_s: f64,
    /// Seconds after which it is FAIL.
    pub fail_s: f64,
    /// How far values may be apart to count as the same: less than it in `ioos_qc_3_0`, at most it in `strict`.
    pub tolerance: f64,
    /// A step of more than so many usual ones ends a run, in `strict`.
    pub gap_factor: f64,
    /// Whether the whole run is marked, and not only its end, in `strict`.
    pub marks_run: bool,
    /// Seconds of the usual step, if it is known; else the median of the series.
    pub cadence_s: Option<f64>,
}

impl FlatLine {
    /// `ioos_qc_3_0`: windows of so many points as the seconds hold median steps, whatever the times say. `strict`:
    /// windows of seconds that no gap interrupts; a point whose window is not complete is UNKNOWN, unless its values
    /// move already.
    ///
    /// # Errors
    /// In `ioos_qc_3_0`, if the median step is zero or the times run backwards.
    pub fn flags(&self, mode: Mode, facts: &Facts, times: &[i64], values: &[f64]) -> Flags {
        match mode {
            Mode::IoosQc3_0 => self.ioos(facts, values),
            Mode::Strict => Ok(self.strict(facts, times, values)),
        }
    }

    pub(crate) fn reach(&self, mode: Mode, facts: &Facts) -> Reach {
        match mode {
            Mode::IoosQc3_0 => {
                let points = self.points(facts).map_or(0, |points| points[0].max(points[1]));
                Reach::points(points.min(facts.points), 0)
            }
            Mode::Strict => {
                let length = self.suspect_s.max(self.fail_s) * NANOSECONDS;
                Reach::time(length as i64, self.marks_run)
            }
        }
    }

    /// How many steps both windows have in `ioos_qc_3_0`.
    fn points(&self, facts: &Facts) -> Result<[usize; 2], CheckError> {
        let step = numpy::whole_seconds(facts.median_step);
        let points = [self.suspect_s, self.fail_s].map(|seconds| (seconds.trunc() / step).trunc());
        if step == 0.0 || points.iter().any(|points| !numpy::COUNTS.contains(points)) {
            return Err(CheckError::Raises {
                check: "flat_line",
                exception: "ValueError",
                reason: "the windows have no number of steps: one of both is negative or the median step is less than a second",
            });
        }
        Ok(points.map(|points| points as usize))
    }

    fn ioos(&self, facts: &Facts, values: &[f64]) -> Flags {
        let mut flags = vec![Flag::Good; values.len()];
        if facts.points < POINTS_MIN {
            return Ok(flags);
        }
        mark_flat_windows(values, self.points(facts)?, self.tolerance, &mut flags);
        for (flag, value) in flags.iter_mut().zip(values) {
            if !value.is_finite() {
                *flag = Flag::Missing;
            }
        }
        Ok(flags)
    }

    fn strict(&self, facts: &Facts, times: &[i64], values: &[f64]) -> Vec<Flag> {
        let step = self.cadence_s.map_or(facts.median_step as f64, |it| it * NANOSECONDS);
        let gap = (self.gap_factor * step) as i64;
        let suspect = Runs::of(times, values, self.suspect_s, self.tolerance, gap);
        let fail = Runs::of(times, values, self.fail_s, self.tolerance, gap);
        let mut flags: Vec<_> =
            suspect.states.iter().map(|state| state.flag(Flag::Suspect)).collect();
        for (runs, flag) in [(&suspect, Flag::Suspect), (&fail, Flag::Fail)] {
            runs.mark(flag, self.marks_run, &mut flags);
        }
        for (flag, value) in flags.iter_mut().zip(values) {
            if value.is_nan() {
                *flag = Flag::Missing;
            } else if value.is_infinite() {
                *flag = Flag::Unknown;
            }
        }
        flags
    }
}

/// Flags the last point of every window of `suspect + 1` or `fail + 1` points whose values differ by less than the
/// tolerance: one that lies in the longest flat run that ends there.
fn mark_flat_windows(
    values: &[f64],
    [suspect, fail]: [usize; 2],
    tolerance: f64,
    flags: &mut [Flag],
) {
    let mut extremes = Extremes::default();
    let (mut start, mut last_present) = (0, None);
    for index in 0..values.len() {
        extremes.push(values, index);
        if values[index].is_finite() {
            last_present = Some(index);
        }
        while extremes.range(values).is_some_and(|range| range >= tolerance || range.is_nan()) {
            start += 1;
            extremes.forget_before(start);
        }
        let is_flat = |points: usize| {
            index >= start + points
                && last_present.is_some_and(|last| last + points >= index && last >= start)
        };
        if is_flat(fail) {
            flags[index] = Flag::Fail;
        } else if is_flat(suspect) {
            flags[index] = Flag::Suspect;
        }
    }
}

/// What the window that ends in a point says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It does not reach back far enough, or holds too few values.
    Incomplete,
    Moving,
    Flat,
}

impl State {
    const fn flag(self, flat: Flag) -> Flag {
        match self {
            Self::Incomplete => Flag::Unknown,
            Self::Moving => Flag::Good,
            Self::Flat => flat,
        }
    }
}

/// The windows of one length that end in each point.
struct Runs {
    states: Vec<State>,
    starts: Vec<usize>,
}

impl Runs {
    fn of(times: &[i64], values: &[f64], seconds: f64, tolerance: f64, gap: i64) -> Self {
        let length = (seconds * NANOSECONDS) as i64;
        let mut runs = Self {
            states: Vec::with_capacity(values.len()),
            starts: Vec::with_capacity(values.len()),
        };
        let mut extremes = Extremes::default();
        let (mut segment, mut start, mut present) = (0, 0, 0);
        for index in 0..values.len() {
            if index > 0 && times[index].saturating_sub(times[index - 1]) > gap {
                (segment, start, present) = (index, index, 0);
                extremes.clear();
            }
            extremes.push(values, index);
            present += usize::from(values[index].is_finite());
            while times[index].saturating_sub(times[start]) > length {
                present -= usize::from(values[start].is_finite());
                start += 1;
            }
            extremes.forget_before(start);
            let lasted = times[index].saturating_sub(times[segment]);
            let is_complete = lasted >= length && present >= POINTS_MIN;
            runs.states.push(match extremes.range(values) {
                Some(range) if range > tolerance => State::Moving,
                Some(_) if is_complete => State::Flat,
                _ => State::Incomplete,
            });
            runs.starts.push(start);
        }
        runs
    }

    fn mark(&self, flag: Flag, whole: bool, flags: &mut [Flag]) {
        let mut marked = 0;
        for (index, state) in self.states.iter().enumerate() {
            if *state == State::Flat {
                let start = if whole { self.starts[index].max(marked) } else { index };
                flags[start..=index].fill(flag);
                marked = index + 1;
            }
        }
    }
}
