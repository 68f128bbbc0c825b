//! Rules: the common form in which the values of a column are hashed and compared.
//!
//! Normalisation *is* the comparison: a rule is chosen once from the types of both sides, and everything after works
//! on [`Value`]s.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, FixedSizeBinaryArray, PrimitiveArray, cast::AsArray,
};
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int64Type, TimeUnit, UInt64Type,
};
use serde::{Deserialize, Serialize};

use crate::layout::Policy;
use crate::value::{self, Value};

/// How finely instants are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Whole days.
    Day,
    /// Seconds.
    Second,
    /// Milliseconds.
    Millisecond,
    /// Microseconds.
    Microsecond,
    /// Nanoseconds.
    Nanosecond,
}

impl Precision {
    fn nanoseconds(self) -> i128 {
        match self {
            Self::Day => 86_400_000_000_000,
            Self::Second => 1_000_000_000,
            Self::Millisecond => 1_000_000,
            Self::Microsecond => 1_000,
            Self::Nanosecond => 1,
        }
    }
}

impl From<&TimeUnit> for Precision {
    fn from(unit: &TimeUnit) -> Self {
        match unit {
            TimeUnit::Second => Self::Second,
            TimeUnit::Millisecond => Self::Millisecond,
            TimeUnit::Microsecond => Self::Microsecond,
            TimeUnit::Nanosecond => Self::Nanosecond,
        }
    }
}

/// The common form of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// Exact numbers (integers, decimals, truth values) at this number of decimal places; half rounds away from zero.
    Number {
        /// Decimal places.
        scale: i8,
    },
    /// Floating-point numbers: `-0.0` is `0.0`, NaN equals NaN.
    Float {
        /// One of the sides has 32 bits, so both are rounded to that.
        is_single: bool,
        /// No further apart than this is equal.
        tolerance: Option<f64>,
    },
    /// Instants and dates, cut to the precision; without a time zone they are taken as UTC.
    Time {
        /// The coarser one of both sides.
        precision: Precision,
    },
    /// Texts and bytes as they are.
    Bytes,
    /// Lists, structs and maps, value by value, each with its length.
    Nested,
}

impl Rule {
    /// Whether values that are not the same can be equal.
    pub(crate) fn has_tolerance(self) -> bool {
        matches!(self, Self::Float { tolerance: Some(_), .. })
    }

    /// The rule for a column that has these types on the two sides.
    ///
    /// # Errors
    /// The reason, with both types, if they have no common form.
    pub fn between(source: &DataType, lake: &DataType, policy: &Policy) -> Result<Self, String> {
        let (source, lake) = (plain(source), plain(lake));
        match (family(source), family(lake)) {
            (Some(Family::Number(a)), Some(Family::Number(b))) => {
                let finest = a.max(b);
                Ok(Self::Number { scale: policy.scale.map_or(finest, |scale| scale.min(finest)) })
            }
            (
                Some(a @ (Family::Float { .. } | Family::Number(_))),
                Some(b @ (Family::Float { .. } | Family::Number(_))),
            ) => Ok(Self::Float {
                is_single: a == Family::Float { is_single: true }
                    || b == Family::Float { is_single: true },
                tolerance: policy.tolerance.filter(|tolerance| *tolerance > 0.0),
            }),
            (Some(Family::Time(a)), Some(Family::Time(b))) => {
                let common = a.min(b);
                let precision = policy.precision.map_or(common, |wanted| wanted.min(common));
                Ok(Self::Time { precision })
            }
            (Some(Family::Text), Some(Family::Text))
            | (Some(Family::Binary), Some(Family::Binary)) => Ok(Self::Bytes),
            (Some(Family::Nested), Some(Family::Nested)) if is_alike(source, lake) => {
                Ok(Self::Nested)
            }
            _ => Err(format!("{source} in the source and {lake} in the lake have no common form")),
        }
    }

    /// Calls `each` for every row with its value in the common form.
    pub(crate) fn for_each(self, array: &ArrayRef, each: impl FnMut(usize, Value<'_>)) {
        self.show(array, each);
    }

    /// Shows `each` every row with its value in the common form.
    pub(crate) fn show(self, array: &ArrayRef, mut each: impl Each) {
        match self {
            Self::Number { scale } => numbers(array, scale, each),
            Self::Float { is_single, .. } => floats(array, |row, value: Option<f64>| {
                each.value(row, value.map_or(Value::Null, |value| Value::float(value, is_single)));
            }),
            Self::Time { precision } => instants(array, precision, each),
            Self::Bytes => bytes(array, each),
            Self::Nested => {
                let mut buffer = Vec::new();
                for row in 0..array.len() {
                    if array.is_null(row) {
                        each.value(row, Value::Null);
                        continue;
                    }
                    buffer.clear();
                    value::encode_nested(array, row, &mut buffer);
                    each.value(row, Value::Bytes(&buffer));
                }
            }
        }
    }
}

/// Is shown the values of a column, row by row.
pub(crate) trait Each {
    fn value(&mut self, row: usize, value: Value<'_>);

    /// A number of 64 bits, as most values are: whoever has to be fast takes it by itself.
    #[inline]
    fn small(&mut self, row: usize, number: i64) {
        self.value(row, Value::Number(number.into()));
    }

    /// A text or bytes.
    #[inline]
    fn bytes(&mut self, row: usize, bytes: &[u8]) {
        self.value(row, Value::Bytes(bytes));
    }
}

impl<F: FnMut(usize, Value<'_>)> Each for F {
    #[inline]
    fn value(&mut self, row: usize, value: Value<'_>) {
        self(row, value);
    }
}

/// Types that are compared in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Number(i8),
    Float { is_single: bool },
    Time(Precision),
    Text,
    Binary,
    Nested,
}

fn family(kind: &DataType) -> Option<Family> {
    use DataType as T;
    Some(match kind {
        T::Boolean
        | T::Int8
        | T::Int16
        | T::Int32
        | T::Int64
        | T::UInt8
        | T::UInt16
        | T::UInt32
        | T::UInt64 => Family::Number(0),
        T::Decimal128(_, scale) => Family::Number(*scale),
        T::Float32 => Family::Float { is_single: true },
        T::Float64 => Family::Float { is_single: false },
        T::Date32 | T::Date64 => Family::Time(Precision::Day),
        T::Timestamp(unit, _) => Family::Time(unit.into()),
        T::Utf8 | T::LargeUtf8 | T::Utf8View => Family::Text,
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => Family::Binary,
        T::List(_) | T::LargeList(_) | T::Struct(_) | T::Map(_, _) if value::can_encode(kind) => {
            Family::Nested
        }
        _ => return None,
    })
}

/// A dictionary is read as what is in it.
fn plain(kind: &DataType) -> &DataType {
    match kind {
        DataType::Dictionary(_, value) => value,
        _ => kind,
    }
}

/// Nested types are compared only if they are the same but for names of list items and nullability.
fn is_alike(one: &DataType, other: &DataType) -> bool {
    one.equals_datatype(other)
}

fn each_primitive<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    mut each: impl FnMut(usize, Option<T::Native>),
) {
    if array.null_count() == 0 {
        array.values().iter().enumerate().for_each(|(row, value)| each(row, Some(*value)));
    } else {
        array.iter().enumerate().for_each(|(row, value)| each(row, value));
    }
}

/// The array with what is in its dictionary, or itself.
pub(crate) fn unpacked(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Dictionary(_, value) => {
            arrow::compute::cast(array, value).expect("a dictionary holds what its type says")
        }
        _ => array.clone(),
    }
}

fn numbers(array: &ArrayRef, scale: i8, mut each: impl Each) {
    match array.data_type() {
        DataType::Decimal128(_, own) => {
            let own = *own;
            each_primitive(array.as_primitive::<Decimal128Type>(), |row, value| {
                let Some(value) = value else { return each.value(row, Value::Null) };
                match i64::try_from(value) {
                    Ok(small) if own == scale => each.small(row, small),
                    _ => each.value(row, Value::number(value, own, scale)),
                }
            });
        }
        DataType::UInt64 => {
            each_primitive(array.as_primitive::<UInt64Type>(), |row, value| {
                let number = |it| Value::number(i128::from(it), 0, scale);
                each.value(row, value.map_or(Value::Null, number));
            });
        }
        _ => each_integer(array, |row, value| match value {
            None => each.value(row, Value::Null),
            Some(value) if scale == 0 => each.small(row, value),
            Some(value) => each.value(row, Value::number(value.into(), 0, scale)),
        }),
    }
}

/// Integers, truth values and instants that have no more than 64 bits. Of one type, whatever they had: what is done for each
/// of millions of values is compiled into one loop only if it is called from one.
fn each_integer(array: &ArrayRef, each: impl FnMut(usize, Option<i64>)) {
    if let Some(wide) = array.as_primitive_opt::<Int64Type>() {
        return each_primitive(wide, each);
    }
    let wide = arrow::compute::cast(array, &DataType::Int64);
    let wide = wide.expect("what has a rule of numbers or instants has 64 bits");
    each_integer(&wide, each);
}

fn floats(array: &ArrayRef, mut each: impl FnMut(usize, Option<f64>)) {
    match array.data_type() {
        DataType::Float32 => each_primitive(array.as_primitive::<Float32Type>(), |row, value| {
            each(row, value.map(f64::from));
        }),
        DataType::Float64 => each_primitive(array.as_primitive::<Float64Type>(), each),
        _ => {
            let floats = arrow::compute::cast(array, &DataType::Float64)
                .expect("every number has a nearest floating-point number");
            each_primitive(floats.as_primitive::<Float64Type>(), each);
        }
    }
}

fn instants(array: &ArrayRef, precision: Precision, mut each: impl Each) {
    let own = match array.data_type() {
        DataType::Date32 => Precision::Day,
        DataType::Date64 => Precision::Millisecond,
        DataType::Timestamp(unit, _) => unit.into(),
        other => unreachable!("no rule of instants is made for {other}"),
    };
    // A rule is never finer than what it is applied to.
    let divisor = (precision.nanoseconds() / own.nanoseconds()) as i64;
    each_integer(array, |row, value| match value {
        None => each.value(row, Value::Null),
        // Most are told apart as finely as they are, and dividing takes longer than all the rest.
        Some(value) if divisor == 1 => each.small(row, value),
        Some(value) => each.small(row, value.div_euclid(divisor)),
    });
}

fn bytes(array: &ArrayRef, mut each: impl Each) {
    macro_rules! all {
        ($values:expr, $bytes:expr) => {
            for (row, value) in $values.iter().enumerate() {
                match value {
                    Some(value) => each.bytes(row, $bytes(value)),
                    None => each.value(row, Value::Null),
                }
            }
        };
    }
    fn same(bytes: &[u8]) -> &[u8] {
        bytes
    }
    match array.data_type() {
        DataType::Utf8 => all!(array.as_string::<i32>(), str::as_bytes),
        DataType::LargeUtf8 => all!(array.as_string::<i64>(), str::as_bytes),
        DataType::Utf8View => all!(array.as_string_view(), str::as_bytes),
        DataType::Binary => all!(array.as_binary::<i32>(), same),
        DataType::LargeBinary => all!(array.as_binary::<i64>(), same),
        DataType::BinaryView => all!(array.as_binary_view(), same),
        DataType::FixedSizeBinary(_) => {
            let array: &FixedSizeBinaryArray = array.as_fixed_size_binary();
            all!(array, same);
        }
        other => unreachable!("no rule of bytes is made for {other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Decimal128Array, Int64Array, TimestampMicrosecondArray, TimestampMillisecondArray,
    };

    use super::*;

    fn rule(source: &DataType, lake: &DataType) -> Result<Rule, String> {
        Rule::between(source, lake, &Policy::default())
    }

    fn values(rule: Rule, array: impl Array + 'static) -> Vec<String> {
        let mut all = Vec::new();
        let array: ArrayRef = Arc::new(array);
        rule.for_each(&array, |_, value| all.push(format!("{value:?}")));
        all
    }

    #[test]
    fn types_without_a_common_form_are_told_by_name() {
        let reason = rule(&DataType::Utf8, &DataType::Int64).unwrap_err();
        assert_eq!(reason, "Utf8 in the source and Int64 in the lake have no common form");
        assert!(rule(&DataType::Utf8, &DataType::Binary).is_err());
        assert!(rule(&DataType::Null, &DataType::Null).is_err());
    }

    #[test]
    fn a_number_is_the_same_at_every_scale() {
        let decimal = DataType::Decimal128(10, 2);
        let rule = rule(&decimal, &DataType::Int64).unwrap();
        assert_eq!(rule, Rule::Number { scale: 2 });
        let decimals = Decimal128Array::from(vec![Some(700), None]);
        let decimals = decimals.with_precision_and_scale(10, 2).unwrap();
        let integers = Int64Array::from(vec![Some(7), None]);
        assert_eq!(values(rule, decimals), values(rule, integers));
    }

    #[test]
    fn instants_meet_in_the_coarser_unit_before_1970_too() {
        let micro = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let milli = DataType::Timestamp(TimeUnit::Millisecond, None);
        let rule = rule(&micro, &milli).unwrap();
        assert_eq!(rule, Rule::Time { precision: Precision::Millisecond });
        let fine = TimestampMicrosecondArray::from(vec![1_999, -1]).with_timezone("UTC");
        let coarse = TimestampMillisecondArray::from(vec![1, -1]);
        assert_eq!(values(rule, fine), values(rule, coarse));
    }

    #[test]
    fn a_policy_makes_coarser_and_never_finer() {
        let decimal = DataType::Decimal128(10, 2);
        let policy = Policy { scale: Some(4), ..Policy::default() };
        assert_eq!(Rule::between(&decimal, &decimal, &policy), Ok(Rule::Number { scale: 2 }));
        let policy = Policy { scale: Some(1), ..Policy::default() };
        let rule = Rule::between(&decimal, &decimal, &policy).unwrap();
        let cents = Decimal128Array::from(vec![105, 104, -105]);
        let cents = cents.with_precision_and_scale(10, 2).unwrap();
        assert_eq!(values(rule, cents), ["Number(11)", "Number(10)", "Number(-11)"]);
    }
}
