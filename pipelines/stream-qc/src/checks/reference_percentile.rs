//! Reference percentiles: values outside of what history showed.

use super::percentile_range::{self, PercentileRange};
use crate::flag::Flag;

/// The percentiles of earlier values that bound this series.
///
/// ```toml
/// reference_percentile = { reference = [9.8, 10.1, 10.4], low = 5, high = 95, pad = 0.5 }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ReferencePercentile {
    /// Values of history, at least one.
    pub reference: Vec<f64>,
    /// Which percentiles of them bound the series.
    pub range: PercentileRange,
}

impl ReferencePercentile {
    /// Outside is SUSPECT, NaN is MISSING. Without history nothing can be judged.
    pub fn flags(&self, values: &[f64]) -> Vec<Flag> {
        match self.range.bounds(&self.reference) {
            Some(bounds) => {
                values.iter().map(|value| percentile_range::flag(bounds, *value)).collect()
            }
            None => vec![Flag::Unknown; values.len()],
        }
    }
}
