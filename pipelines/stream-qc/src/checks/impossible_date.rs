//! Impossible date: before anything was measured, or in the future.

use crate::flag::Flag;
use crate::series::NAT;

/// The time in which measurements can have been made.
///
/// ```toml
/// impossible_date = { earliest = "2000-01-01", latest = "2100-01-01", future_tolerance_s = 60 }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImpossibleDate {
    /// Nanoseconds since 1970; an earlier point is FAIL.
    pub earliest: Option<i64>,
    /// Nanoseconds since 1970; a later point is FAIL.
    pub latest: Option<i64>,
    /// How many nanoseconds a point may be ahead of now.
    pub future_tolerance: i64,
}

impl ImpossibleDate {
    /// Both ends are possible.
    pub fn flags(&self, times: &[i64], now: i64) -> Vec<Flag> {
        let latest = now.saturating_add(self.future_tolerance).min(self.latest.unwrap_or(i64::MAX));
        let earliest = self.earliest.unwrap_or(i64::MIN);
        let flag =
            |time: i64| if time > latest || time < earliest { Flag::Fail } else { Flag::Good };
        times.iter().map(|time| if *time == NAT { Flag::Missing } else { flag(*time) }).collect()
    }
}
