//! Time gap: too long without a point.

use super::{CheckError, Flags, Mode, numpy};
use crate::facts::Facts;
use crate::flag::Flag;
use crate::series::NAT;
use crate::sorted::NANOSECONDS;

/// The longest step between two points.
///
/// ```toml
/// gap_h = 1
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TimeGap {
    /// Hours; a longer step makes the later point FAIL.
    pub fail_h: f64,
}

impl TimeGap {
    /// `ioos_qc_3_0`: the first point has the flag of the second; a point behind one without a time is UNKNOWN;
    /// limits in whole seconds. `strict`: the first point is UNKNOWN, points without a time are left out.
    ///
    /// # Errors
    /// In `ioos_qc_3_0`, if there are fewer than two points.
    pub fn flags(&self, mode: Mode, facts: &Facts, times: &[i64]) -> Flags {
        match mode {
            Mode::IoosQc3_0 => self.ioos(facts, times),
            Mode::Strict => Ok(self.strict(times)),
        }
    }

    fn ioos(&self, facts: &Facts, times: &[i64]) -> Flags {
        if facts.points < 2 {
            return Err(CheckError::Raises {
                check: "gap",
                exception: "IndexError",
                reason: "the series has fewer than two points",
            });
        }
        let limit = numpy::hours(self.fail_h);
        let mut flags = vec![Flag::Missing; times.len()];
        for (flag, pair) in flags.iter_mut().skip(1).zip(times.windows(2)) {
            *flag = match (pair[0], pair[1]) {
                (_, NAT) => Flag::Missing,
                (NAT, _) => Flag::Unknown,
                (before, time) if numpy::difference(time, before) > limit => Flag::Fail,
                _ => Flag::Good,
            };
        }
        flags[0] = if times[1] == NAT && times[0] != NAT { Flag::Unknown } else { flags[1] };
        Ok(flags)
    }

    fn strict(&self, times: &[i64]) -> Vec<Flag> {
        let limit = self.fail_h * 3600.0 * NANOSECONDS;
        let mut before = None;
        times
            .iter()
            .map(|time| {
                let step = before.replace(*time).map(|before| time.saturating_sub(before));
                match step {
                    Some(step) if step as f64 > limit => Flag::Fail,
                    Some(step) if step > 0 => Flag::Good,
                    _ => Flag::Unknown,
                }
            })
            .collect()
    }
}
