//! Location: places that exist, and steps that are not too long.

use super::Mode;
use super::distance::{self, Method};
use crate::facts::Facts;
use crate::flag::Flag;
use crate::reach::Reach;

/// What places may be.
///
/// ```toml
/// location = { range_max_m = 1000, range_method = "wgs84" }
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Location {
    /// Metres to the point before; a point farther away is SUSPECT.
    pub range_max_m: Option<f64>,
    /// How these are measured.
    pub range_method: Method,
}

impl Location {
    pub(crate) fn reach(&self) -> Reach {
        Reach::points(usize::from(self.range_max_m.is_some()), 0)
    }

    /// FAIL where only one coordinate is there or no such place exists; MISSING where both are missing.
    ///
    /// In `ioos_qc_3_0` on a sphere, a step from or to a missing place is as long as the radius of the earth, or nothing if
    /// it is the only one.
    pub fn flags(&self, mode: Mode, facts: &Facts, lon: &[f64], lat: &[f64]) -> Vec<Flag> {
        let mut flags: Vec<_> = lon
            .iter()
            .zip(lat)
            .map(|(lon, lat)| match (lon.is_finite(), lat.is_finite()) {
                (true, true) => Flag::Good,
                (false, false) => Flag::Missing,
                _ => Flag::Fail,
            })
            .collect();
        if let Some(limit) = self.range_max_m {
            let unknown = match (mode, self.range_method) {
                (Mode::IoosQc3_0, Method::Haversine) if facts.points > 2 => {
                    distance::EARTH_RADIUS_M
                }
                (Mode::IoosQc3_0, Method::Haversine) => 0.0,
                _ => f64::NAN,
            };
            let is_missing = |at: usize| !lon[at].is_finite() || !lat[at].is_finite();
            // The library measures nothing to the first point, and nothing is more than a negative limit.
            let is_first_too_far = limit < 0.0 && facts.points > 1;
            if let Some(first) = flags.first_mut().filter(|_| is_first_too_far) {
                *first = Flag::Suspect;
            }
            for (at, step) in (1..).zip(distance::steps(self.range_method, lon, lat)) {
                let step = if is_missing(at - 1) || is_missing(at) { unknown } else { step };
                if step > limit {
                    flags[at] = Flag::Suspect;
                }
            }
        }
        for (flag, (lon, lat)) in flags.iter_mut().zip(lon.iter().zip(lat)) {
            if lat.abs() > 90.0 || lon.abs() > 180.0 {
                *flag = Flag::Fail;
            }
        }
        flags
    }
}
