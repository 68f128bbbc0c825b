//! The fields of JSONata states: any JSON, in which texts `{% ... %}` are expressions.
//!
//! Left to others: the expressions themselves ([`crate::jsonata`]), which field wants which type.

use std::cell::LazyCell;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::eval::{Context, Scope, States, StatesError};
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
        let Scope { context, variables, states, random, now, .. } = scope;
        let (states, context) = (&*states, *context);
        let whole = LazyCell::new(|| states.to_value(context));
        let bindings = Bound { variables: *variables, states, context, whole };
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
    /// The fields of `$states`, in AWS's order.
    const FIELDS: [&str; 4] = ["input", "context", "result", "errorOutput"];

    fn field<'s>(&'s self, name: &str, context: &'s dyn Context) -> Option<&'s Value> {
        match name {
            "input" => Some(&self.input),
            "context" => Some(context.object()),
            "result" => self.result.as_deref(),
            "errorOutput" => self.error_output.as_deref(),
            _ => None,
        }
    }

    /// `$states`
    fn to_value(&self, context: &dyn Context) -> Value {
        let field = |name: &str| Some((name.to_owned(), self.field(name, context)?.clone()));
        Value::Object(Self::FIELDS.into_iter().filter_map(field).collect::<Map<_, _>>())
    }
}

/// The variables of the state machine, and `$states`.
struct Bound<'a, F: FnOnce() -> Value> {
    variables: &'a dyn variable::Variables,
    states: &'a States,
    context: &'a dyn Context,
    /// `$states` as a whole, for the few expressions that read it so.
    whole: LazyCell<Value, F>,
}

impl<F: FnOnce() -> Value> Bindings for Bound<'_, F> {
    fn get(&self, name: &str) -> Option<&Value> {
        if name == variable::RESERVED {
            return Some(&self.whole);
        }
        self.variables.get(name).map(|value| &**value)
    }

    fn is_object(&self, name: &str) -> bool {
        name == variable::RESERVED || self.get(name).is_some_and(Value::is_object)
    }

    fn field(&self, name: &str, field: &str) -> Option<&Value> {
        if name == variable::RESERVED {
            return self.states.field(field, self.context);
        }
        self.get(name)?.get(field)
    }
}
