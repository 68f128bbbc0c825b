//! What is wrong with an expression, and how an evaluation fails: JSONata's codes and texts, AWS's sentences.

use jsonata_core::evaluator::EvaluatorError;
use jsonata_core::parser::ParserError;

use super::texts;

/// A text that is no JSONata expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// JSONata's code, for instance `S0201`; what we cannot do has none.
    pub code: Option<String>,
    /// JSONata's text, for instance `Unexpected end of expression`.
    pub message: String,
    /// Where in the text between the delimiters the mistake is, in bytes.
    pub at: usize,
}

/// An evaluation that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationError {
    /// JSONata's code, for instance `T1006`; limits of ours have none.
    pub code: Option<String>,
    /// JSONata's text, for instance `Attempted to invoke a non-function`.
    pub message: String,
}

impl std::error::Error for EvaluationError {}

impl std::fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{code}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// A field of a state that could not be evaluated, as `Retry`, `Catch` and the history see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct QueryError {
    /// The field within the state, for instance `Output/result`: the `location` of an `EvaluationFailed` event.
    pub location: String,
    /// AWS's text, without the `An error occurred while executing the state ...` before it.
    pub cause: String,
}

impl QueryError {
    /// The error name of every failed evaluation.
    pub const NAME: &str = "States.QueryEvaluationError";

    /// The expression threw.
    pub(super) fn threw(source: &str, location: &str, error: &EvaluationError) -> Self {
        let separator = if error.code.is_some() { ". " } else { ": " };
        Self::about(
            source,
            location,
            &format!("threw an error during evaluation{separator}{error}"),
        )
    }

    /// The expression gave nothing.
    pub(super) fn undefined(source: &str, location: &str) -> Self {
        Self::about(source, location, "returned nothing (undefined).")
    }

    /// The expression in the field `location` gave a value of another type than the field takes.
    ///
    /// `expected` is the type in AWS's words: `array`, `boolean`, `number`, `string`, `object`.
    pub fn unexpected_type(
        source: &str,
        location: &str,
        expected: &str,
        value: &serde_json::Value,
    ) -> Self {
        let found = type_name(value);
        let what = format!(
            "returned an unexpected result type. Expected '{expected}', but was '{found}' for value: {value}"
        );
        Self::about(source, location, &what)
    }

    fn about(source: &str, location: &str, what: &str) -> Self {
        let cause = format!(
            "The JSONata expression '{source}' specified for the field '{location}' {what}"
        );
        Self { location: location.to_owned(), cause }
    }
}

fn type_name(value: &serde_json::Value) -> &'static str {
    use serde_json::Value;
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl SyntaxError {
    pub(super) fn new(code: Option<&str>, message: impl Into<String>) -> Self {
        Self { code: code.map(str::to_owned), message: message.into(), at: 0 }
    }
}

impl From<ParserError> for SyntaxError {
    fn from(error: ParserError) -> Self {
        let (code, message) = texts::code_and_text(&error.to_string());
        Self { code, message, at: 0 }
    }
}

impl From<EvaluatorError> for EvaluationError {
    fn from(error: EvaluatorError) -> Self {
        let (code, message) = texts::code_and_text(error.message());
        Self { code, message }
    }
}
