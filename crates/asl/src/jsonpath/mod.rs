//! JSONPath as Step Functions reads it: Jayway's semantics, the context object behind `$$`, variables behind
//! `$name`, and the subset called reference path.
//!
//! Responsible for: parsing paths once, when the definition is read, and evaluating them over JSON values.
//! Left to others: what a missing value means ([`crate::dataflow`], [`crate::eval`], [`crate::choice`] each
//! have their own words for it).
//!
//! A path is *definite* when it can find one value only (`$.orders[0].id`); it then gives that value or
//! nothing. Any other path gives an array of what it finds, empty if it finds nothing.

mod evaluate;
mod filter;
mod filter_parser;
mod function;
mod parser;
mod reference;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use filter::Filter;
use function::Function;
pub use parser::PathError;
pub(crate) use parser::at_character;
pub use reference::{Mismatch, ReferencePath};

/// A parsed path, for instance `$.orders[?(@.total > 100)].id` or `$$.Execution.Name`.
#[derive(Debug, Clone)]
pub struct Path {
    text: Arc<str>,
    root: Root,
    steps: Vec<Step>,
    function: Option<Function>,
    /// Whether it can find one value only.
    definite: bool,
}

/// Where a path starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// `$`: the input.
    Input,
    /// `$$`: the context object.
    Context,
    /// `$name`: a variable.
    Variable(Arc<str>),
    /// `@`: the value that a filter looks at.
    Current,
}

/// One step of a path.
#[derive(Debug, Clone)]
enum Step {
    Name(String),
    /// Negative indexes count from the end.
    Index(i64),
    Names(Vec<String>),
    Indexes(Vec<i64>),
    /// `[from:to]`, `to` excluded.
    Slice(Option<i64>, Option<i64>),
    Wildcard,
    Filter(Filter),
    /// `..`: the value itself and everything below it.
    Deep,
}

impl Path {
    /// Parses a path.
    ///
    /// # Errors
    /// [`PathError`], with the place of the mistake.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        parser::parse(text)
    }

    /// `$`, the whole input.
    pub fn root() -> Self {
        Self::new("$", Root::Input, Vec::new(), None)
    }

    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is `$`, which needs no evaluation.
    pub fn is_root(&self) -> bool {
        self.root == Root::Input && self.is_bare()
    }

    /// What the path starts from.
    pub fn start(&self) -> &Root {
        &self.root
    }

    /// The variable that the path starts from, if it does.
    pub fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) => Some(name),
            Root::Input | Root::Context | Root::Current => None,
        }
    }

    /// What the path finds in `root`, the value that it [starts](Self::start) from.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwell_asl::jsonpath::Path;
    ///
    /// let orders = json!({"orders": [{"id": 7, "total": 120}, {"id": 8, "total": 30}]});
    /// let first = Path::parse("$.orders[0].id").unwrap();
    /// assert_eq!(*first.find(&orders).unwrap(), json!(7));
    /// let large = Path::parse("$.orders[?(@.total > 100)].id").unwrap();
    /// assert_eq!(*large.find(&orders).unwrap(), json!([7]));
    /// assert!(Path::parse("$.customer").unwrap().find(&orders).is_none());
    /// ```
    pub fn find<'v>(&self, root: &'v Value) -> Option<Cow<'v, Value>> {
        evaluate::find(self, root, root)
    }

    /// Why the path finds nothing in `root`, in the words of Jayway's JSONPath, which AWS shows.
    pub fn explain_missing(&self, root: &Value) -> String {
        evaluate::explain_missing(self, root)
    }

    fn new(text: &str, root: Root, steps: Vec<Step>, function: Option<Function>) -> Self {
        let last = steps.len().saturating_sub(1);
        let definite = steps.iter().enumerate().all(|(i, step)| match step {
            Step::Name(_) | Step::Index(_) => true,
            Step::Names(_) => i == last,
            Step::Indexes(_) | Step::Slice(..) | Step::Wildcard | Step::Filter(_) | Step::Deep => {
                false
            }
        });
        Self { text: text.into(), root, steps, function, definite }
    }

    fn is_bare(&self) -> bool {
        self.steps.is_empty() && self.function.is_none()
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
