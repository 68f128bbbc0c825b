//! Attenuated signal: a sensor that hardly moves any more.

use super::{
    CheckError, Flags, Mode, numpy,
    window::{Extremes, Variance},
};
use crate::flag::Flag;
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
    /// In `ioos_qc_3_0`, if a window is asked for and times are missing or neither rise nor fall, or if the usual step
    /// is needed and is none.
    pub fn flags(&self, mode: Mode, times: &[i64], values: &[f64]) -> Flags {
        let values: Vec<_> =
            values.iter().map(|it| if it.is_finite() { *it } else { f64::NAN }).collect();
        let Some(period) = self.period_s.filter(|period| *period != 0.0) else {
            return self.of_whole(mode, &values);
        };
        let minimum = self.observations(mode, times)?;
        if mode == Mode::IoosQc3_0 && !is_monotonic(times) {
            return Err(raises(
                "ValueError",
                "a time is missing, or the times neither rise nor fall",
            ));
        }
        let starts = window_starts(times, (period * NANOSECONDS).round() as i64);
        let spreads = match self.spread {
            Spread::Deviation => deviations(&values, &starts, minimum.max(1.0)),
            Spread::Range => ranges(&values, &starts, minimum, mode == Mode::Strict),
        };
        Ok(values.iter().zip(spreads).map(|(value, spread)| self.flag(*value, spread)).collect())
    }

    fn observations(&self, mode: Mode, times: &[i64]) -> Result<f64, CheckError> {
        let seconds = match (self.minimum, mode) {
            (None, Mode::IoosQc3_0) => return Ok(1.0),
            (None, Mode::Strict) => return Ok(OBSERVATIONS_MIN),
            (Some(Minimum::Observations(count)), _) => return Ok(count as f64),
            (Some(Minimum::Seconds(seconds)), _) => seconds,
        };
        let median = numpy::median(numpy::steps(times).collect());
        if mode == Mode::Strict {
            let step = median as f64 / NANOSECONDS;
            return Ok(if step > 0.0 { (seconds / step).trunc() } else { OBSERVATIONS_MIN });
        }
        let step = numpy::whole_seconds(median);
        let count = (seconds / step).trunc();
        if step == 0.0 || count < 0.0 {
            return Err(raises("ValueError", "the median step is less than a second or backwards"));
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

fn is_monotonic(times: &[i64]) -> bool {
    !times.contains(&crate::series::NAT) && (times.is_sorted() || times.is_sorted_by(|a, b| a >= b))
}

/// For each point, the first one of the window that ends in it; the window is open at its start.
fn window_starts(times: &[i64], period: i64) -> Vec<usize> {
    let runs_backwards = times.first().zip(times.last()).is_some_and(|(first, last)| last < first);
    let distance = |from: usize, to: usize| {
        if runs_backwards { times[from] - times[to] } else { times[to] - times[from] }
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

fn deviations(values: &[f64], starts: &[usize], minimum: f64) -> Vec<f64> {
    let mut variance = Variance::default();
    let mut before = 0..0;
    let mut deviations = Vec::with_capacity(values.len());
    for (index, start) in starts.iter().copied().enumerate() {
        variance.slide(values, before, start..index + 1);
        before = start..index + 1;
        let is_enough = variance.count() >= minimum;
        deviations.push(if is_enough { variance.deviation() } else { f64::NAN });
    }
    deviations
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
