//! One value of a row in its common form: how it is hashed, and when two are equal.

use arrow::array::{Array, ArrayRef, cast::AsArray};
use arrow::datatypes::DataType;
use xxhash_rust::xxh3::xxh3_64;

use crate::layout::Policy;
use crate::rule::{Rule, unpacked};

/// A value in the common form of its column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    /// Equal to NULL alone.
    Null,
    /// An exact number or an instant, in units of its rule.
    Number(i128),
    /// A number that has no place at the scale of the rule, so no value of the other side equals it unless it came
    /// from the same scale.
    Beyond(i128, i8),
    Float(f64),
    Bytes(&'a [u8]),
}

/// Of NULL; no other value has it but by chance.
const NULL_HASH: u64 = 0x6a09_e667_f3bc_c908;

impl Value<'_> {
    /// `unscaled / 10^own` at another scale.
    #[inline]
    pub(crate) fn number(unscaled: i128, own: i8, scale: i8) -> Self {
        if own == scale {
            return Self::Number(unscaled);
        }
        let power = i32::from(scale) - i32::from(own);
        let factor = 10_i128.checked_pow(power.unsigned_abs());
        match factor {
            Some(factor) if power > 0 => {
                unscaled.checked_mul(factor).map_or(Self::Beyond(unscaled, own), Self::Number)
            }
            Some(factor) => {
                let (whole, rest) = (unscaled / factor, unscaled % factor);
                let rounds = rest.unsigned_abs() >= factor.unsigned_abs().div_ceil(2);
                Self::Number(whole + i128::from(rounds) * unscaled.signum())
            }
            None if power > 0 && unscaled != 0 => Self::Beyond(unscaled, own),
            None => Self::Number(0),
        }
    }

    #[inline]
    pub(crate) fn float(value: f64, is_single: bool) -> Self {
        let value = if is_single { f64::from(value as f32) } else { value };
        Self::Float(if value.is_nan() { f64::NAN } else { value + 0.0 })
    }

    /// Equal values have equal hashes. With a tolerance, values in one cell of that width have equal hashes.
    #[inline]
    pub(crate) fn hash(self, rule: Rule) -> u64 {
        match self {
            Self::Null => NULL_HASH,
            Self::Number(number) => match i64::try_from(number) {
                Ok(small) => mix(small as u64),
                Err(_) => mix(number as u64) ^ mix((number >> 64) as u64).rotate_left(31),
            },
            Self::Beyond(unscaled, scale) => {
                mix(unscaled as u64) ^ mix((unscaled >> 64) as u64 ^ scale as u64).rotate_left(17)
            }
            Self::Float(value) => match rule {
                Rule::Float { tolerance: Some(tolerance), .. } => {
                    mix((value / tolerance).floor().to_bits())
                }
                _ => mix(value.to_bits()),
            },
            Self::Bytes(bytes) => hash_bytes(bytes),
        }
    }

    /// Whether two values of a column are equal.
    pub(crate) fn equals(self, other: Self, rule: Rule) -> bool {
        match (self, other) {
            (Self::Float(one), Self::Float(two)) => {
                let Rule::Float { tolerance, .. } = rule else { return false };
                one.to_bits() == two.to_bits()
                    || tolerance.is_some_and(|tolerance| (one - two).abs() <= tolerance)
            }
            _ => self == other,
        }
    }

    /// Appends the value so that no two sequences of values give the same bytes.
    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0),
            Self::Number(number) => {
                out.push(1);
                out.extend(number.to_le_bytes());
            }
            Self::Beyond(unscaled, scale) => {
                out.extend([2, scale as u8]);
                out.extend(unscaled.to_le_bytes());
            }
            Self::Float(value) => {
                out.push(3);
                out.extend(value.to_bits().to_le_bytes());
            }
            Self::Bytes(bytes) => {
                out.push(4);
                out.extend((bytes.len() as u64).to_le_bytes());
                out.extend(bytes);
            }
        }
    }
}

/// The hash of [`Value::Bytes`].
#[inline]
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// Spreads every bit over all bits: the finaliser of SplitMix64.
#[inline]
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The hash of a sequence of values, one more of them: order counts.
#[inline]
pub(crate) fn chain(hash: u64, next: u64) -> u64 {
    (hash.rotate_left(25) ^ next).wrapping_mul(0x9fb2_1c65_1e98_df25)
}

/// Whether values of a type can be told apart inside a nested one.
pub(crate) fn can_encode(kind: &DataType) -> bool {
    match kind {
        DataType::List(item) | DataType::LargeList(item) | DataType::Map(item, _) => {
            can_encode(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().all(|field| can_encode(field.data_type())),
        other => Rule::between(other, other, &Policy::default()).is_ok(),
    }
}

/// Appends one value of any type.
pub(crate) fn encode_nested(array: &ArrayRef, row: usize, out: &mut Vec<u8>) {
    if array.is_null(row) {
        return out.push(0);
    }
    match array.data_type() {
        DataType::List(_) => encode_items(&array.as_list::<i32>().value(row), out),
        DataType::LargeList(_) => encode_items(&array.as_list::<i64>().value(row), out),
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            let entries: ArrayRef = std::sync::Arc::new(entries);
            encode_entries(&entries, out);
        }
        DataType::Struct(_) => {
            let fields = array.as_struct();
            out.push(5);
            fields.columns().iter().for_each(|field| encode_nested(field, row, out));
        }
        kind => {
            let rule = Rule::between(kind, kind, &Policy::default())
                .expect("no rule is made for nested types with others");
            rule.for_each(&unpacked(&array.slice(row, 1)), |_, value| value.encode(out));
        }
    }
}

fn encode_items(items: &ArrayRef, out: &mut Vec<u8>) {
    out.push(6);
    out.extend((items.len() as u64).to_le_bytes());
    let kind = items.data_type();
    match Rule::between(kind, kind, &Policy::default()) {
        Ok(rule) if rule != Rule::Nested => {
            rule.for_each(&unpacked(items), |_, value| value.encode(out));
        }
        _ => (0..items.len()).for_each(|item| encode_nested(items, item, out)),
    }
}

/// The entries of a map in the order of their bytes: a map has no order.
fn encode_entries(entries: &ArrayRef, out: &mut Vec<u8>) {
    let encoded = |entry| {
        let mut bytes = Vec::new();
        encode_nested(entries, entry, &mut bytes);
        bytes
    };
    let mut all: Vec<_> = (0..entries.len()).map(encoded).collect();
    all.sort_unstable();
    out.push(7);
    out.extend((all.len() as u64).to_le_bytes());
    for bytes in all {
        out.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Rule = Rule::Float { is_single: false, tolerance: None };
    const NEAR: Rule = Rule::Float { is_single: false, tolerance: Some(0.1) };

    fn encoded(values: &[Value<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        for value in values {
            value.encode(&mut out);
        }
        out
    }

    #[test]
    fn texts_cannot_slip_from_one_column_into_the_next() {
        let one = [Value::Bytes(b"a|b"), Value::Bytes(b"c")];
        let two = [Value::Bytes(b"a"), Value::Bytes(b"b|c")];
        assert_ne!(encoded(&one), encoded(&two));
        let hash = |values: &[Value<'_>]| {
            values.iter().fold(0, |hash, value| chain(hash, value.hash(Rule::Bytes)))
        };
        assert_ne!(hash(&one), hash(&two));
    }

    #[test]
    fn null_is_no_text() {
        for text in ["", "<null>", "NULL", "\0"] {
            let text = Value::Bytes(text.as_bytes());
            assert_ne!(encoded(&[Value::Null]), encoded(&[text]));
            assert_ne!(Value::Null.hash(Rule::Bytes), text.hash(Rule::Bytes));
            assert!(!Value::Null.equals(text, Rule::Bytes));
        }
    }

    #[test]
    fn floats_are_equal_by_value() {
        let zeros = [Value::float(0.0, false), Value::float(-0.0, false)];
        assert!(zeros[0].equals(zeros[1], EXACT));
        assert_eq!(zeros[0].hash(EXACT), zeros[1].hash(EXACT));
        let nan = Value::float(f64::NAN, false);
        assert!(nan.equals(Value::float(-f64::NAN, false), EXACT));
        assert!(!Value::Float(1.0).equals(Value::Float(1.05), EXACT));
        assert!(Value::Float(1.0).equals(Value::Float(1.05), NEAR));
        assert!(!Value::Float(1.0).equals(Value::Float(1.2), NEAR));
    }

    #[test]
    fn a_number_too_large_for_the_scale_equals_itself_alone() {
        let large = Value::number(i128::MAX, 0, 18);
        assert_eq!(large, Value::Beyond(i128::MAX, 0));
        assert!(large.equals(Value::number(i128::MAX, 0, 18), Rule::Number { scale: 18 }));
        assert!(!large.equals(Value::number(i128::MAX, 18, 18), Rule::Number { scale: 18 }));
    }
}
