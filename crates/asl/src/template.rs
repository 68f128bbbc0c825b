//! Payload templates: `Parameters`, `ItemSelector`, `ResultSelector`.
//!
//! A template is JSON in which a field whose name ends in `.$` holds an expression; the field's value in the
//! payload is what the expression evaluates to, and its name loses the suffix.
//!
//! ```json
//! {"table": "users", "since.$": "$.cursor", "key.$": "States.Format('{}/{}', $.schema, $.table)"}
//! ```

use serde_json::{Map, Value};

use crate::Reading;
use crate::eval::{Expression, ExpressionError, Scope, StatesError};
use crate::jsonpath::Path;

/// A parsed payload template.
#[derive(Debug, Clone)]
pub struct Template {
    node: Node,
}

/// Parts without expressions stay plain JSON and are copied whole.
#[derive(Debug, Clone)]
enum Node {
    Constant(Value),
    Expression(Box<Expression>),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
}

/// A field of a template that is no expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Where it is in the template: names and indexes.
    pub place: Vec<Segment>,
    /// What is wrong with it.
    pub problem: TemplateProblem,
}

/// One step into a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Into a field of an object.
    Field(String),
    /// Into an element of an array.
    Index(usize),
}

/// What can be wrong with a field whose name ends in `.$`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblem {
    /// The value is not a text.
    #[error("a field whose name ends in `.$` holds a path or an intrinsic function as text")]
    NotText,
    /// The text is no expression.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
}

impl Template {
    /// Parses a template, and gives all that is wrong with it.
    ///
    /// # Errors
    /// One [`TemplateError`] for each field that is no expression.
    pub fn parse(value: &Value) -> Result<Self, Vec<TemplateError>> {
        Self::parse_as(value, Reading::New)
    }

    pub(crate) fn parse_as(value: &Value, reading: Reading) -> Result<Self, Vec<TemplateError>> {
        let mut parser = Parser { reading, place: Vec::new(), errors: Vec::new() };
        let node = parser.node(value);
        if parser.errors.is_empty() { Ok(Self { node }) } else { Err(parser.errors) }
    }

    /// The paths in it, those among the arguments of functions included.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        self.node.paths()
    }

    /// Builds the payload.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn evaluate(&self, input: &Value, scope: &mut Scope<'_>) -> Result<Value, StatesError> {
        self.node.evaluate(input, scope)
    }
}

impl Node {
    fn evaluate(&self, input: &Value, scope: &mut Scope<'_>) -> Result<Value, StatesError> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.evaluate(input, scope),
            Self::Object(fields) => fields
                .iter()
                .map(|(name, node)| Ok((name.clone(), node.evaluate(input, scope)?)))
                .collect::<Result<Map<_, _>, _>>()
                .map(Value::Object),
            Self::Array(items) => items
                .iter()
                .map(|node| node.evaluate(input, scope))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::Array),
        }
    }

    fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Expression(expression) => expression.paths(),
            Self::Object(fields) => fields.iter().flat_map(|(_, node)| node.paths()).collect(),
            Self::Array(items) => items.iter().flat_map(Self::paths).collect(),
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }
}

struct Parser {
    reading: Reading,
    place: Vec<Segment>,
    errors: Vec<TemplateError>,
}

impl Parser {
    fn node(&mut self, value: &Value) -> Node {
        match value {
            Value::Object(fields) => self.object(value, fields),
            Value::Array(items) => self.array(value, items),
            _ => Node::Constant(value.clone()),
        }
    }

    fn object(&mut self, whole: &Value, fields: &Map<String, Value>) -> Node {
        let mut nodes = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            self.place.push(Segment::Field(name.clone()));
            match name.strip_suffix(".$") {
                None => nodes.push((name.clone(), self.node(value))),
                Some(target) => match self.expression(name, value) {
                    Ok(expression) => {
                        nodes.push((target.to_owned(), Node::Expression(Box::new(expression))));
                    }
                    Err(problem) => {
                        self.errors.push(TemplateError { place: self.place.clone(), problem });
                    }
                },
            }
            self.place.pop();
        }
        if nodes.len() == fields.len() && nodes.iter().all(|(_, node)| node.is_constant()) {
            return Node::Constant(whole.clone());
        }
        Node::Object(nodes)
    }

    fn array(&mut self, whole: &Value, items: &[Value]) -> Node {
        let mut nodes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            self.place.push(Segment::Index(index));
            nodes.push(self.node(item));
            self.place.pop();
        }
        if nodes.iter().all(Node::is_constant) {
            return Node::Constant(whole.clone());
        }
        Node::Array(nodes)
    }

    fn expression(&self, field: &str, value: &Value) -> Result<Expression, TemplateProblem> {
        let text = value.as_str().ok_or(TemplateProblem::NotText)?;
        Ok(Expression::parse_as(field, text, self.reading)?)
    }
}
