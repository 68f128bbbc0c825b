//! Text to [`Call`].

use serde_json::Value;

use super::format::Template;
use super::{ANY, Argument, Call, Function, SIGNATURES};
use crate::Reading;
use crate::jsonpath::{Path, PathError, at_character};

/// Calls within calls, at most; AWS allows ten.
const NESTING_MAX: usize = 10;

/// A text that is no call of an intrinsic function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// A path among the arguments is none.
    #[error("argument `{text}`: {error}")]
    Path {
        /// The argument.
        text: String,
        /// What is wrong with it.
        error: PathError,
    },
    /// There is no such function.
    #[error("there is no intrinsic function `{name}`")]
    UnknownFunction {
        /// As written.
        name: String,
        /// One that was perhaps meant.
        suggestion: Option<&'static str>,
    },
    /// Anything else.
    #[error("{reason}{}", at_character(*at))]
    Invalid {
        /// Byte offset in the text.
        at: usize,
        /// What is wrong there.
        reason: String,
    },
}

pub(super) fn parse(text: &str, reading: Reading) -> Result<Call, SyntaxError> {
    let mut parser = Parser { text, at: 0, depth: 0, reading };
    let call = parser.call()?;
    parser.skip_blanks();
    if parser.at < text.len() {
        return Err(parser.error("unexpected text after the call"));
    }
    Ok(call)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    reading: Reading,
}

type Parsed<T> = Result<T, SyntaxError>;

impl<'t> Parser<'t> {
    fn error(&self, reason: impl Into<String>) -> SyntaxError {
        SyntaxError::Invalid { at: self.at, reason: reason.into() }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn call(&mut self) -> Parsed<Call> {
        if self.depth == NESTING_MAX {
            return Err(self.error(format!("more than {NESTING_MAX} calls within each other")));
        }
        self.depth += 1;
        let start = self.at;
        let function = self.function()?;
        let arguments = self.arguments(function)?;
        self.depth -= 1;
        let text = self.text[start..self.at].into();
        let call = Call { text, function, arguments };
        match wrong_arguments(&call) {
            None => Ok(call),
            Some(reason) => Err(SyntaxError::Invalid { at: start, reason }),
        }
    }

    fn function(&mut self) -> Parsed<Function> {
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
        match SIGNATURES.iter().find(|signature| signature.name == name) {
            Some(signature) => Ok(signature.function),
            None => Err(SyntaxError::UnknownFunction {
                name: name.to_owned(),
                suggestion: crate::suggest::closest(name, SIGNATURES.iter().map(|s| s.name)),
            }),
        }
    }

    fn arguments(&mut self, function: Function) -> Parsed<Vec<Argument>> {
        self.skip_blanks();
        if !self.eat('(') {
            return Err(self.error("expected `(`"));
        }
        let mut arguments = Vec::new();
        self.skip_blanks();
        while !self.eat(')') {
            if !arguments.is_empty() && !self.eat(',') {
                return Err(self.error("expected `,` or `)`"));
            }
            self.skip_blanks();
            let is_template = function == Function::Format && arguments.is_empty();
            arguments.push(self.argument(is_template)?);
            self.skip_blanks();
        }
        Ok(arguments)
    }

    fn argument(&mut self, is_template: bool) -> Parsed<Argument> {
        match self.rest().chars().next() {
            Some('\'') => self.quoted(is_template),
            Some('$') => self.path(),
            Some('S') => self.call().map(Argument::Call),
            Some(_) => self.literal(),
            None => Err(self.error("the call is not closed")),
        }
    }

    /// A text in single quotes.
    fn quoted(&mut self, is_template: bool) -> Parsed<Argument> {
        let start = self.at + 1;
        let mut chars = self.rest().char_indices().skip(1);
        let end = loop {
            match chars.next() {
                Some((at, '\'')) => break self.at + at,
                Some((_, '\\')) => drop(chars.next()),
                Some(_) => {}
                None => return Err(self.error("the quote is not closed")),
            }
        };
        let raw = &self.text[start..end];
        if self.reading == Reading::New
            && let Some(at) = open_escape(raw)
        {
            self.at = start + at;
            return Err(self.error("a backslash stands before one of `'`, `{`, `}` and `\\` only"));
        }
        if is_template {
            let template = Template::parse(raw)
                .map_err(|reason| self.error(format!("invalid template: {reason}")))?;
            self.at = end + 1;
            return Ok(Argument::Template(template));
        }
        self.at = end + 1;
        Ok(Argument::Value(Value::String(unescape(raw))))
    }

    /// A path ends at the `,` or `)` that is neither quoted nor in brackets or parentheses of its own.
    fn path(&mut self) -> Parsed<Argument> {
        let rest = self.rest();
        let end = path_end(rest).unwrap_or(rest.len());
        let text = rest[..end].trim_end();
        let path = Path::parse(text)
            .map_err(|error| SyntaxError::Path { text: text.to_owned(), error })?;
        self.at += end;
        Ok(Argument::Path(path))
    }

    /// A number, `true`, `false` or `null`.
    fn literal(&mut self) -> Parsed<Argument> {
        let start = self.at;
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        serde_json::from_str(word).map(Argument::Value).map_err(|_| {
            self.at = start;
            self.error(
                "expected a path, a text in single quotes, a number, a boolean, null or a call",
            )
        })
    }
}

/// Why a call has not the arguments that its function takes.
fn wrong_arguments(call: &Call) -> Option<String> {
    let signature = call.function.signature();
    let count = call.arguments.len();
    if count < signature.min || count > signature.max {
        let expected = match (signature.min, signature.max) {
            (min, ANY) => format!("at least {min}"),
            (min, max) if min == max => min.to_string(),
            (min, max) => format!("{min} to {max}"),
        };
        return Some(format!("{} takes {expected} arguments, not {count}", signature.name));
    }
    match call.arguments.first() {
        Some(Argument::Template(template)) if template.placeholders() != count - 1 => {
            let (found, given) = (template.placeholders(), count - 1);
            Some(format!("the template has {found} `{{}}` for {given} arguments"))
        }
        _ => None,
    }
}

fn path_end(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '\'' | '"' if open > 0 => quote = Some(c),
            '[' | '(' => open += 1,
            ',' | ')' if open == 0 => return Some(at),
            ']' | ')' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// Where a backslash stands before anything but `'`, `{`, `}` and `\`.
///
/// Source: Developer Guide, "Reserved characters in intrinsic functions": such a backslash is an error.
fn open_escape(raw: &str) -> Option<usize> {
    let mut chars = raw.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && !matches!(chars.next(), Some((_, '\'' | '{' | '}' | '\\'))) {
            return Some(at);
        }
    }
    None
}

/// Resolves `\'`, `\{`, `\}` and `\\`; any other backslash, of a kept definition, stays.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\'' | '{' | '}' | '\\')) => text.push(c),
                other => text.extend(['\\'].into_iter().chain(other)),
            },
            c => text.push(c),
        }
    }
    text
}
