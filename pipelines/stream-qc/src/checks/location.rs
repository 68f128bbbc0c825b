//! Location: places that exist, and steps that are not too long.

use super::distance::{self, Method};
use crate::flag::Flag;

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
    /// FAIL where only one coordinate is there or no such place exists; MISSING where both are missing.
    pub fn flags(&self, lon: &[f64], lat: &[f64]) -> Vec<Flag> {
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
            let steps = distance::steps(self.range_method, lon, lat);
            for (flag, step) in flags.iter_mut().skip(1).zip(steps) {
                if step > limit {
                    *flag = Flag::Suspect;
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
