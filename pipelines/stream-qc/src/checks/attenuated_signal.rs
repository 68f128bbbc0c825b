//! Attenuated signal: a sensor that hardly moves any more.

use std::ops::Range;

use super::{
    CheckError, Flags, Mode, numpy, pandas,
    window::{Extremes, Variance},
};
use crate::facts::Facts;
use crate::flag::Flag;
use crate::reach::Reach;
use crate::sorted::NANOSECONDS;

/// How spread is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spread {
    /// The population's standard deviation.
    #[default]
    Deviation,
    /// Largest less smallest value.
    Range,
}

/// How many values a window needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Minimum {
    /// So many.
    Observations(u64),
    /// As many as usual steps in so many seconds.
    Seconds(f64),
}

/// The spread that values must have.
///
/// ```toml
/// attenuated_signal = { suspect = 0.5, fail = 0.06, period_s = 2400, min_obs = 4, type = "std" }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AttenuatedSignal {
    /// Below it a point is SUSPECT.
    pub suspect: f64,
    /// Below it a point is FAIL.
    pub fail: f64,
    /// Seconds of the window that ends in a point and does not hold its start; the whole series without it.
    pub period_s: Option<f64>,
    /// What a window needs. Not given: one value in `ioos_qc_3_0`, three in `strict`.
    pub minimum: Option<Minimum>,
    /// How spread is measured.
    pub spread: Spread,
}

/// What `strict` asks for where nothing is given.
const OBSERVATIONS_MIN: f64 = 3.0;

impl AttenuatedSignal {
    /// UNKNOWN where a window has too few values; for a range in `ioos_qc_3_0`, where one value of it is missing.
    ///
    /// # Errors
    /// In `ioos_qc_3_0`, if a window is asked for that pandas does not take, or times are missing or neither rise nor
    /// fall, or if the usual step is needed and is none.
    pub fn flags(
        &self,
        mode: Mode,
        facts: &Facts,
        rolling: &mut Rolling,
        times: &[i64],
        values: &[f64],
    ) -> Flags {
        let values: Vec<_> =
            values.iter().map(|it| if it.is_finite() { *it } else { f64::NAN }).collect();
        let Some(period) = self.period() else {
            return self.of_whole(mode, &values);
        };
        let minimum = self.observations(mode, facts)?;
        if mode == Mode::IoosQc3_0 && !facts.is_monotonic() {
            return Err(raises(
                "ValueError",
                "a time is missing, or the times neither rise nor fall",
            ));
        }
        let window = window(mode, period)
            .ok_or_else(|| raises("ValueError", "pandas takes no window of so many seconds"))?;
        let starts = window_starts(facts, times, window);
        let spreads = match self.spread {
            Spread::Deviation => rolling.deviations(&values, &starts, minimum.max(1.0)),
            Spread::Range => ranges(&values, &starts, minimum, mode == Mode::Strict),
        };
        Ok(values.iter().zip(spreads).map(|(value, spread)| self.flag(*value, spread)).collect())
    }

    fn period(&self) -> Option<f64> {
        self.period_s.filter(|period| *period != 0.0)
    }

    /// Whether there is one window, the whole series.
    pub(crate) fn is_of_whole(&self) -> bool {
        self.period().is_none()
    }

    pub(crate) fn reach(&self, mode: Mode, facts: &Facts) -> Reach {
        match self.period() {
            None => Reach::WHOLE,
            Some(_) if mode == Mode::IoosQc3_0 && !facts.is_monotonic() => Reach::default(),
            Some(period) => {
                window(mode, period).map_or_else(Reach::default, |it| Reach::time(it, false))
            }
        }
    }

    fn observations(&self, mode: Mode, facts: &Facts) -> Result<f64, CheckError> {
        let seconds = match (self.minimum, mode) {
            (None, Mode::IoosQc3_0) => return Ok(1.0),
            (None, Mode::Strict) => return Ok(OBSERVATIONS_MIN),
            (Some(Minimum::Observations(count)), _) => return Ok(count as f64),
            (Some(Minimum::Seconds(seconds)), _) => seconds,
        };
        if mode == Mode::Strict {
            let step = facts.median_step as f64 / NANOSECONDS;
            return Ok(if step > 0.0 { (seconds / step).trunc() } else { OBSERVATIONS_MIN });
        }
        let step = numpy::whole_seconds(facts.median_step);
        let count = (seconds / step).trunc();
        if step == 0.0 || !numpy::COUNTS.contains(&count) {
            let reason = "`min_period_s` has no number of steps: one of both is negative or the median step is less than a second";
            return Err(raises("ValueError", reason));
        }
        Ok(count)
    }

    fn of_whole(&self, mode: Mode, values: &[f64]) -> Flags {
        let present = values.iter().filter(|value| !value.is_nan()).count();
        if mode == Mode::IoosQc3_0 && values.is_empty() && self.spread == Spread::Range {
            return Err(raises("ValueError", "the series is empty"));
        }
        let minimum = match (self.minimum, mode) {
            (Some(Minimum::Observations(count)), Mode::Strict) => count as f64,
            (_, Mode::Strict) => OBSERVATIONS_MIN,
            (_, Mode::IoosQc3_0) => 1.0,
        };
        let spread = match self.spread {
            _ if (present as f64) < minimum => f64::NAN,
            Spread::Deviation => deviation_of_whole(values, present as f64),
            Spread::Range => range_of_whole(values),
        };
        Ok(values.iter().map(|value| self.flag(*value, spread)).collect())
    }

    fn flag(&self, value: f64, spread: f64) -> Flag {
        if value.is_nan() {
            Flag::Missing
        } else if spread < self.fail {
            Flag::Fail
        } else if spread < self.suspect {
            Flag::Suspect
        } else if spread.is_nan() {
            Flag::Unknown
        } else {
            Flag::Good
        }
    }
}

const fn raises(exception: &'static str, reason: &'static str) -> CheckError {
    CheckError::Raises { check: "attenuated_signal", exception, reason }
}

/// The nanoseconds of a window; nothing if there is none of so many seconds.
fn window(mode: Mode, seconds: f64) -> Option<i64> {
    match mode {
        Mode::IoosQc3_0 => pandas::window(seconds),
        Mode::Strict => Some((seconds * NANOSECONDS).round() as i64),
    }
}

/// For each point, the first one of the window that ends in it; the window is open at its start.
fn window_starts(facts: &Facts, times: &[i64], period: i64) -> Vec<usize> {
    let runs_backwards = facts.runs_backwards();
    let distance = |from: usize, to: usize| {
        let (from, to) = (times[from], times[to]);
        if runs_backwards { from.saturating_sub(to) } else { to.saturating_sub(from) }
    };
    let mut start = 0;
    (0..times.len())
        .map(|index| {
            while start < index && distance(start, index) >= period {
                start += 1;
            }
            start
        })
        .collect()
}

/// The windows of a series so far, when it is judged stretch after stretch: what a sum of floating-point numbers is
/// depends on everything that was ever in it.
#[derive(Debug)]
pub struct Rolling {
    /// Where the first point of the stretch stands in the series.
    first: usize,
    /// How many points of the stretch have all that follows them.
    until: usize,
    /// The last window, by position in the series.
    window: Range<usize>,
    variance: Variance,
}

impl Default for Rolling {
    /// For a series that is judged at once.
    fn default() -> Self {
        Self { first: 0, until: usize::MAX, window: 0..0, variance: Variance::default() }
    }
}

impl Rolling {
    /// Goes on to the next stretch: where its first point stands in the series, and up to which point it is judged.
    pub(crate) const fn go_on(&mut self, first: usize, until: usize) {
        self.first = first;
        self.until = until;
    }

    /// Nothing is said of points that were judged in an earlier stretch, or will be in a later one.
    fn deviations(&mut self, values: &[f64], starts: &[usize], minimum: f64) -> Vec<f64> {
        let mut deviations = vec![f64::NAN; values.len()];
        for index in self.window.end - self.first..self.until.min(values.len()) {
            let window = starts[index]..index + 1;
            let before = self.window.start - self.first..self.window.end - self.first;
            self.variance.slide(values, before, window.clone());
            self.window = window.start + self.first..window.end + self.first;
            if self.variance.count() >= minimum {
                deviations[index] = self.variance.deviation();
            }
        }
        deviations
    }
}

fn ranges(values: &[f64], starts: &[usize], minimum: f64, skips_missing: bool) -> Vec<f64> {
    let mut extremes = Extremes::default();
    let (mut start_before, mut missing) = (0, 0);
    let mut ranges = Vec::with_capacity(values.len());
    for (index, start) in starts.iter().copied().enumerate() {
        extremes.push(values, index);
        extremes.forget_before(start);
        missing += usize::from(values[index].is_nan());
        missing -= values[start_before..start].iter().filter(|value| value.is_nan()).count();
        start_before = start;
        let present = (index + 1 - start - missing) as f64;
        let is_known = present >= minimum && (skips_missing || missing == 0);
        ranges.push(extremes.range(values).filter(|_| is_known).unwrap_or(f64::NAN));
    }
    ranges
}

/// numpy's standard deviation of a masked array: what is missing adds zero to the sums, and a result that cannot be
/// divided is 1 under its mask.
fn deviation_of_whole(values: &[f64], present: f64) -> f64 {
    let filled: Vec<_> = values.iter().map(|it| if it.is_nan() { 0.0 } else { *it }).collect();
    let Some(mean) = numpy::quotient(numpy::sum(&filled), present) else { return 1.0 };
    let squares: Vec<_> = values
        .iter()
        .map(|value| if value.is_nan() { 0.0 } else { (value - mean) * (value - mean) })
        .collect();
    numpy::quotient(numpy::sum(&squares), present).map_or(1.0, f64::sqrt)
}

fn range_of_whole(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::NAN, f64::max);
    let min = values.iter().copied().fold(f64::NAN, f64::min);
    max - min
}
