//! JSON values into the library's values and back.

use std::collections::HashMap;

use jsonata_core::value::{JArray, JValue};
use serde_json::{Map, Number, Value};

use super::EvaluationError;

/// Whole numbers that the library's floats cannot hold, by the bits of the float that stands for each.
///
/// An identifier beyond 2^53 that an expression merely passes on comes out as it went in. Two that share a float
/// cannot be told apart; then it is the float that comes out.
#[derive(Default)]
pub(super) struct Exact(HashMap<u64, Option<Number>>);

impl Exact {
    fn remember(&mut self, float: f64, number: &Number) {
        if float.abs() < FLOAT_EXACT || number.is_f64() {
            return;
        }
        self.0
            .entry(float.to_bits())
            .and_modify(|known| *known = known.take().filter(|known| known == number))
            .or_insert_with(|| Some(number.clone()));
    }

    fn recall(&self, float: f64) -> Option<Value> {
        self.0.get(&float.to_bits())?.clone().map(Value::Number)
    }

    /// Copies a value in.
    pub(super) fn copy_in(&mut self, value: &Value) -> JValue {
        match value {
            Value::Null => JValue::Null,
            Value::Bool(bool) => JValue::Bool(*bool),
            Value::Number(number) => {
                let float = number.as_f64().expect("every JSON number is a float");
                self.remember(float, number);
                JValue::Number(float)
            }
            Value::String(text) => JValue::string(text.as_str()),
            Value::Array(items) => {
                let flat = !items.iter().any(Value::is_array);
                let items = items.iter().map(|item| self.copy_in(item)).collect();
                JValue::Array(JArray::new_flat(items, flat))
            }
            Value::Object(fields) => {
                let copy = |(name, value): (&String, &Value)| (name.clone(), self.copy_in(value));
                JValue::object(fields.iter().map(copy).collect())
            }
        }
    }
}

/// Below this every whole number is a float.
const FLOAT_EXACT: f64 = 9_007_199_254_740_992.0;

/// How deep a result may be nested: as deep as JSON text is read.
const DEPTH_MAX: usize = 128;

/// What a result may take as JSON, roughly, in bytes. A few lines can build a value that holds the same parts
/// over and over and would not fit in memory once it is written out.
const SIZE_MAX: usize = 256 * 1024 * 1024;

/// Copies a result out; nothing is undefined.
pub(super) fn to_json(value: &JValue, exact: &Exact) -> Result<Option<Value>, EvaluationError> {
    Outlet { exact, room: SIZE_MAX }.value(value, 0)
}

struct Outlet<'a> {
    exact: &'a Exact,
    /// How many bytes may still come.
    room: usize,
}

impl Outlet<'_> {
    fn value(&mut self, value: &JValue, depth: usize) -> Result<Option<Value>, EvaluationError> {
        if depth > DEPTH_MAX {
            return Err(too_large(format!(
                "the result is nested more than {DEPTH_MAX} levels deep"
            )));
        }
        self.take(8)?;
        Ok(Some(match value {
            // A function has no JSON.
            JValue::Undefined
            | JValue::Lambda(_)
            | JValue::Builtin { .. }
            | JValue::Regex { .. } => return Ok(None),
            JValue::Null => Value::Null,
            JValue::Bool(bool) => Value::Bool(*bool),
            JValue::Number(number) => {
                self.exact.recall(*number).unwrap_or_else(|| json_number(*number))
            }
            JValue::String(text) => {
                self.take(text.len())?;
                Value::String(text.as_ref().to_owned())
            }
            JValue::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.push(self.value(item, depth + 1)?.unwrap_or(Value::Null));
                }
                Value::Array(list)
            }
            JValue::Object(fields) => {
                let mut map = Map::with_capacity(fields.len());
                for (name, field) in fields.iter() {
                    self.take(name.len())?;
                    if let Some(field) = self.value(field, depth + 1)? {
                        map.insert(name.clone(), field);
                    }
                }
                Value::Object(map)
            }
        }))
    }

    fn take(&mut self, bytes: usize) -> Result<(), EvaluationError> {
        self.room = self.room.checked_sub(bytes).ok_or_else(|| {
            too_large(format!("the result takes more than {} MiB", SIZE_MAX / 1024 / 1024))
        })?;
        Ok(())
    }
}

fn too_large(message: String) -> EvaluationError {
    EvaluationError { code: None, message }
}

/// Whole numbers are written without a point.
fn json_number(number: f64) -> Value {
    const INTEGER_MAX: f64 = 9_223_372_036_854_775_808.0;
    if number.fract() == 0.0 && number.abs() < INTEGER_MAX {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or_else(|| Value::from(java_name(number)), Value::Number)
}

/// What is no number in JSON, as Java calls it: that is what AWS gives for `1/0`.
///
/// Source: reported by users in public issues, not documented.
fn java_name(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}
