//! Values of a definition that a `...Path` field may take from the input: times, numbers, texts.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use crate::dataflow::resolve;
use crate::eval::{Scope, StatesError};
use crate::jsonpath::Path;
use crate::model::{Fail, Map, OrPath, Task, Text, Wait, WaitUntil};
use crate::timestamp;

/// How long a Wait state waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitTime {
    /// This many seconds from entering the state.
    Seconds(u64),
    /// Until this instant.
    Until(Timestamp),
}

impl Wait {
    /// How long to wait.
    ///
    /// # Errors
    /// `States.Runtime` when a path finds nothing, or something else than a number of seconds or a timestamp.
    pub fn time(&self, input: &Value, scope: &Scope<'_>) -> Result<WaitTime, StatesError> {
        match &self.until {
            WaitUntil::Seconds(seconds) => {
                read_seconds("SecondsPath", seconds, input, scope).map(WaitTime::Seconds)
            }
            WaitUntil::Timestamp(OrPath::Literal(text)) => {
                let instant = timestamp::parse(text).expect("checked when the definition was read");
                Ok(WaitTime::Until(instant))
            }
            WaitUntil::Timestamp(OrPath::Path(path)) => {
                let value = resolve(path, input, scope)?;
                let instant = value.as_str().and_then(timestamp::parse);
                instant.map(WaitTime::Until).ok_or_else(|| {
                    StatesError::runtime(format!(
                        "The TimestampPath parameter does not reference a valid ISO-8601 extended \
                         offset date-time format string: {path} == {}",
                        bare(&value)
                    ))
                })
            }
        }
    }
}

impl Task {
    /// `TimeoutSeconds`, read from the input if it is given by a path.
    ///
    /// # Errors
    /// `States.Runtime` when the path finds no positive number of seconds.
    pub fn timeout_seconds(
        &self,
        input: &Value,
        scope: &Scope<'_>,
    ) -> Result<Option<u64>, StatesError> {
        read_timeout("TimeoutSecondsPath", self.timeout.as_ref(), input, scope)
    }

    /// `HeartbeatSeconds`, read from the input if it is given by a path.
    ///
    /// # Errors
    /// `States.Runtime` when the path finds no positive number of seconds.
    pub fn heartbeat_seconds(
        &self,
        input: &Value,
        scope: &Scope<'_>,
    ) -> Result<Option<u64>, StatesError> {
        read_timeout("HeartbeatSecondsPath", self.heartbeat.as_ref(), input, scope)
    }
}

impl Map {
    /// `MaxConcurrency`, read from the input if it is given by a path; 0 is without bound.
    ///
    /// # Errors
    /// `States.Runtime` when the path finds no whole number.
    pub fn concurrency(&self, input: &Value, scope: &Scope<'_>) -> Result<u32, StatesError> {
        let path = match &self.max_concurrency {
            OrPath::Literal(concurrency) => return Ok(*concurrency),
            OrPath::Path(path) => path,
        };
        let value = resolve(path, input, scope)?;
        let concurrency = value.as_u64().and_then(|number| u32::try_from(number).ok());
        concurrency.ok_or_else(|| {
            StatesError::runtime(format!(
                "The MaxConcurrencyPath field refers to value \"{}\" which is not a valid integer: {path}",
                bare(&value)
            ))
        })
    }
}

impl Fail {
    /// The error name and the cause.
    ///
    /// # Errors
    /// `States.Runtime` when a path finds no text.
    pub fn error_and_cause(
        &self,
        input: &Value,
        scope: &mut Scope<'_>,
    ) -> Result<(Option<String>, Option<String>), StatesError> {
        let error = read_text("ErrorPath", self.error.as_ref(), input, scope)?;
        let cause = read_text("CausePath", self.cause.as_ref(), input, scope)?;
        Ok((error, cause))
    }
}

fn read_text(
    field: &str,
    text: Option<&Text>,
    input: &Value,
    scope: &mut Scope<'_>,
) -> Result<Option<String>, StatesError> {
    match text {
        None => Ok(None),
        Some(Text::Literal(text)) => Ok(Some(text.clone())),
        Some(Text::Dynamic(expression)) => match expression.evaluate(input, scope)? {
            Value::String(text) => Ok(Some(text)),
            other => Err(StatesError::runtime(format!(
                "The {field} field refers to value \"{}\" which is not a string",
                bare(&other)
            ))),
        },
    }
}

fn read_timeout(
    field: &str,
    seconds: Option<&OrPath<u64>>,
    input: &Value,
    scope: &Scope<'_>,
) -> Result<Option<u64>, StatesError> {
    let Some(seconds) = seconds else { return Ok(None) };
    match (read_seconds(field, seconds, input, scope)?, seconds) {
        (0, OrPath::Path(path)) => Err(StatesError::runtime(format!(
            "The {field} parameter does not reference a positive value: {path} == 0"
        ))),
        (seconds, _) => Ok(Some(seconds)),
    }
}

fn read_seconds(
    field: &str,
    seconds: &OrPath<u64>,
    input: &Value,
    scope: &Scope<'_>,
) -> Result<u64, StatesError> {
    match seconds {
        OrPath::Literal(seconds) => Ok(*seconds),
        OrPath::Path(path) => {
            let value = resolve(path, input, scope)?;
            value.as_u64().ok_or_else(|| not_seconds(field, path, &value))
        }
    }
}

fn not_seconds(field: &str, path: &Path, value: &Value) -> StatesError {
    let problem = if value.is_i64() {
        "references a negative value"
    } else {
        "cannot be parsed as a long value"
    };
    StatesError::runtime(format!("The {field} parameter {problem}: {path} == {}", bare(value)))
}

/// A value as AWS writes it into these texts: a text without its quotes, anything else as JSON.
fn bare(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}
