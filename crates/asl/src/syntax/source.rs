//! JSON text to a tree that knows where everything stands.

use serde_json::{Map, Number, Value};

use crate::Span;
use crate::json::{self, NotJson};

/// A JSON value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) shape: Shape,
}

/// A JSON value over [`Node`]s.
#[derive(Debug)]
pub(super) enum Shape {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Field>),
}

/// A field of an object; the same name may occur twice.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) name_span: Span,
    pub(super) node: Node,
}

/// Reads `text`.
///
/// [`json::parse`] checks it first, so that there is one judge of what JSON is, and so that nesting has its
/// limit; the scanner then only finds the places.
pub(super) fn read(text: &str) -> Result<Node, NotJson> {
    json::parse(text)?;
    Ok(Scanner { text, at: 0 }.node())
}

/// Walks over a text that is known to be JSON.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn node(&mut self) -> Node {
        self.skip_blanks();
        let start = self.at;
        let shape = match self.peek() {
            b'{' => Shape::Object(self.fields()),
            b'[' => Shape::Array(self.items()),
            b'"' => Shape::String(self.string()),
            _ => self.word(),
        };
        Node { span: Span { start, end: self.at }, shape }
    }

    fn fields(&mut self) -> Vec<Field> {
        let mut fields = Vec::new();
        self.at += 1;
        self.skip_blanks();
        while self.peek() == b'"' {
            let start = self.at;
            let name = self.string();
            let name_span = Span { start, end: self.at };
            self.skip_blanks();
            self.at += 1; // the colon
            fields.push(Field { name, name_span, node: self.node() });
            self.skip_separator();
        }
        self.at += 1;
        fields
    }

    fn items(&mut self) -> Vec<Node> {
        let mut items = Vec::new();
        self.at += 1;
        self.skip_blanks();
        while self.peek() != b']' {
            items.push(self.node());
            self.skip_separator();
        }
        self.at += 1;
        items
    }

    fn skip_separator(&mut self) {
        self.skip_blanks();
        if self.peek() == b',' {
            self.at += 1;
            self.skip_blanks();
        }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while self.peek() != b'"' {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        serde_json::from_str(&self.text[start..self.at]).expect("the whole text was JSON")
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Shape {
        let start = self.at;
        while self.peek().is_ascii_alphanumeric() || matches!(self.peek(), b'+' | b'-' | b'.') {
            self.at += 1;
        }
        match &self.text[start..self.at] {
            "null" => Shape::Null,
            "true" => Shape::Bool(true),
            "false" => Shape::Bool(false),
            number => Shape::Number(serde_json::from_str(number).expect("the whole text was JSON")),
        }
    }
}

impl Node {
    /// The JSON value; of fields with the same name the last counts.
    pub(super) fn to_value(&self) -> Value {
        match &self.shape {
            Shape::Null => Value::Null,
            Shape::Bool(boolean) => Value::Bool(*boolean),
            Shape::Number(number) => Value::Number(number.clone()),
            Shape::String(text) => Value::String(text.clone()),
            Shape::Array(items) => items.iter().map(Self::to_value).collect(),
            Shape::Object(fields) => Value::Object(
                fields.iter().map(|f| (f.name.clone(), f.node.to_value())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// What kind of JSON it is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self.shape {
            Shape::Null => "null",
            Shape::Bool(_) => "a boolean",
            Shape::Number(_) => "a number",
            Shape::String(_) => "a string",
            Shape::Array(_) => "an array",
            Shape::Object(_) => "an object",
        }
    }
}
