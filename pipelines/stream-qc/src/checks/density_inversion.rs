//! Density inversion: water that is lighter below than above.

use super::Mode;
use crate::flag::Flag;

/// How little density may grow from one depth to the next. Both points of a step below a limit are flagged.
///
/// ```toml
/// density_inversion = { suspect = -0.01, fail = -0.03 }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DensityInversion {
    /// Below it both points are SUSPECT.
    pub suspect: Option<f64>,
    /// Below it both points are FAIL.
    pub fail: Option<f64>,
}

impl DensityInversion {
    /// MISSING where density or depth is, and behind such a point. A single point is UNKNOWN; in `strict` it is
    /// MISSING if its value is, and a point behind a missing one is UNKNOWN.
    ///
    /// # Panics
    /// If there are not as many depths as densities.
    pub fn flags(&self, mode: Mode, densities: &[f64], depths: &[f64]) -> Vec<Flag> {
        assert_eq!(densities.len(), depths.len(), "every density has a depth");
        if mode == Mode::IoosQc3_0 && densities.len() == 1 {
            return vec![Flag::Unknown];
        }
        let is_missing = |at: usize| !densities[at].is_finite() || !depths[at].is_finite();
        let mut flags = vec![Flag::Good; densities.len()];
        if densities.len() == 1 {
            flags[0] = Flag::Unknown;
        }
        for (limit, flag) in [(self.suspect, Flag::Suspect), (self.fail, Flag::Fail)] {
            let Some(limit) = limit else { continue };
            for at in 1..densities.len() {
                let growth =
                    sign(depths[at] - depths[at - 1]) * (densities[at] - densities[at - 1]);
                if !is_missing(at - 1) && !is_missing(at) && growth < limit {
                    flags[at - 1..=at].fill(flag);
                }
            }
        }
        let behind_missing = if mode == Mode::IoosQc3_0 { Flag::Missing } else { Flag::Unknown };
        for (at, flag) in flags.iter_mut().enumerate() {
            if is_missing(at) {
                *flag = Flag::Missing;
            } else if at > 0 && is_missing(at - 1) {
                *flag = behind_missing;
            }
        }
        flags
    }
}

/// As numpy: zero of zero.
fn sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}
