//! Spike: a point that stands out from its two neighbours.

use super::{CheckError, Flags, Mode, above, numpy};
use crate::flag::Flag;
use crate::reach::Reach;

/// How a point's distance from its neighbours is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// From the mean of the neighbours. Flags steps, and the neighbours of a spike.
    #[default]
    Average,
    /// The smaller of both differences, where they point in opposite directions. Blind to spikes of two points.
    Differential,
}

/// The distances that a point must not exceed.
///
/// ```toml
/// spike = { method = "differential", suspect = 2, fail = 5, bridge = false }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Spike {
    /// How the distance is measured.
    pub method: Method,
    /// Above it a point is SUSPECT.
    pub suspect: Option<f64>,
    /// Above it a point is FAIL.
    pub fail: Option<f64>,
    /// Whether the neighbours are the nearest points with a value, in `strict`.
    pub bridge: bool,
}

impl Spike {
    pub(crate) fn reach(&self, mode: Mode) -> Reach {
        if self.bridge && mode == Mode::Strict { Reach::BRIDGE } else { Reach::points(1, 1) }
    }

    /// The first and the last point are UNKNOWN, and so is the neighbour of a missing value.
    ///
    /// In `ioos_qc_3_0` a threshold of zero counts as not given, and an infinite value as missing.
    ///
    /// # Errors
    /// In `ioos_qc_3_0`, if the series is empty.
    pub fn flags(&self, mode: Mode, values: &[f64]) -> Flags {
        match mode {
            Mode::Strict => Ok(self.strict(values)),
            Mode::IoosQc3_0 if values.is_empty() => Err(CheckError::Raises {
                check: "spike",
                exception: "IndexError",
                reason: "the series is empty",
            }),
            Mode::IoosQc3_0 => Ok(self.ioos(values)),
        }
    }

    fn ioos(&self, values: &[f64]) -> Vec<Flag> {
        let given = |limit: Option<f64>| limit.filter(|limit| *limit != 0.0);
        let (suspect, fail) = (given(self.suspect), given(self.fail));
        flags_of_inner(values, |before, value, after| {
            let distance = match self.method {
                // A mean that overflows, or nearly does, is masked; a distance that does is not.
                Method::Average => {
                    numpy::quotient(before + after, 2.0).map(|mean| (value - mean).abs())
                }
                Method::Differential => {
                    let distance = differential(before, value, after);
                    distance.is_finite().then_some(distance)
                }
            };
            distance.map_or(Flag::Unknown, |distance| above(distance, suspect, fail))
        })
    }

    fn strict(&self, values: &[f64]) -> Vec<Flag> {
        let judged = |values: &[f64]| {
            flags_of_inner(values, |before, value, after| {
                let distance = match self.method {
                    Method::Average => (value - f64::midpoint(before, after)).abs(),
                    Method::Differential => differential(before, value, after),
                };
                above(distance, self.suspect, self.fail)
            })
        };
        let mut flags = if self.bridge { bridged(values, judged) } else { judged(values) };
        for (flag, value) in flags.iter_mut().zip(values) {
            if value.is_infinite() {
                *flag = Flag::Unknown;
            }
        }
        flags
    }
}

fn differential(before: f64, value: f64, after: f64) -> f64 {
    let (rise, fall) = (value - before, after - value);
    if rise * fall >= 0.0 { 0.0 } else { rise.abs().min(fall.abs()) }
}

/// Judges the points that have two neighbours with a value.
fn flags_of_inner(values: &[f64], judge: impl Fn(f64, f64, f64) -> Flag) -> Vec<Flag> {
    let mut flags: Vec<_> = values
        .iter()
        .map(|value| if value.is_finite() { Flag::Unknown } else { Flag::Missing })
        .collect();
    for (flag, around) in flags.iter_mut().skip(1).zip(values.windows(3)) {
        let [before, value, after] = [around[0], around[1], around[2]];
        if value.is_finite() && before.is_finite() && after.is_finite() {
            *flag = judge(before, value, after);
        }
    }
    flags
}

/// Judges the points with a value as if there were no others.
fn bridged(values: &[f64], judged: impl Fn(&[f64]) -> Vec<Flag>) -> Vec<Flag> {
    let present: Vec<_> = (0..values.len()).filter(|index| values[*index].is_finite()).collect();
    let of_present = judged(&present.iter().map(|index| values[*index]).collect::<Vec<_>>());
    let mut flags = vec![Flag::Missing; values.len()];
    for (index, flag) in present.into_iter().zip(of_present) {
        flags[index] = flag;
    }
    flags
}
