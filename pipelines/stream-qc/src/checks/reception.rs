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
    /// A point of the future is GOOD: the check of impossible dates reports it. Limits in whole seconds in
    /// `ioos_qc_3_0`.
    pub fn flags(&self, mode: Mode, times: &[i64], now: i64) -> Vec<Flag> {
        let limit = match mode {
            Mode::IoosQc3_0 => numpy::hours(self.fail_h),
            Mode::Strict => (self.fail_h * 3600.0 * NANOSECONDS) as i64,
        };
        times
            .iter()
            .map(|time| match *time {
                NAT => Flag::Missing,
                time if now.saturating_sub(time) > limit => Flag::Fail,
                _ => Flag::Good,
            })
            .collect()
    }
}
