//! Percentile range: the extremes of the series itself.

use super::{CheckError, Flags, Mode, Span, numpy};
use crate::flag::Flag;

/// Which percentiles bound the series. A batch always has extremes: compare with those of history by
/// [`reference_percentile`](super::reference_percentile) where there is one.
///
/// ```toml
/// percentile_range = { low = 5, high = 95, pad = 0.5 }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PercentileRange {
    /// The lower percentile, 0 to 100.
    pub low: f64,
    /// The upper percentile, 0 to 100.
    pub high: f64,
    /// How far outside the percentiles a value may be.
    pub pad: f64,
}

impl PercentileRange {
    /// Outside is SUSPECT, NaN is MISSING; nothing is FAIL.
    ///
    /// # Errors
    /// In `ioos_qc_3_0`, if there is no value at all.
    pub fn flags(&self, mode: Mode, values: &[f64]) -> Flags {
        match self.bounds(values) {
            Some(bounds) => Ok(values.iter().map(|value| flag(bounds, *value)).collect()),
            None if mode == Mode::Strict => Ok(vec![Flag::Missing; values.len()]),
            None => Err(CheckError::Raises {
                check: "percentile_range",
                exception: "IndexError",
                reason: "the series has no value",
            }),
        }
    }

    /// The bounds that these values give, if there are any.
    pub(super) fn bounds(&self, values: &[f64]) -> Option<Span> {
        let mut sorted: Vec<_> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        if sorted.is_empty() {
            return None;
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let low = numpy::percentile(&sorted, self.low) - self.pad;
        let high = numpy::percentile(&sorted, self.high) + self.pad;
        Some(Span { low, high })
    }
}

/// The flag of a value between bounds that history or the series gave.
pub(super) fn flag(bounds: Span, value: f64) -> Flag {
    if value.is_nan() {
        Flag::Missing
    } else if bounds.is_outside(value) {
        Flag::Suspect
    } else {
        Flag::Good
    }
}
