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

impl Completeness {
    /// NaN counts as missing. Of no rows nothing is said.
    pub fn judge(&self, column: &ArrayRef) -> Judgement {
        let (rows, present) = (column.len(), column.len() - self.missing_in(column));
        if rows == 0 {
            return Judgement::new(Flag::Unknown, "there are no rows");
        }
        let share = present as f64 / rows as f64;
        Judgement::new(
            below(share, self.warn, self.fail),
            format!("{present} of {rows} rows have a value in `{}`: {share:.4}", self.column),
        )
    }

    fn missing_in(&self, column: &ArrayRef) -> usize {
        if column.data_type().is_floating() {
            let numbers = cast(column, &DataType::Float64).unwrap_or_else(|_| column.clone());
            let numbers = numbers.as_primitive::<Float64Type>();
            return numbers.iter().filter(|value| value.is_none_or(f64::is_nan)).count();
        }
        if self.missing.is_empty() {
            return column.logical_null_count();
        }
        let Ok(texts) = cast(column, &DataType::Utf8) else {
            return column.logical_null_count();
        };
        let is_missing = |text: &str| self.missing.iter().any(|missing| missing == text);
        texts.as_string::<i32>().iter().filter(|text| text.is_none_or(is_missing)).count()
    }
}
