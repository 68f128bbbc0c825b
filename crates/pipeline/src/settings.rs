//! The contract between a built-in pipeline and the binary: how its settings are read, what can be wrong with
//! them, and what comes of them.
//!
//! Responsible for: what every pipeline has to say about its settings. Left to the binary: the file and the
//! environment that they are read from, the places of mistakes, and when the pipeline starts.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{HandlerError, Machine, Pipeline, Surroundings};

/// Looks up a variable of the environment that belongs to somebody else, for instance `DAP_CLIENT_ID`.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The settings of a built-in pipeline, as they stand in `[pipelines.<name>]`.
///
/// Every key is optional to serde, unknown ones are refused (`deny_unknown_fields`): what is missing is a
/// [`Problem`], so that all of it is told at once and counts only when the pipeline is to run. Keys are flat
/// where they can be: each can then be set by `STEPWELL_PIPELINES_<NAME>_<KEY>` too, lists separated by commas.
/// The keys `schedule`, `timezone`, `input` and `allow_overlap` are the binary's and never reach the pipeline.
pub trait Settings: DeserializeOwned + Default + Send + Sync + 'static {
    /// The name of the pipeline and of its section, for instance `data-mesh`.
    const PIPELINE: &'static str;

    /// Its state machines. The first has the name of the pipeline. Another one, `data-mesh-reconcile`, is
    /// scheduled in a table of its own, `[pipelines.data-mesh.reconcile]`.
    const MACHINES: &'static [Machine];

    /// The section as `stepwell pipeline init` writes it: every key, commented, those that have a default as
    /// comments (`# key = value`). It holds no secret: what is one is a reference.
    const TEMPLATE: &'static str;

    /// Everything that is missing or wrong, told from the settings and the environment alone.
    fn problems(&self, variables: Variables<'_>) -> Vec<Problem>;

    /// The secrets that are written as they are, and not by reference: the key, and a name for the secret.
    fn literal_secrets(&self) -> Vec<(&'static str, &'static str)>;

    /// What is wrong with the input of an execution of one of the machines, as far as the input alone tells. Asked by
    /// who starts executions for others (HTTP, a queue), so that a mistake is told at once and by its field.
    ///
    /// # Errors
    /// The first mistake.
    fn check_input(_machine: &str, _input: &Value) -> Result<(), InvalidInput> {
        Ok(())
    }

    /// The pipeline with these settings. Contacts nobody.
    ///
    /// # Errors
    /// [`HandlerError::Config`] that names what is wrong; only what [`Self::problems`] cannot know.
    fn build(
        &self,
        variables: Variables<'_>,
        surroundings: &Surroundings,
    ) -> Result<Pipeline, HandlerError>;
}

/// A field of an input that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidInput {
    /// Which: `StreamID`, `Data.uri`; empty for the input as a whole.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl InvalidInput {
    /// A mistake in `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for InvalidInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "`{}`: {}", self.field, self.message)
    }
}

impl std::error::Error for InvalidInput {}

impl From<InvalidInput> for HandlerError {
    fn from(error: InvalidInput) -> Self {
        Self::Config(error.to_string())
    }
}

/// One thing that is wrong with settings. No text of it holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, for instance `max_concurrency`, or `limits.tables` inside a table.
    pub key: &'static str,
    /// The variable of somebody else that gave the value, or could.
    pub variable: Option<&'static str>,
    /// The setting is not there at all.
    pub is_missing: bool,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

impl Problem {
    /// A setting that does not fit.
    pub fn wrong(key: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { key, variable: None, is_missing: false, message: message.into(), help: help.into() }
    }

    /// A setting that is needed and not there.
    pub fn missing(key: &'static str, help: impl Into<String>) -> Self {
        let message = format!("the key `{key}` is missing");
        Self { is_missing: true, ..Self::wrong(key, message, help) }
    }

    /// The same problem of a setting that `variable` gave, or could give.
    #[must_use]
    pub fn of_variable(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.help)
    }
}

/// Refuses settings with problems.
///
/// # Errors
/// [`HandlerError::Config`] that names all of them.
pub fn check(problems: &[Problem]) -> Result<(), HandlerError> {
    if problems.is_empty() {
        return Ok(());
    }
    let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Err(HandlerError::Config(told.join("; ")))
}

/// What is written, or else what a variable holds that is not empty.
pub fn or_variable<T: From<String>>(
    setting: Option<T>,
    name: &str,
    variables: Variables<'_>,
) -> Option<T> {
    setting.or_else(|| variables(name).filter(|value| !value.is_empty()).map(T::from))
}
