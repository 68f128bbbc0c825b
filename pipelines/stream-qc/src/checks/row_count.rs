//! Row count: as many rows as the cadence promises.

use super::Judgement;
use crate::flag::Flag;
use crate::series::NAT;
use crate::sorted::NANOSECONDS;

/// How far the number of rows may be from the expected one.
///
/// ```toml
/// row_count = { tolerance = 0.02 }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RowCount {
    /// Seconds between two rows.
    pub cadence_s: f64,
    /// The share by which there may be more or fewer.
    pub tolerance: f64,
}

/// The rows that were counted so far: those with a time, in the window if there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rows {
    count: usize,
    /// The earliest and the latest time of all.
    range: Option<(i64, i64)>,
}

impl Rows {
    /// Counts the next rows.
    pub fn add(&mut self, times: &[i64], window: Option<(i64, i64)>) {
        for time in times.iter().copied().filter(|time| *time != NAT) {
            let (earliest, latest) = self.range.unwrap_or((time, time));
            self.range = Some((earliest.min(time), latest.max(time)));
            self.count += usize::from(window.is_none_or(|(from, to)| (from..=to).contains(&time)));
        }
    }

    /// The latest time, if there is any.
    pub fn latest(&self) -> Option<i64> {
        self.range.map(|(_, latest)| latest)
    }
}

impl RowCount {
    /// In a window, or else from the first time to the last, there should be one row at its start and one for every
    /// cadence in it.
    pub fn judge(&self, rows: &Rows, window: Option<(i64, i64)>) -> Judgement {
        let Some((from, to)) = window.or(rows.range) else {
            return Judgement::new(
                Flag::Unknown,
                "there are no rows and no window to expect some in",
            );
        };
        let rows = rows.count;
        let seconds = to.saturating_sub(from) as f64 / NANOSECONDS;
        let expected = (seconds / self.cadence_s).floor() + 1.0;
        let is_near = (rows as f64 - expected).abs() <= self.tolerance * expected;
        let flag = if is_near { Flag::Good } else { Flag::Fail };
        Judgement::new(flag, format!("{rows} rows, and {expected} are expected"))
    }
}
