//! What evaluation needs besides its input, and how it fails.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::intrinsic::{Call, Failure, SyntaxError};
use crate::jsonpath::{Path, PathError, Root};
use crate::variable::Variables;
use crate::{Data, Reading};

/// What paths, templates and intrinsic functions see besides the state's input.
pub struct Scope<'a> {
    /// The context object (`$$`).
    pub context: &'a dyn Context,
    /// The variables (`$name`).
    pub variables: &'a dyn Variables,
    /// What `$states` holds in a JSONata state, besides the context object.
    pub states: States,
    /// Where `States.UUID`, `States.MathRandom` and their like in JSONata draw from.
    pub random: &'a mut dyn Random,
    /// What `$now` says.
    pub now: Timestamp,
    /// Who wants to see what the stages of the data flow give, if anybody does.
    pub observer: Option<&'a mut dyn Observer>,
}

/// Sees what the stages of a data flow give.
pub trait Observer {
    /// A stage gave a value.
    fn saw(&mut self, stage: Stage, value: &Value);
}

/// A stage of the data flow of a state, as `TestState` shows it.
///
/// Source: API reference, "InspectionData".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum Stage {
    AfterArguments,
    AfterInputPath,
    AfterParameters,
    Result,
    AfterResultSelector,
    AfterResultPath,
    AfterItemsPath,
    AfterItemSelector,
    ToleratedFailureCount,
    ToleratedFailurePercentage,
    MaxConcurrency,
}

/// What `$states` holds, besides the context object.
#[derive(Debug, Clone, Default)]
pub struct States {
    /// `$states.input`: the raw input of the state.
    pub input: Data,
    /// `$states.result`, once there is one.
    pub result: Option<Data>,
    /// `$states.errorOutput`, in a Catcher.
    pub error_output: Option<Data>,
}

/// Gives the context object. A [`LazyCell`] builds it for those states only that read it.
pub trait Context {
    /// The context object.
    fn object(&self) -> &Value;
}

impl Context for Value {
    fn object(&self) -> &Value {
        self
    }
}

impl<F: FnOnce() -> Value> Context for LazyCell<Value, F> {
    fn object(&self) -> &Value {
        self
    }
}

/// A source of random bits, seeded by the caller.
pub trait Random {
    /// The next 64 bits.
    fn next_u64(&mut self) -> u64;
}

/// An evaluation that failed, as `Retry` and `Catch` see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {cause}")]
pub struct StatesError {
    /// The error name, for instance `States.Runtime`.
    pub error: &'static str,
    /// AWS's text, without the `An error occurred while executing the state ...` before it.
    pub cause: String,
    /// The field of a JSONata state that could not be evaluated, for instance `Output/result`.
    pub location: Option<String>,
}

impl StatesError {
    /// `States.Runtime`.
    pub fn runtime(cause: impl Into<String>) -> Self {
        Self::new("States.Runtime", cause)
    }

    /// An error that belongs to no field.
    pub fn new(error: &'static str, cause: impl Into<String>) -> Self {
        Self { error, cause: cause.into(), location: None }
    }
}

impl Scope<'_> {
    /// Shows what a stage gave to whoever wants to see it.
    pub fn reached(&mut self, stage: Stage, value: &Value) {
        if let Some(observer) = self.observer.as_deref_mut() {
            observer.saw(stage, value);
        }
    }

    /// What `path` finds: in the context object if it is a `$$` path, in a variable if it names one, and in
    /// `input` otherwise.
    pub fn find<'v>(&'v self, path: &Path, input: &'v Value) -> Option<Cow<'v, Value>> {
        path.find(self.root(path, input)?)
    }

    /// The value that `path` starts from; nothing if it is a variable that is not assigned.
    pub(crate) fn root<'v>(&'v self, path: &Path, input: &'v Value) -> Option<&'v Value> {
        match path.start() {
            Root::Input | Root::Current => Some(input),
            Root::Context => Some(self.context.object()),
            Root::Variable(name) => self.variables.get(name).map(|value| &**value),
        }
    }
}

/// A path, a context path or an intrinsic function: what stands behind a `.$` key.
#[derive(Debug, Clone)]
pub struct Expression {
    field: Arc<str>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Path(Path),
    Call(Call),
}

/// A text that is no expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It starts like a path, but is none.
    #[error(transparent)]
    Path(#[from] PathError),
    /// It starts like an intrinsic function, but is none.
    #[error(transparent)]
    Intrinsic(#[from] SyntaxError),
    /// It is neither.
    #[error("neither a path (`$...`) nor an intrinsic function (`States....`)")]
    Neither,
}

impl ExpressionError {
    /// Where in the text the mistake is, in bytes, if it is known.
    pub(crate) fn at(&self) -> Option<usize> {
        match self {
            Self::Path(PathError { at, .. }) | Self::Intrinsic(SyntaxError::Invalid { at, .. }) => {
                Some(*at)
            }
            Self::Intrinsic(SyntaxError::Path { .. } | SyntaxError::UnknownFunction { .. })
            | Self::Neither => None,
        }
    }
}

impl Expression {
    /// Parses `text`, which stands in the field `field` (named in error texts, for instance `total.$`).
    ///
    /// # Errors
    /// [`ExpressionError`] if it is neither a path nor a call of an intrinsic function.
    pub fn parse(field: &str, text: &str) -> Result<Self, ExpressionError> {
        Self::parse_as(field, text, Reading::New)
    }

    pub(crate) fn parse_as(
        field: &str,
        text: &str,
        reading: Reading,
    ) -> Result<Self, ExpressionError> {
        let trimmed = text.trim();
        let kind = if trimmed.starts_with('$') {
            Kind::Path(Path::parse(trimmed)?)
        } else if trimmed.starts_with("States.") {
            Kind::Call(Call::parse_as(trimmed, reading)?)
        } else {
            return Err(ExpressionError::Neither);
        };
        Ok(Self { field: field.into(), kind })
    }

    /// The paths in it.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        match &self.kind {
            Kind::Path(path) => vec![path],
            Kind::Call(call) => call.paths(),
        }
    }

    /// Whether it may stand in `ErrorPath` and `CausePath`: a path, or a function that can give a text.
    pub(crate) fn may_give_text(&self) -> bool {
        match &self.kind {
            Kind::Path(_) => true,
            Kind::Call(call) => call.may_give_text(),
        }
    }

    /// Evaluates to a JSON value.
    ///
    /// # Errors
    /// `States.Runtime` when a path finds nothing, `States.IntrinsicFailure` when an intrinsic function
    /// refuses its arguments.
    pub fn evaluate(&self, input: &Value, scope: &mut Scope<'_>) -> Result<Value, StatesError> {
        match &self.kind {
            Kind::Path(path) => match scope.find(path, input) {
                Some(found) => Ok(found.into_owned()),
                None => Err(StatesError::runtime(format!(
                    "The JSONPath '{path}' specified for the field '{}' could not be found in the \
                     input '{input}'",
                    self.field
                ))),
            },
            Kind::Call(call) => call.evaluate(input, scope).map_err(|failure| {
                let cause = format!("The function '{call}' had the following error: {failure}");
                StatesError::new(failure.error(), cause)
            }),
        }
    }
}

impl Failure {
    fn error(&self) -> &'static str {
        match self {
            Self::MissingPath { .. } => "States.Runtime",
            Self::Arguments(_) => "States.IntrinsicFailure",
        }
    }
}
