//! What evaluation needs besides its input, and how it fails.

use serde_json::Value;

/// What paths, templates and intrinsic functions see besides the state's input.
pub struct Scope<'a> {
    /// The context object (`$$`).
    pub context: &'a Value,
    /// Where `States.UUID` and `States.MathRandom` draw from.
    pub random: &'a mut dyn Random,
}

/// A source of random bits, seeded by the caller.
pub trait Random {
    /// The next 64 bits.
    fn next_u64(&mut self) -> u64;
}

/// An evaluation that failed, as `Retry` and `Catch` see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatesError {
    /// The error name, for instance `States.Runtime`.
    pub error: &'static str,
    /// AWS's text.
    pub cause: String,
}

/// A path, a context path or an intrinsic function: what stands behind a `.$` key.
#[derive(Debug, Clone)]
pub struct Expression {}

impl Expression {
    /// Evaluates to a JSON value.
    ///
    /// # Errors
    /// `States.ParameterPathFailure`, `States.IntrinsicFailure` or `States.Runtime`.
    pub fn evaluate(&self, input: &Value, scope: &mut Scope<'_>) -> Result<Value, StatesError> {
        let _ = (input, scope);
        todo!()
    }
}
