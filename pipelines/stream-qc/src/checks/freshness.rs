//! Freshness: how old the newest point is.

use super::{Judgement, above};
use crate::flag::Flag;
use crate::sorted::NANOSECONDS;

/// How old the newest point may be.
///
/// ```toml
/// freshness_h = { suspect = 0.5, fail = 1 }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Freshness {
    /// Hours; an older series is SUSPECT.
    pub suspect_h: Option<f64>,
    /// Hours; an older series is FAIL.
    pub fail_h: Option<f64>,
}

impl Freshness {
    /// No point at all is FAIL: nothing is the opposite of fresh.
    pub fn judge(&self, newest: Option<i64>, now: i64) -> Judgement {
        let Some(newest) = newest else {
            return Judgement::new(Flag::Fail, "there is no point with a time");
        };
        let hours = now.saturating_sub(newest) as f64 / NANOSECONDS / 3600.0;
        let flag = above(hours, self.suspect_h, self.fail_h);
        Judgement::new(flag, format!("the newest point is {hours:.3} hours old"))
    }
}
