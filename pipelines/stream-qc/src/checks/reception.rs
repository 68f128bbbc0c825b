//! Reception: data that comes too late.

use super::{Mode, numpy};
use crate::flag::Flag;
use crate::series::NAT;
use crate::sorted::NANOSECONDS;

/// The greatest age of a point.
///
/// ```toml
/// reception_h = 6
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Reception {
    /// Hours; an older point is FAIL.
    pub fail_h: f64,
}

impl Reception {
    /// A point of the future is GOOD: the check of impossible dates reports it. `ioos_qc_3_0`: limits in whole
    /// seconds; an age that has no room in 64 bits wraps around, and is one of the future.
    pub fn flags(&self, mode: Mode, times: &[i64], now: i64) -> Vec<Flag> {
        let (limit, age): (i64, fn(i64, i64) -> i64) = match mode {
            Mode::IoosQc3_0 => (numpy::hours(self.fail_h), numpy::difference),
            Mode::Strict => ((self.fail_h * 3600.0 * NANOSECONDS) as i64, i64::saturating_sub),
        };
        times
            .iter()
            .map(|time| match *time {
                NAT => Flag::Missing,
                time if age(now, time) > limit => Flag::Fail,
                _ => Flag::Good,
            })
            .collect()
    }
}
