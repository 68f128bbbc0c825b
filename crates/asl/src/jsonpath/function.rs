//! The functions a path may end with: `$.readings.max()`.

use serde_json::{Number, Value};

/// A function over the value that the path finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Length,
    Min,
    Max,
    Avg,
    Sum,
    StdDev,
    Keys,
}

impl Function {
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "length" | "size" => Self::Length,
            "min" => Self::Min,
            "max" => Self::Max,
            "avg" => Self::Avg,
            "sum" => Self::Sum,
            "stddev" => Self::StdDev,
            "keys" => Self::Keys,
            _ => return None,
        })
    }

    /// Nothing if the function does not apply to the value.
    pub(super) fn apply(self, value: &Value) -> Option<Value> {
        match self {
            Self::Length => length(value),
            Self::Keys => keys(value),
            Self::Min => aggregate(value, |ns| ns.iter().copied().fold(f64::INFINITY, f64::min)),
            Self::Max => {
                aggregate(value, |ns| ns.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            }
            Self::Sum => aggregate(value, |ns| ns.iter().sum()),
            Self::Avg => aggregate(value, mean),
            Self::StdDev => aggregate(value, standard_deviation),
        }
    }
}

fn length(value: &Value) -> Option<Value> {
    let length = match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::String(text) => text.encode_utf16().count(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return None,
    };
    Some(Value::from(length))
}

fn keys(value: &Value) -> Option<Value> {
    let keys = value.as_object()?.keys().cloned().map(Value::String);
    Some(Value::Array(keys.collect()))
}

/// Calculates over the numbers of an array; what is no number is passed over.
fn aggregate(value: &Value, calculate: impl Fn(&[f64]) -> f64) -> Option<Value> {
    let numbers: Vec<f64> = value.as_array()?.iter().filter_map(Value::as_f64).collect();
    if numbers.is_empty() {
        return None;
    }
    Number::from_f64(calculate(&numbers)).map(Value::Number)
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// Of the whole population.
fn standard_deviation(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    let squares: f64 = numbers.iter().map(|n| (n - mean).powi(2)).sum();
    (squares / numbers.len() as f64).sqrt()
}
