//! `States.Format`: `{}` stands for the next argument; `\{`, `\}`, `\'` and `\\` stand for themselves.
//!
//! Values other than texts are written as Java writes them: `{id=7, tags=[a, b]}`.

use serde_json::Value;

use super::Failure;
use super::arguments::Arguments;
use crate::number;

/// A parsed template.
#[derive(Debug, Clone)]
pub(super) struct Template {
    text: String,
    /// The texts around the placeholders: one more than there are placeholders.
    pieces: Vec<String>,
}

impl Template {
    /// Parses the text between the quotes, escapes and all.
    pub(super) fn parse(raw: &str) -> Result<Self, String> {
        let mut pieces = vec![String::new()];
        let mut chars = raw.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => push_escaped(&mut pieces, chars.next())?,
                '{' if chars.peek() == Some(&'}') => {
                    chars.next();
                    pieces.push(String::new());
                }
                '{' => return Err("matching '}' not found for '{'.".to_owned()),
                '}' => return Err("matching '{' not found for '}'.".to_owned()),
                c => push(&mut pieces, c),
            }
        }
        Ok(Self { text: raw.to_owned(), pieces })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn placeholders(&self) -> usize {
        self.pieces.len() - 1
    }

    pub(super) fn fill(&self, values: &[Value]) -> Result<String, Failure> {
        if values.len() != self.placeholders() {
            return Err(Failure::Arguments(
                "States.Format: number of arguments do not match the occurrences of {}.".to_owned(),
            ));
        }
        let mut filled = self.pieces[0].clone();
        for (value, piece) in values.iter().zip(&self.pieces[1..]) {
            write_value(&mut filled, value);
            filled.push_str(piece);
        }
        Ok(filled)
    }
}

fn push(pieces: &mut [String], c: char) {
    pieces.last_mut().expect("there is always a piece").push(c);
}

fn push_escaped(pieces: &mut [String], c: Option<char>) -> Result<(), String> {
    match c {
        Some(c @ ('\'' | '{' | '}' | '\\')) => push(pieces, c),
        Some(c) => {
            push(pieces, '\\');
            push(pieces, c);
        }
        None => return Err("nothing follows the last '\\'.".to_owned()),
    }
    Ok(())
}

/// `States.Format` whose template comes out of the input.
pub(super) fn format(args: Arguments<'_>) -> Result<Value, Failure> {
    let template = Template::parse(args.text(0)?).map_err(|reason| args.refuse(reason))?;
    template.fill(&args.all()[1..]).map(Value::String)
}

/// Writes a value as Java's `toString` does.
fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(boolean) => out.push_str(if *boolean { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number::java_text(number)),
        Value::String(text) => out.push_str(text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (i, (name, value)) in fields.iter().enumerate() {
                out.push_str(if i == 0 { "" } else { ", " });
                out.push_str(name);
                out.push('=');
                write_value(out, value);
            }
            out.push('}');
        }
    }
}
