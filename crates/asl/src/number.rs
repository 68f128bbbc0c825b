//! Numbers of JSON as the language sees them: compared by value, printed as Java prints them.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// Compares by value: `1` and `1.0` are equal.
pub(crate) fn compare(a: &Number, b: &Number) -> Option<Ordering> {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// Whether two JSON values are equal, numbers by value.
pub(crate) fn equal_values(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal_values(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(k, v)| b.get(k).is_some_and(|other| equal_values(v, other)))
        }
        _ => a == b,
    }
}

/// A text that two values share exactly if they are equal, numbers by value and fields in any order.
pub(crate) fn canonical(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(",");
    match value {
        Value::Number(number) => canonical_number(number),
        Value::Array(items) => format!("[{}]", list(items.iter().map(canonical).collect())),
        Value::Object(fields) => {
            let mut fields: Vec<String> =
                fields.iter().map(|(k, v)| format!("{k:?}:{}", canonical(v))).collect();
            fields.sort_unstable();
            format!("{{{}}}", list(fields))
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.to_string(),
    }
}

fn canonical_number(number: &Number) -> String {
    match number.as_f64() {
        // All digits, however many. Adding zero takes the sign from a negative zero.
        Some(float) if number.is_f64() && float.fract() == 0.0 => format!("{:.0}", float + 0.0),
        _ => number.to_string(),
    }
}

/// A number as Java writes it: `1.0E10` where Rust writes `10000000000.0`.
pub(crate) fn java_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => java_double(float),
        _ => number.to_string(),
    }
}

fn java_double(float: f64) -> String {
    let magnitude = float.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{float:?}");
    }
    let text = format!("{float:e}");
    let (mantissa, exponent) = text.split_once('e').expect("the exponent is always written");
    let point = if mantissa.contains('.') { "" } else { ".0" };
    format!("{mantissa}{point}E{exponent}")
}
