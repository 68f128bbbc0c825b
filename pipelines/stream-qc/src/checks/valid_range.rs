//! Valid range: values between two ends, each of which may be open or missing.

use super::Mode;
use crate::flag::Flag;

/// The range of valid values.
///
/// ```toml
/// valid_range = { min = 0, max = 5, max_inclusive = true }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ValidRange {
    /// The lower end, if there is one.
    pub min: Option<f64>,
    /// The upper end, if there is one.
    pub max: Option<f64>,
    /// Whether the lower end is valid; it is, unless said otherwise.
    pub min_inclusive: bool,
    /// Whether the upper end is valid; it is not, unless said otherwise.
    pub max_inclusive: bool,
}

impl ValidRange {
    /// NaN is MISSING. An infinite value is MISSING in `ioos_qc_3_0`, where an infinite end is none, and FAIL in `strict`.
    pub fn flags(&self, mode: Mode, values: &[f64]) -> Vec<Flag> {
        values.iter().map(|value| self.flag(mode, *value)).collect()
    }

    fn flag(&self, mode: Mode, value: f64) -> Flag {
        let is_end = |end: &f64| mode == Mode::Strict || end.is_finite();
        let (min, max) = (self.min.filter(is_end), self.max.filter(is_end));
        let is_low = min.is_some_and(|min| value < min || (value == min && !self.min_inclusive));
        let is_high = max.is_some_and(|max| value > max || (value == max && !self.max_inclusive));
        match mode {
            _ if value.is_nan() => Flag::Missing,
            Mode::IoosQc3_0 if value.is_infinite() => Flag::Missing,
            Mode::Strict if value.is_infinite() => Flag::Fail,
            _ if is_low || is_high => Flag::Fail,
            _ => Flag::Good,
        }
    }
}
