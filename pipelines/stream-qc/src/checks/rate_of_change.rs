//! Rate of change: how much a value may change in a second.

use super::{Mode, above, numpy};
use crate::flag::Flag;
use crate::reach::Reach;
use crate::sorted::NANOSECONDS;

/// The rates that must not be exceeded, in units of the value per second.
///
/// ```toml
/// rate_per_s = { suspect = 0.005, fail = 0.02, bridge = false }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RateOfChange {
    /// Above it a point is SUSPECT.
    pub suspect: Option<f64>,
    /// Above it a point is FAIL.
    pub fail: Option<f64>,
    /// Whether the point before is the last one with a value, in `strict`.
    pub bridge: bool,
}

impl RateOfChange {
    pub(crate) fn reach(&self, mode: Mode) -> Reach {
        if self.bridge && mode == Mode::Strict { Reach::BRIDGE } else { Reach::points(1, 0) }
    }

    /// `ioos_qc_3_0`: steps in whole seconds, rounded down; where a step is none, the difference itself is compared;
    /// the first point and the one after a missing value are GOOD. `strict`: exact steps; those points are UNKNOWN.
    pub fn flags(&self, mode: Mode, times: &[i64], values: &[f64]) -> Vec<Flag> {
        match mode {
            Mode::IoosQc3_0 => self.ioos(times, values),
            Mode::Strict => self.strict(times, values),
        }
    }

    fn ioos(&self, times: &[i64], values: &[f64]) -> Vec<Flag> {
        let mut flags = Vec::with_capacity(values.len());
        let mut before: Option<(i64, f64)> = None;
        for (time, value) in times.iter().copied().zip(values.iter().copied()) {
            let rate = before.map_or(0.0, |(time_before, value_before)| {
                let seconds = numpy::whole_seconds(numpy::difference(time, time_before));
                let difference = value - value_before;
                let is_missing = !value.is_finite() || !value_before.is_finite();
                if is_missing {
                    difference
                } else {
                    numpy::quotient_or_dividend(difference, seconds)
                }
            });
            let flag = above(rate.abs(), self.suspect, self.fail);
            flags.push(if value.is_finite() { flag } else { Flag::Missing });
            before = Some((time, value));
        }
        flags
    }

    fn strict(&self, times: &[i64], values: &[f64]) -> Vec<Flag> {
        let mut flags = Vec::with_capacity(values.len());
        let mut before: Option<(i64, f64)> = None;
        for (time, value) in times.iter().copied().zip(values.iter().copied()) {
            flags.push(self.judge(before, time, value));
            if value.is_finite() {
                before = Some((time, value));
            } else if !self.bridge {
                before = None;
            }
        }
        flags
    }

    fn judge(&self, before: Option<(i64, f64)>, time: i64, value: f64) -> Flag {
        let Some((time_before, value_before)) = before.filter(|_| value.is_finite()) else {
            return if value.is_nan() { Flag::Missing } else { Flag::Unknown };
        };
        let step = time.saturating_sub(time_before);
        if step <= 0 {
            return Flag::Unknown;
        }
        above((value - value_before).abs() / (step as f64 / NANOSECONDS), self.suspect, self.fail)
    }
}
