//! Uniqueness: keys that occur once, and how varied a column is.

use std::collections::HashMap;
use std::hash::Hash;

use arrow::array::ArrayRef;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};

use super::{Judgement, below};
use crate::flag::Flag;

/// Rows whose key occurs more than once are FAIL, all of them. Nulls are equal to each other.
///
/// # Errors
/// If a column is of a type that cannot be compared.
pub fn flags(key: &[ArrayRef]) -> Result<Vec<Flag>, ArrowError> {
    let rows = rows(key)?;
    let counts = counted(rows.iter());
    let flag = |row| if counts[&row] > 1 { Flag::Fail } else { Flag::Good };
    Ok(rows.iter().map(flag).collect())
}

/// What is counted, in relation to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Distinct values of all values.
    Distinctness,
    /// Values that occur once, of all values: a, a, b has 1/3.
    Uniqueness,
    /// Values that occur once, of the distinct ones: a, a, b has 1/2.
    UniqueValueRatio,
}

impl Measure {
    /// Its name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Distinctness => "distinctness",
            Self::Uniqueness => "uniqueness",
            Self::UniqueValueRatio => "unique_value_ratio",
        }
    }
}

/// How varied a column must be.
///
/// ```toml
/// distinctness = { value = { warn = 0.5, fail = 0.1 } }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Variety {
    /// The column.
    pub column: String,
    /// What is measured.
    pub measure: Measure,
    /// Below it the column is SUSPECT.
    pub warn: Option<f64>,
    /// Below it the column is FAIL.
    pub fail: Option<f64>,
}

impl Variety {
    /// Of no rows nothing is said.
    ///
    /// # Errors
    /// If the column is of a type that cannot be compared.
    pub fn judge(&self, column: &ArrayRef) -> Result<Judgement, ArrowError> {
        let rows = rows(std::slice::from_ref(column))?;
        let counts = counted(rows.iter());
        let once = counts.values().filter(|count| **count == 1).count();
        let (part, whole) = match self.measure {
            Measure::Distinctness => (counts.len(), column.len()),
            Measure::Uniqueness => (once, column.len()),
            Measure::UniqueValueRatio => (once, counts.len()),
        };
        if whole == 0 {
            return Ok(Judgement::new(Flag::Unknown, "there are no rows"));
        }
        let share = part as f64 / whole as f64;
        let message = format!(
            "{} of `{}` is {part} of {whole}: {share:.4}",
            self.measure.name(),
            self.column
        );
        Ok(Judgement::new(below(share, self.warn, self.fail), message))
    }
}

fn rows(columns: &[ArrayRef]) -> Result<Rows, ArrowError> {
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    RowConverter::new(fields)?.convert_columns(columns)
}

fn counted<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, u32> {
    let mut counts = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}
