//! The values a function was called with, and its refusals.

use serde_json::{Map, Value};

use super::Failure;

/// The evaluated arguments of one call. Their number was checked when the call was parsed.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a> {
    function: &'static str,
    values: &'a [Value],
}

type Checked<T> = Result<T, Failure>;

impl<'a> Arguments<'a> {
    pub(super) fn new(function: &'static str, values: &'a [Value]) -> Self {
        Self { function, values }
    }

    pub(super) fn all(self) -> &'a [Value] {
        self.values
    }

    pub(super) fn value(self, index: usize) -> &'a Value {
        &self.values[index]
    }

    pub(super) fn has(self, index: usize) -> bool {
        index < self.values.len()
    }

    pub(super) fn array(self, index: usize) -> Checked<&'a Vec<Value>> {
        self.value(index).as_array().ok_or_else(|| self.refuse_type(index, "an array"))
    }

    pub(super) fn object(self, index: usize) -> Checked<&'a Map<String, Value>> {
        self.value(index).as_object().ok_or_else(|| self.refuse_type(index, "a JSON object"))
    }

    pub(super) fn text(self, index: usize) -> Checked<&'a str> {
        self.value(index).as_str().ok_or_else(|| self.refuse_type(index, "a string"))
    }

    /// A text of at most `max` characters.
    pub(super) fn short_text(self, index: usize, max: usize) -> Checked<&'a str> {
        let text = self.text(index)?;
        if text.len() > max && text.chars().count() > max {
            return Err(self.refuse(format!("the string is longer than {max} characters")));
        }
        Ok(text)
    }

    pub(super) fn boolean(self, index: usize) -> Checked<bool> {
        self.value(index).as_bool().ok_or_else(|| self.refuse_type(index, "a boolean"))
    }

    /// A number; fractions are rounded half up, as Java's `Math.round` does.
    pub(super) fn integer(self, index: usize) -> Checked<i64> {
        let value = self.value(index);
        if let Some(integer) = value.as_i64() {
            return Ok(integer);
        }
        match value.as_f64() {
            Some(float) => Ok(round_half_up(float)),
            None => Err(self.refuse_type(index, "a number")),
        }
    }

    /// The refusal of an argument of the wrong type. Arguments count from 1.
    fn refuse_type(self, index: usize, expected: &str) -> Failure {
        self.refuse(format!("argument {} must be {expected}", index + 1))
    }

    pub(super) fn refuse(self, reason: impl std::fmt::Display) -> Failure {
        Failure::Arguments(format!("{}: {reason}", self.function))
    }
}

/// As Java's `Math.round`: adding a half first would round 0.49999999999999994 up.
fn round_half_up(float: f64) -> i64 {
    let floor = float.floor();
    if float - floor >= 0.5 { (floor + 1.0) as i64 } else { floor as i64 }
}
