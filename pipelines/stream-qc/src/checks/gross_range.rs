//! Gross range: what no sensor can measure, and what no operator expects.

use super::{CheckError, Flags, Mode, Span};
use crate::flag::Flag;

/// The limits of values. The ends of spans are good.
///
/// ```toml
/// gross_range = { fail = [0, 25], suspect = [5, 13] }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GrossRange {
    /// Outside of it a value is FAIL.
    pub fail: Span,
    /// Outside of it a value is SUSPECT; lies in `fail`.
    pub suspect: Option<Span>,
}

impl GrossRange {
    /// NaN is MISSING; an infinite value is not missing.
    ///
    /// # Errors
    /// In `ioos_qc_3_0`, if the suspect span is not in the fail span.
    pub fn flags(&self, mode: Mode, values: &[f64]) -> Flags {
        if mode == Mode::IoosQc3_0 && !self.is_nested() {
            return Err(CheckError::Raises {
                check: "gross_range",
                exception: "ValueError",
                reason: "the suspect span is not in the fail span",
            });
        }
        Ok(values.iter().map(|value| self.flag(mode, *value)).collect())
    }

    fn is_nested(&self) -> bool {
        self.suspect.is_none_or(|it| !(it.low() < self.fail.low() || it.high() > self.fail.high()))
    }

    fn flag(&self, mode: Mode, value: f64) -> Flag {
        if self.fail.is_outside(value) {
            Flag::Fail
        } else if self.suspect.is_some_and(|span| span.is_outside(value)) {
            Flag::Suspect
        } else if value.is_nan() || (mode == Mode::IoosQc3_0 && value.is_infinite()) {
            Flag::Missing
        } else {
            Flag::Good
        }
    }
}
