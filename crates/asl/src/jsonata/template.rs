//! Payloads of JSONata states: `Arguments`, `Output`, `Assign`, `ItemSelector`.
//!
//! A template is any JSON; a text in it that is `{% ... %}` is replaced by what the expression gives. Names of
//! fields are taken as they are.
//!
//! ```json
//! {"table": "users", "since": "{% $states.input.cursor %}", "parts": ["{% $part %}", 2]}
//! ```

use serde_json::{Map, Value};

use super::{Expression, QueryError, Scope, SyntaxError, expression_in};
use crate::template::Segment;

/// A parsed payload template.
#[derive(Debug, Clone)]
pub struct Template {
    node: Node,
}

/// Parts without expressions stay plain JSON and are copied whole.
#[derive(Debug, Clone)]
enum Node {
    Constant(Value),
    Expression(Expression),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
}

/// An expression in a template that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Where it is in the template: names and indexes.
    pub place: Vec<Segment>,
    /// What is wrong with it.
    pub problem: SyntaxError,
}

impl Template {
    /// Parses a template, and gives all that is wrong with it.
    ///
    /// # Errors
    /// One [`TemplateError`] for each `{% ... %}` that is no expression.
    pub fn parse(value: &Value) -> Result<Self, Vec<TemplateError>> {
        let mut parser = Parser::default();
        let node = parser.node(value);
        if parser.errors.is_empty() { Ok(Self { node }) } else { Err(parser.errors) }
    }

    /// The expressions in it, in the order in which they are written, each with its place.
    pub fn expressions(&self) -> Vec<(Vec<Segment>, &Expression)> {
        let mut found = Vec::new();
        self.node.collect(&mut Vec::new(), &mut found);
        found
    }

    /// Builds the payload of the field `field` of a state, for instance `Output`. The field of an expression
    /// within is named by its path: `Output/result/items[0]`.
    ///
    /// # Errors
    /// As [`Expression::evaluate_field`], for the first expression that fails.
    pub fn evaluate(&self, field: &str, scope: &mut Scope<'_>) -> Result<Value, QueryError> {
        self.node.evaluate(&mut field.to_owned(), scope)
    }
}

impl Node {
    fn evaluate(&self, location: &mut String, scope: &mut Scope<'_>) -> Result<Value, QueryError> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.evaluate_field(location, scope),
            Self::Object(fields) => {
                let mut payload = Map::with_capacity(fields.len());
                for (name, node) in fields {
                    let value = within(location, &format!("/{name}"), |location| {
                        node.evaluate(location, scope)
                    })?;
                    payload.insert(name.clone(), value);
                }
                Ok(Value::Object(payload))
            }
            Self::Array(items) => {
                let mut payload = Vec::with_capacity(items.len());
                for (index, node) in items.iter().enumerate() {
                    payload.push(within(location, &format!("[{index}]"), |location| {
                        node.evaluate(location, scope)
                    })?);
                }
                Ok(Value::Array(payload))
            }
        }
    }

    fn collect<'n>(
        &'n self,
        place: &mut Vec<Segment>,
        found: &mut Vec<(Vec<Segment>, &'n Expression)>,
    ) {
        let mut step = |segment: Segment, node: &'n Self| {
            place.push(segment);
            node.collect(place, found);
            place.pop();
        };
        match self {
            Self::Constant(_) => {}
            Self::Expression(expression) => found.push((place.clone(), expression)),
            Self::Object(fields) => {
                for (name, node) in fields {
                    step(Segment::Field(name.clone()), node);
                }
            }
            Self::Array(items) => {
                for (index, node) in items.iter().enumerate() {
                    step(Segment::Index(index), node);
                }
            }
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_))
    }
}

/// `walk` at a place below `location`.
fn within<T>(location: &mut String, step: &str, walk: impl FnOnce(&mut String) -> T) -> T {
    let outside = location.len();
    location.push_str(step);
    let result = walk(location);
    location.truncate(outside);
    result
}

#[derive(Default)]
struct Parser {
    place: Vec<Segment>,
    errors: Vec<TemplateError>,
}

impl Parser {
    fn node(&mut self, value: &Value) -> Node {
        match value {
            Value::Object(fields) => {
                let nodes: Vec<_> = fields
                    .iter()
                    .map(|(name, value)| {
                        (name.clone(), self.at(Segment::Field(name.clone()), value))
                    })
                    .collect();
                if nodes.iter().all(|(_, node)| node.is_constant()) {
                    return Node::Constant(value.clone());
                }
                Node::Object(nodes)
            }
            Value::Array(items) => {
                let nodes: Vec<_> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.at(Segment::Index(index), item))
                    .collect();
                if nodes.iter().all(Node::is_constant) {
                    return Node::Constant(value.clone());
                }
                Node::Array(nodes)
            }
            Value::String(text) => self.text(text, value),
            _ => Node::Constant(value.clone()),
        }
    }

    fn at(&mut self, segment: Segment, value: &Value) -> Node {
        self.place.push(segment);
        let node = self.node(value);
        self.place.pop();
        node
    }

    fn text(&mut self, text: &str, value: &Value) -> Node {
        match expression_in(text).map(Expression::parse) {
            Some(Ok(expression)) => Node::Expression(expression),
            Some(Err(problem)) => {
                self.errors.push(TemplateError { place: self.place.clone(), problem });
                Node::Constant(Value::Null)
            }
            None => Node::Constant(value.clone()),
        }
    }
}
