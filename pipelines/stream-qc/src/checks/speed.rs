//! Speed: how fast a platform can move.

use super::{Mode, above, distance, numpy};
use crate::flag::Flag;
use crate::sorted::NANOSECONDS;

/// The speeds that must not be exceeded, in metres per second.
///
/// ```toml
/// speed = { suspect = 1, fail = 25 }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Speed {
    /// Above it a point is SUSPECT.
    pub suspect: f64,
    /// Above it a point is FAIL.
    pub fail: f64,
}

impl Speed {
    /// The first point is UNKNOWN. `ioos_qc_3_0`: a point behind a missing place is MISSING, steps are whole seconds and
    /// where one is none the distance itself is compared. `strict`: exact steps, and that point is UNKNOWN.
    pub fn flags(&self, mode: Mode, times: &[i64], lon: &[f64], lat: &[f64]) -> Vec<Flag> {
        let is_missing = |at: usize| !lon[at].is_finite() || !lat[at].is_finite();
        let metres = distance::steps(distance::Method::Wgs84, lon, lat);
        let mut flags = Vec::with_capacity(times.len());
        for at in 0..times.len() {
            let is_first = at == 0;
            flags.push(match mode {
                Mode::IoosQc3_0 if is_first => Flag::Unknown,
                Mode::IoosQc3_0 if is_missing(at) || is_missing(at - 1) => Flag::Missing,
                Mode::Strict if is_missing(at) => Flag::Missing,
                Mode::Strict if is_first || is_missing(at - 1) => Flag::Unknown,
                _ => self.judge(mode, metres[at - 1], numpy::difference(times[at], times[at - 1])),
            });
        }
        flags
    }

    fn judge(&self, mode: Mode, metres: f64, step: i64) -> Flag {
        let speed = match mode {
            Mode::IoosQc3_0 => {
                numpy::quotient_or_dividend(metres, numpy::whole_seconds(step)).abs()
            }
            Mode::Strict if step <= 0 || metres.is_nan() => return Flag::Unknown,
            Mode::Strict => metres / (step as f64 / NANOSECONDS),
        };
        above(speed, Some(self.suspect), Some(self.fail))
    }
}
