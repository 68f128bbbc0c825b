//! What is summed up of one column of one day: NULLs, a checksum, the extent of its numbers.

use crate::rule::Rule;
use crate::value::Value;

/// The totals of a column.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ColumnTotals {
    /// Rows without a value.
    pub nulls: u64,
    /// The sum of the hashes of all values; the same in any order of rows.
    pub checksum: u64,
    /// Of numbers and instants.
    pub extent: Option<Extent>,
}

/// The extent of a column of numbers or instants, in the common form of its rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// Exact numbers at the rule's scale, instants in its precision. The sum stops at the largest number there is.
    Number {
        /// The smallest.
        min: i128,
        /// The largest.
        max: i128,
        /// Of all.
        sum: i128,
    },
    /// Floating-point numbers. The sum depends on the order of rows in its last places.
    Float {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
        /// Of all.
        sum: f64,
    },
}

impl ColumnTotals {
    #[inline]
    pub(crate) fn note(&mut self, value: Value<'_>, hash: u64) {
        self.checksum = self.checksum.wrapping_add(hash);
        match value {
            Value::Null => self.nulls += 1,
            Value::Number(number) => self.note_number(number),
            Value::Float(number) => self.note_float(number),
            Value::Beyond(..) | Value::Bytes(_) => {}
        }
    }

    /// The same of a number with this hash.
    #[inline]
    pub(crate) fn note_small(&mut self, number: i64, hash: u64) {
        self.checksum = self.checksum.wrapping_add(hash);
        self.note_number(number.into());
    }

    /// The same of a text or bytes with this hash.
    #[inline]
    pub(crate) fn note_bytes(&mut self, hash: u64) {
        self.checksum = self.checksum.wrapping_add(hash);
    }

    #[inline]
    fn note_number(&mut self, number: i128) {
        if let Some(Extent::Number { min, max, sum }) = &mut self.extent {
            *min = number.min(*min);
            *max = number.max(*max);
            *sum = sum.saturating_add(number);
        } else {
            self.extent = Some(Extent::Number { min: number, max: number, sum: number });
        }
    }

    #[inline]
    fn note_float(&mut self, number: f64) {
        if let Some(Extent::Float { min, max, sum }) = &mut self.extent {
            *min = number.min(*min);
            *max = number.max(*max);
            *sum += number;
        } else {
            self.extent = Some(Extent::Float { min: number, max: number, sum: number });
        }
    }
}

impl Extent {
    /// Smallest, largest and sum as texts; there is no sum of instants.
    pub fn texts(&self, rule: Rule) -> (String, String, Option<String>) {
        match (*self, rule) {
            (Self::Number { min, max, sum }, Rule::Number { scale }) => {
                (decimal(min, scale), decimal(max, scale), Some(decimal(sum, scale)))
            }
            (Self::Number { min, max, .. }, _) => (min.to_string(), max.to_string(), None),
            (Self::Float { min, max, sum }, _) => {
                (min.to_string(), max.to_string(), Some(sum.to_string()))
            }
        }
    }
}

/// `-1050` at scale 2 is `-10.50`.
fn decimal(unscaled: i128, scale: i8) -> String {
    let Ok(places @ 1..) = usize::try_from(scale) else {
        return format!("{unscaled}{}", "0".repeat(scale.unsigned_abs().into()));
    };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{}{whole}.{fraction}", if unscaled < 0 { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_written_with_all_their_places() {
        assert_eq!(decimal(-1_050, 2), "-10.50");
        assert_eq!(decimal(5, 3), "0.005");
        assert_eq!(decimal(7, 0), "7");
        assert_eq!(decimal(7, -2), "700");
    }

    #[test]
    fn the_sum_does_not_wrap() {
        let mut totals = ColumnTotals::default();
        totals.note(Value::Number(i128::MAX), 0);
        totals.note(Value::Number(1), 0);
        let Some(Extent::Number { sum, .. }) = totals.extent else { panic!("{totals:?}") };
        assert_eq!(sum, i128::MAX);
    }
}
