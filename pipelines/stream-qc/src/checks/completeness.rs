//! Completeness: how many rows have a value.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};

use super::{Judgement, below};
use crate::flag::Flag;

/// The share of rows that must have a value in a column.
///
/// ```toml
/// completeness = { value = { warn = 0.98, fail = 0.9, missing = ["", "NA"] } }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Completeness {
    /// The column.
    pub column: String,
    /// Below it the column is SUSPECT.
    pub warn: Option<f64>,
    /// Below it the column is FAIL.
    pub fail: Option<f64>,
    /// Texts that count as missing. An empty text is a value, unless it is one of them.
    pub missing: Vec<String>,
}

/// How many rows were looked at so far, and how many of them have a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filled {
    rows: usize,
    present: usize,
}

impl Completeness {
    /// Counts the next rows. NaN counts as missing, and so does a row that `is_missing` knows to have no value.
    pub fn count(
        &self,
        filled: &mut Filled,
        column: &ArrayRef,
        is_missing: impl Fn(usize) -> bool,
    ) {
        let has_none = self.missing_in(column);
        let missing = (0..column.len()).filter(|row| is_missing(*row) || has_none(*row)).count();
        filled.rows += column.len();
        filled.present += column.len() - missing;
    }

    /// Of no rows nothing is said.
    pub fn judge(&self, Filled { rows, present }: Filled) -> Judgement {
        if rows == 0 {
            return Judgement::new(Flag::Unknown, "there are no rows");
        }
        let share = present as f64 / rows as f64;
        Judgement::new(
            below(share, self.warn, self.fail),
            format!("{present} of {rows} rows have a value in `{}`: {share:.4}", self.column),
        )
    }

    /// Which rows of the column have no value.
    fn missing_in(&self, column: &ArrayRef) -> Box<dyn Fn(usize) -> bool> {
        if column.data_type().is_floating() {
            let numbers = cast(column, &DataType::Float64).unwrap_or_else(|_| column.clone());
            let numbers = numbers.as_primitive::<Float64Type>().clone();
            return Box::new(move |row| numbers.is_null(row) || numbers.value(row).is_nan());
        }
        let texts = cast(column, &DataType::Utf8).ok().filter(|_| !self.missing.is_empty());
        let (nulls, missing) = (column.logical_nulls(), self.missing.clone());
        let is_null = move |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let Some(texts) = texts else { return Box::new(is_null) };
        let texts = texts.as_string::<i32>().clone();
        Box::new(move |row| is_null(row) || missing.iter().any(|text| text == texts.value(row)))
    }
}
