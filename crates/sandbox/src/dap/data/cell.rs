//! One value of one row, before any format has written it down.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::calendar::{Micros, write_date, write_time, write_timestamp};

/// A value of any of the types that a DAP schema can express.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float32(f32),
    Float64(f64),
    Decimal {
        unscaled: i64,
        scale: u32,
    },
    Text(Cow<'static, str>),
    Timestamp(Micros),
    Date {
        days: i64,
    },
    Time {
        micros: i64,
    },
    Uuid(u128),
    Array(Vec<Cell>),
    /// A nested object of fixed members; null members are kept.
    Object(Vec<(String, Cell)>),
    Json(Value),
}

impl Cell {
    /// Appends the plain text of a scalar; arrays, objects and JSON are written as JSON text.
    ///
    /// Null has no text: each format writes it its own way.
    pub(crate) fn write_text(&self, out: &mut String) {
        use std::fmt::Write;
        match self {
            Self::Null => {}
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => write!(out, "{value}").expect("writing to a String cannot fail"),
            Self::Float32(value) => write_float(out, f64::from(*value), &value.to_string()),
            Self::Float64(value) => write_float(out, *value, &value.to_string()),
            Self::Decimal { unscaled, scale } => write_decimal(out, *unscaled, *scale),
            Self::Text(value) => out.push_str(value),
            Self::Timestamp(at) => write_timestamp(out, *at),
            Self::Date { days } => write_date(out, *days),
            Self::Time { micros } => write_time(out, *micros),
            Self::Uuid(value) => out.push_str(&uuid_text(*value)),
            Self::Array(_) | Self::Object(_) | Self::Json(_) => {
                out.push_str(&self.to_json().to_string());
            }
        }
    }

    /// The value as JSON.
    ///
    /// Timestamps, dates, times, UUIDs and decimals are strings; so are `NaN`, `Infinity` and `-Infinity`, for which JSON has no
    /// number. Null members of objects are left out, and an object without members is null.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::from(*value),
            Self::Int(value) => Value::from(*value),
            Self::Float32(_) | Self::Float64(_) => self.float_to_json(),
            Self::Text(value) => Value::from(value.as_ref()),
            Self::Json(value) => value.clone(),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(fields) => object_to_json(fields),
            Self::Decimal { .. }
            | Self::Timestamp(_)
            | Self::Date { .. }
            | Self::Time { .. }
            | Self::Uuid(_) => {
                let mut text = String::new();
                self.write_text(&mut text);
                Value::from(text)
            }
        }
    }

    fn float_to_json(&self) -> Value {
        let mut text = String::new();
        self.write_text(&mut text);
        let number = text.parse().ok().and_then(Number::from_f64);
        number.map_or(Value::from(text), Value::Number)
    }
}

fn object_to_json(fields: &[(String, Cell)]) -> Value {
    let members: Map<String, Value> = fields
        .iter()
        .filter(|(_, cell)| *cell != Cell::Null)
        .map(|(name, cell)| (name.clone(), cell.to_json()))
        .collect();
    if members.is_empty() { Value::Null } else { Value::Object(members) }
}

/// Finite numbers always show that they are floats: `80.0`, not `80`.
fn write_float(out: &mut String, value: f64, shortest: &str) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        out.push_str(shortest);
        if !shortest.contains('.') {
            out.push_str(".0");
        }
    }
}

fn write_decimal(out: &mut String, unscaled: i64, scale: u32) {
    use std::fmt::Write;
    let unit = 10_i64.pow(scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let (whole, fraction) = (unscaled.abs() / unit, unscaled.abs() % unit);
    write!(out, "{sign}{whole}.{fraction:0width$}", width = scale as usize)
        .expect("writing to a String cannot fail");
}

/// `8-4-4-4-12` hexadecimal digits.
pub(crate) fn uuid_text(value: u128) -> String {
    uuid::Uuid::from_u128(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cell: &Cell) -> String {
        let mut out = String::new();
        cell.write_text(&mut out);
        out
    }

    #[test]
    fn numbers_keep_their_type_in_text() {
        assert_eq!(text(&Cell::Float64(80.0)), "80.0");
        assert_eq!(text(&Cell::Float32(0.1)), "0.1");
        assert_eq!(text(&Cell::Float64(f64::NEG_INFINITY)), "-Infinity");
        assert_eq!(text(&Cell::Decimal { unscaled: -5, scale: 2 }), "-0.05");
        assert_eq!(text(&Cell::Decimal { unscaled: 12_345, scale: 2 }), "123.45");
    }

    #[test]
    fn objects_leave_out_null_members() {
        let fields =
            |cell| Cell::Object(vec![("a".to_owned(), cell), ("b".to_owned(), Cell::Null)]);
        assert_eq!(fields(Cell::Int(1)).to_json(), serde_json::json!({"a": 1}));
        assert_eq!(fields(Cell::Null).to_json(), Value::Null);
    }

    #[test]
    fn numbers_outside_json_become_strings() {
        assert_eq!(Cell::Float64(f64::NAN).to_json(), Value::from("NaN"));
        assert_eq!(Cell::Float32(0.1).to_json(), serde_json::json!(0.1));
    }
}
