//! Payload templates: `Parameters`, `ItemSelector`, `ResultSelector`.
//!
//! A template is JSON in which a field whose name ends in `.$` holds an expression; the field's value in the
//! payload is what the expression evaluates to, and its name loses the suffix.
//!
//! ```json
//! {"table": "users", "since.$": "$.cursor", "key.$": "States.Format('{}/{}', $.schema, $.table)"}
//! ```

use serde_json::{Map, Value};

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
        let mut errors = Vec::new();
        let node = parse_node(value, &mut Vec::new(), &mut errors);
        if errors.is_empty() { Ok(Self { node }) } else { Err(errors) }
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

fn parse_node(value: &Value, place: &mut Vec<Segment>, errors: &mut Vec<TemplateError>) -> Node {
    match value {
        Value::Object(fields) => parse_object(value, fields, place, errors),
        Value::Array(items) => parse_array(value, items, place, errors),
        _ => Node::Constant(value.clone()),
    }
}

fn parse_object(
    whole: &Value,
    fields: &Map<String, Value>,
    place: &mut Vec<Segment>,
    errors: &mut Vec<TemplateError>,
) -> Node {
    let mut nodes = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        place.push(Segment::Field(name.clone()));
        match name.strip_suffix(".$") {
            None => nodes.push((name.clone(), parse_node(value, place, errors))),
            Some(target) => match parse_expression(name, value) {
                Ok(expression) => {
                    nodes.push((target.to_owned(), Node::Expression(Box::new(expression))));
                }
                Err(problem) => errors.push(TemplateError { place: place.clone(), problem }),
            },
        }
        place.pop();
    }
    if nodes.len() == fields.len() && nodes.iter().all(|(_, node)| node.is_constant()) {
        return Node::Constant(whole.clone());
    }
    Node::Object(nodes)
}

fn parse_array(
    whole: &Value,
    items: &[Value],
    place: &mut Vec<Segment>,
    errors: &mut Vec<TemplateError>,
) -> Node {
    let mut nodes = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        place.push(Segment::Index(index));
        nodes.push(parse_node(item, place, errors));
        place.pop();
    }
    if nodes.iter().all(Node::is_constant) {
        return Node::Constant(whole.clone());
    }
    Node::Array(nodes)
}

fn parse_expression(field: &str, value: &Value) -> Result<Expression, TemplateProblem> {
    let text = value.as_str().ok_or(TemplateProblem::NotText)?;
    Ok(Expression::parse(field, text)?)
}
