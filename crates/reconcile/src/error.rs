//! Why a comparison came to no result. None of these says anything about equality.

use std::fmt;

use crate::SideError;

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// What should be.
    Source,
    /// What is.
    Lake,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Lake => "lake",
        })
    }
}

/// Why two sides were not compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A side could not be read.
    #[error("the {which} could not be read: {error}")]
    Unreadable {
        /// Which one.
        which: Which,
        /// Why.
        #[source]
        error: SideError,
    },
    /// A side lacks a column that is to be compared.
    #[error("the {which} has no column `{column}`")]
    NoColumn {
        /// Which one.
        which: Which,
        /// The column.
        column: String,
    },
    /// The two types of a column have no common form.
    #[error("the column `{column}` cannot be compared: {reason}")]
    NotComparable {
        /// The column.
        column: String,
        /// Why, with both types.
        reason: String,
    },
    /// There is no key to tell rows apart by.
    #[error("the table has no key, so its rows cannot be told apart")]
    NoKey,
    /// A side gave other rows when it was read again.
    #[error("a side changed while it was compared")]
    Unsteady,
    /// Somebody asked to stop.
    #[error("the comparison was stopped")]
    Stopped,
}
