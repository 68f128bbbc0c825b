//! The checks, one file each: pure functions from columns to flags.
//!
//! A check is a struct of its limits with a function `flags`. Where the reference library, `ioos_qc` 3.0.0, has the
//! same check, [`Mode::IoosQc3_0`] gives its flags bit by bit, quirks included, and [`Mode::Strict`] what was meant.
//! For the second mode a temporal check gets a series that is sorted by time and has one point per time stamp.

#![expect(
    clippy::float_cmp,
    reason = "limits are exact: a value at one is good, and the next number is not"
)]

use std::fmt;

use crate::flag::Flag;

pub mod attenuated_signal;
pub mod climatology;
pub mod completeness;
pub mod cross_field;
pub mod density_inversion;
pub mod distance;
pub mod drift;
pub mod duplicate_stamp;
pub mod flat_line;
pub mod freshness;
pub mod gross_range;
pub mod impossible_date;
pub mod increasing;
pub mod location;
pub mod location_bounds;
pub(crate) mod numpy;
pub mod order;
pub(crate) mod pandas;
pub mod percentile_range;
pub mod rate_of_change;
pub mod reception;
pub mod reference_percentile;
pub mod row_count;
pub mod schema;
pub mod speed;
pub mod spike;
pub mod syntax;
pub mod time_gap;
pub mod uniqueness;
pub mod valid_range;
pub mod validity;
mod window;

/// Whose rules decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Flags equal to those of the reference library, its quirks included.
    IoosQc3_0,
    /// What was meant: exact times, no point called good that was not judged, thresholds of zero that count.
    #[default]
    Strict,
}

impl Mode {
    /// The mode as a configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IoosQc3_0 => "ioos_qc_3_0",
            Self::Strict => "strict",
        }
    }
}

/// A range of values, both ends in it. `[5, 0]` is the same as `[0, 5]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    low: f64,
    high: f64,
}

impl Span {
    /// The span between two values, whichever is larger.
    pub fn new(one: f64, other: f64) -> Self {
        // As the library sorts, which leaves the order where a comparison fails.
        if other < one { Self { low: other, high: one } } else { Self { low: one, high: other } }
    }

    /// Its lower end.
    pub const fn low(self) -> f64 {
        self.low
    }

    /// Its upper end.
    pub const fn high(self) -> f64 {
        self.high
    }

    /// Whether a value lies below or above. NaN does not.
    pub fn is_outside(self, value: f64) -> bool {
        value < self.low || value > self.high
    }

    /// Whether a value lies in it. NaN does not.
    pub fn holds(self, value: f64) -> bool {
        value >= self.low && value <= self.high
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.low, self.high)
    }
}

/// A check that gives no flags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The reference library raises an exception here; in mode `ioos_qc_3_0` that is the result.
    #[error(
        "{check}: {reason}; ioos_qc 3.0.0 raises {exception} here (the mode `strict` has a defined result)"
    )]
    Raises {
        /// The check, for instance `spike`.
        check: &'static str,
        /// The exception, for instance `IndexError`.
        exception: &'static str,
        /// What about the series makes it fail.
        reason: &'static str,
    },
    /// The data has no column that the check looks at.
    #[error("{check}: the data has no {what}; {help}")]
    NoColumn {
        /// The check.
        check: &'static str,
        /// What is missing, for instance "column `line`".
        what: String,
        /// What to do.
        help: &'static str,
    },
}

/// What a check of points gives.
pub type Flags = Result<Vec<Flag>, CheckError>;

/// What a check of a whole batch says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The one flag of the batch.
    pub flag: Flag,
    /// What was found.
    pub message: String,
}

impl Judgement {
    fn new(flag: Flag, message: impl Into<String>) -> Self {
        Self { flag, message: message.into() }
    }
}

/// The flag of a measure against two limits that it must not exceed.
fn above(measure: f64, suspect: Option<f64>, fail: Option<f64>) -> Flag {
    if fail.is_some_and(|limit| measure > limit) {
        Flag::Fail
    } else if suspect.is_some_and(|limit| measure > limit) {
        Flag::Suspect
    } else {
        Flag::Good
    }
}

/// The flag of a share that must not fall below two limits.
fn below(share: f64, suspect: Option<f64>, fail: Option<f64>) -> Flag {
    if fail.is_some_and(|limit| share < limit) {
        Flag::Fail
    } else if suspect.is_some_and(|limit| share < limit) {
        Flag::Suspect
    } else {
        Flag::Good
    }
}
