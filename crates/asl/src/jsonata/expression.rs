//! A parsed expression.

use std::sync::Arc;

use jiff::Timestamp;
use jsonata_core::ast::AstNode;
use jsonata_core::value::JValue;
use serde_json::Value;

use super::names::Names;
use super::reads::{Found, Selection};
use super::{EvaluationError, QueryError, SyntaxError, clock, dialect, engine, guards};
use crate::eval::Random;
use crate::variable::RESERVED;

/// What the variables of an expression hold.
pub trait Bindings {
    /// The value of `$name` (the name comes without the dollar sign), if there is such a variable. `states` is one.
    fn get(&self, name: &str) -> Option<&Value>;

    /// Whether the variable holds an object. With [`Self::field`] it spares an implementation the building of a
    /// whole of which one field is read.
    fn is_object(&self, name: &str) -> bool {
        self.get(name).is_some_and(Value::is_object)
    }

    /// A field of a variable that holds an object.
    fn field(&self, name: &str, field: &str) -> Option<&Value> {
        self.get(name)?.get(field)
    }
}

/// What an evaluation sees.
pub struct Scope<'a> {
    /// The variables.
    pub bindings: &'a dyn Bindings,
    /// Where `$random`, `$shuffle` and `$uuid` draw from.
    pub random: &'a mut dyn Random,
    /// What `$now` and `$millis` say.
    pub now: Timestamp,
}

/// A parsed expression; a clone shares it.
#[derive(Clone)]
pub struct Expression {
    pub(super) parsed: Arc<Parsed>,
}

pub(super) struct Parsed {
    source: String,
    pub(super) tree: AstNode,
    pub(super) names: Names,
    selection: Option<Selection>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.parsed.source).finish()
    }
}

impl Expression {
    /// Parses `source`, the text between `{%` and `%}`.
    ///
    /// # Errors
    /// [`SyntaxError`] with JSONata's code and text.
    pub fn parse(source: &str) -> Result<Self, SyntaxError> {
        let source = source.trim();
        let mut tree = dialect::parse(source)?;
        let names = Names::of(&tree);
        let selection = Selection::of(&tree);
        clock::hand_over(&mut tree);
        guards::add(&mut tree);
        Ok(Self { parsed: Arc::new(Parsed { source: source.to_owned(), tree, names, selection }) })
    }

    /// The text, without the delimiters and the blanks around it.
    pub fn source(&self) -> &str {
        &self.parsed.source
    }

    /// The variables that it reads, in the order in which they occur: `states`, and those of the state machine.
    /// What it binds itself (`:=`, parameters, `@$`, `#$`) is not among them.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parsed.names.variables.iter().map(|(name, _)| name.as_str())
    }

    /// The fields that it reads of `$states`, each once.
    pub fn states_fields(&self) -> impl Iterator<Item = &str> {
        let states = self.parsed.names.variables.iter().find(|(name, _)| name == RESERVED);
        states.into_iter().flat_map(|(_, reads)| reads.fields())
    }

    /// What it reads of the context (`$`), each once: `phone` in `phone.number`, `$`, `$$`, `*`. There is no
    /// context in a state machine, so AWS refuses each of these when the definition is created
    /// (`UNSUPPORTED_JSONATA_EXPRESSION`, `Reference to 'phone' at the top level is not supported.`).
    ///
    /// Source: reported by users in public issues, not documented.
    pub fn top_level_references(&self) -> impl Iterator<Item = &str> {
        self.parsed.names.context.iter().map(String::as_str)
    }

    /// Evaluates to a JSON value; nothing is JSONata's undefined.
    ///
    /// # Errors
    /// [`EvaluationError`] with JSONata's code and text.
    pub fn evaluate(&self, scope: &mut Scope<'_>) -> Result<Option<Value>, EvaluationError> {
        if let Some(selection) = &self.parsed.selection
            && let Found::Value(found) = selection.find(scope.bindings)
        {
            // What is bound to nothing may still be the name of a function, which is no value either.
            return Ok(found.cloned());
        }
        engine::evaluate(&self.parsed, &JValue::Undefined, scope)
    }

    /// Evaluates to the value of the field at `location` in its state, for instance `Output/result`.
    ///
    /// # Errors
    /// [`QueryError`] if the expression throws, or gives nothing.
    pub fn evaluate_field(
        &self,
        location: &str,
        scope: &mut Scope<'_>,
    ) -> Result<Value, QueryError> {
        match self.evaluate(scope) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(QueryError::undefined(self.source(), location)),
            Err(error) => Err(QueryError::threw(self.source(), location, &error)),
        }
    }
}
