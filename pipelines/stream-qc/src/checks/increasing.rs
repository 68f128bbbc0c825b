//! Increasing: a value that must go on in its direction, as pressure does in a profile.

use super::{Mode, numpy};
use crate::flag::Flag;

/// A point that does not go on in the direction of the mean step is SUSPECT. Missing values are GOOD in
/// `ioos_qc_3_0`; in `strict` they are MISSING, and a point behind one is compared with the last value.
pub fn flags(mode: Mode, values: &[f64]) -> Vec<Flag> {
    match mode {
        Mode::IoosQc3_0 => ioos(values),
        Mode::Strict => strict(values),
    }
}

fn ioos(values: &[f64]) -> Vec<Flag> {
    let mut flags = vec![Flag::Good; values.len()];
    let steps: Vec<_> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let direction = direction(&steps);
    for (flag, step) in flags.iter_mut().skip(1).zip(steps) {
        if direction * step <= 0.0 {
            *flag = Flag::Suspect;
        }
    }
    flags
}

/// Down, or else up.
fn direction(steps: &[f64]) -> f64 {
    if numpy::sum(steps) / (steps.len() as f64) < 0.0 { -1.0 } else { 1.0 }
}

fn strict(values: &[f64]) -> Vec<Flag> {
    let present: Vec<_> = (0..values.len()).filter(|at| values[*at].is_finite()).collect();
    let of_present = ioos(&present.iter().map(|at| values[*at]).collect::<Vec<_>>());
    let missing = |value: &f64| if value.is_nan() { Flag::Missing } else { Flag::Unknown };
    let mut flags: Vec<_> = values.iter().map(missing).collect();
    for (at, flag) in present.iter().zip(of_present) {
        flags[*at] = flag;
    }
    if let Some(first) = present.first() {
        flags[*first] = Flag::Unknown;
    }
    flags
}
