//! JSON values into the library's values and back.

use jsonata_core::value::{JArray, JValue};
use serde_json::{Map, Number, Value};

use super::EvaluationError;

/// Copies a value in.
pub(super) fn from_json(value: &Value) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(bool) => JValue::Bool(*bool),
        Value::Number(number) => {
            JValue::Number(number.as_f64().expect("every JSON number is a float"))
        }
        Value::String(text) => JValue::string(text.as_str()),
        Value::Array(items) => {
            let flat = !items.iter().any(Value::is_array);
            JValue::Array(JArray::new_flat(items.iter().map(from_json).collect(), flat))
        }
        Value::Object(fields) => JValue::object(
            fields.iter().map(|(name, value)| (name.clone(), from_json(value))).collect(),
        ),
    }
}

/// How deep a result may be nested: as deep as JSON text is read.
const DEPTH_MAX: usize = 128;

/// What a result may take as JSON, roughly, in bytes. A few lines can build a value that holds the same parts
/// over and over and would not fit in memory once it is written out.
const SIZE_MAX: usize = 256 * 1024 * 1024;

/// Copies a result out; nothing is undefined.
pub(super) fn to_json(value: &JValue) -> Result<Option<Value>, EvaluationError> {
    Outlet { room: SIZE_MAX }.value(value, 0)
}

struct Outlet {
    /// How many bytes may still come.
    room: usize,
}

impl Outlet {
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
            JValue::Number(number) => json_number(*number),
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
fn java_name(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}
