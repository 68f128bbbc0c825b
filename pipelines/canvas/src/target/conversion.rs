//! Which changes of a column's type keep every stored value as it is.
//!
//! Databases convert more than these, but round, cut or spell anew without a word. Where a pair is not listed, the
//! source's own values have to replace those that are stored.

use crate::schema::ColumnType;

/// Whether every value of `from` is the same value of `to`. Texts are never cut: a column does not become narrower.
pub(super) fn keeps_values(from: &ColumnType, to: &ColumnType) -> bool {
    use ColumnType::{Array, Decimal, Float32, Float64, Int16, Int32, Text};
    if from == to || is_text(from) && is_text(to) {
        return true;
    }
    if let Some(digits) = digits(from) {
        return match to {
            Decimal { precision, scale } => precision.saturating_sub(*scale) >= digits,
            // One more for the sign.
            Text { max_length } => max_length.is_none_or(|length| length > digits),
            Float32 => *from == Int16,
            Float64 => matches!(from, Int16 | Int32),
            _ => self::digits(to).is_some_and(|it| it >= digits),
        };
    }
    match (from, to) {
        (Float32, Float64) => true,
        (Decimal { precision, scale }, Decimal { precision: precision_due, scale: scale_due }) => {
            scale_due >= scale
                && precision_due.saturating_sub(*scale_due) >= precision.saturating_sub(*scale)
        }
        // In JSON, too, a number is not its text.
        (Array(from), Array(to)) => is_text(from) == is_text(to) && keeps_values(from, to),
        _ => false,
    }
}

fn is_text(ty: &ColumnType) -> bool {
    use ColumnType::{Enum, OpenEnum, Text};
    matches!(ty, Text { .. } | Enum { .. } | OpenEnum { .. })
}

/// Of the longest whole number.
fn digits(ty: &ColumnType) -> Option<u32> {
    match ty {
        ColumnType::Int16 => Some(5),
        ColumnType::Int32 => Some(10),
        ColumnType::Int64 => Some(19),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::ColumnType::*;
    use super::*;

    fn decimal(precision: u32, scale: u32) -> ColumnType {
        Decimal { precision, scale }
    }

    fn text(length: u32) -> ColumnType {
        Text { max_length: Some(length) }
    }

    #[test]
    fn wider_types_keep_every_value() {
        let closed = Enum { values: vec!["a".into()] };
        for (from, to) in [
            (Int16, Int32),
            (Int32, Int64),
            (Int32, Float64),
            (Float32, Float64),
            (Int32, decimal(12, 2)),
            (decimal(6, 2), decimal(8, 2)),
            (decimal(6, 2), decimal(8, 4)),
            (text(5), text(10)),
            (closed, Text { max_length: None }),
            (Int32, text(11)),
            (Array(Box::new(text(5))), Array(Box::new(text(10)))),
            (Array(Box::new(Int16)), Array(Box::new(Int64))),
        ] {
            assert!(keeps_values(&from, &to), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn what_is_rounded_cut_or_spelled_anew_is_not_kept() {
        for (from, to) in [
            (Float64, Int64),
            (Float64, Float32),
            (Int64, Float64),
            (Int64, Int32),
            (Int32, decimal(11, 2)),
            (decimal(6, 2), Int64),
            (decimal(6, 2), decimal(6, 1)),
            (decimal(6, 2), decimal(6, 3)),
            (Int32, text(10)),
            (Float64, Text { max_length: None }),
            (Boolean, Text { max_length: None }),
            (Timestamp, Date),
            (Timestamp, Text { max_length: None }),
            (text(10), Int64),
            (text(10), Json),
            (Array(Box::new(Int16)), Array(Box::new(text(10)))),
        ] {
            assert!(!keeps_values(&from, &to), "{from:?} to {to:?}");
        }
    }
}
