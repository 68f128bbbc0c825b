//! The fields of JSONata states: any JSON, in which texts `{% ... %}` are expressions.
//!
//! Left to others: the expressions themselves ([`crate::jsonata`]), which field wants which type.

use std::cell::LazyCell;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::eval::{Scope, States, StatesError};
use crate::jsonata::{self, Bindings, QueryError, Template};
use crate::variable;

/// A field with its place in the state, for instance `Output` or `Choices[0]/Condition`.
#[derive(Debug, Clone)]
pub struct Query {
    location: Arc<str>,
    template: Template,
}

impl Query {
    pub(crate) fn new(location: &str, template: Template) -> Self {
        Self { location: location.into(), template }
    }

    /// Its place in the state.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Evaluates to a JSON value.
    ///
    /// # Errors
    /// `States.QueryEvaluationError` when an expression in it throws or gives nothing.
    pub fn evaluate(&self, scope: &mut Scope<'_>) -> Result<Value, StatesError> {
        let Scope { context, variables, states, random, now } = scope;
        let states = LazyCell::new(|| states.to_value(context.object()));
        let bindings = Bound { variables: *variables, states };
        let mut scope = jsonata::Scope { bindings: &bindings, random: &mut **random, now: *now };
        Ok(self.template.evaluate(&self.location, &mut scope)?)
    }

    /// Evaluates to what `read` makes of the value.
    ///
    /// # Errors
    /// As [`Self::evaluate`], and if the value is not of the type `expected` (in AWS's words, for instance
    /// `array`), which is when `read` gives nothing.
    pub fn evaluate_as<T>(
        &self,
        expected: &str,
        scope: &mut Scope<'_>,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, StatesError> {
        let value = self.evaluate(scope)?;
        read(&value).ok_or_else(|| self.unexpected_type(expected, &value).into())
    }

    fn unexpected_type(&self, expected: &str, value: &Value) -> QueryError {
        let expressions = self.template.expressions();
        let source = expressions.first().map_or("", |(_, expression)| expression.source());
        QueryError::unexpected_type(source, &self.location, expected, value)
    }

    /// The failure of a field whose value is of the right type and still cannot be used.
    pub fn unusable(&self, cause: impl Into<String>) -> StatesError {
        QueryError { location: self.location.to_string(), cause: cause.into() }.into()
    }
}

impl From<QueryError> for StatesError {
    fn from(error: QueryError) -> Self {
        let QueryError { location, cause } = error;
        Self { error: QueryError::NAME, cause, location: Some(location) }
    }
}

impl States {
    /// `$states`
    fn to_value(&self, context: &Value) -> Value {
        let mut states = Map::new();
        let fields = [("input", Some(&self.input)), ("result", self.result.as_ref())];
        for (name, value) in fields {
            states.extend(value.map(|value| (name.to_owned(), Value::clone(value))));
        }
        states.insert("context".to_owned(), context.clone());
        let error = self.error_output.as_ref();
        states.extend(error.map(|error| ("errorOutput".to_owned(), Value::clone(error))));
        Value::Object(states)
    }
}

/// The variables of the state machine, and `$states`.
struct Bound<'a, F: FnOnce() -> Value> {
    variables: &'a dyn variable::Variables,
    states: LazyCell<Value, F>,
}

impl<F: FnOnce() -> Value> Bindings for Bound<'_, F> {
    fn get(&self, name: &str) -> Option<&Value> {
        if name == variable::RESERVED {
            return Some(&self.states);
        }
        self.variables.get(name).map(|value| &**value)
    }
}
