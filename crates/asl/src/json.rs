//! JSON text, and what is wrong with it in the words of Jackson, the reader behind AWS.
//!
//! serde_json is the judge of what JSON is. Only for a text that it refuses does the `Scanner` walk to the
//! first mistake and say what was expected there; what it does not notice keeps serde_json's words.

use serde_json::Value;

use crate::Span;
use crate::diagnostic::position;

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotJson {
    /// What is wrong, for instance `Unrecognized token 'nul': was expecting (JSON String, ...)`.
    pub reason: String,
    /// The offending part of the text, in bytes.
    pub span: Span,
    /// Line behind it, from 1.
    pub line: usize,
    /// Column behind it in characters, from 1.
    pub column: usize,
}

/// Reads a JSON value, nested 128 levels deep at most.
///
/// ```
/// let error = stepwell_asl::json::parse("{'a': 1}").unwrap_err();
/// assert_eq!(
///     error.reason,
///     "Unexpected character (''' (code 39)): was expecting double-quote to start field name"
/// );
/// assert_eq!((error.line, error.column), (1, 3));
/// ```
///
/// # Errors
/// [`NotJson`] with the first mistake.
pub fn parse(text: &str) -> Result<Value, NotJson> {
    serde_json::from_str(text).map_err(|error| {
        let mistake = Scanner { text, at: 0, open: Vec::new() }.first_mistake();
        let (reason, span) = mistake.unwrap_or_else(|| (error.to_string(), span_of(text, &error)));
        let (line, column) = position(text, span.end);
        NotJson { reason, span, line, column }
    })
}

/// The place of an error: serde_json counts lines and columns from 1, columns in bytes.
fn span_of(text: &str, error: &serde_json::Error) -> Span {
    let lines_before = error.line().saturating_sub(1);
    let line_start: usize = text.split_inclusive('\n').take(lines_before).map(str::len).sum();
    let mut start = (line_start + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let width = text[start..].chars().next().map_or(0, char::len_utf8);
    Span { start, end: start + width }
}

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Value,
    /// A value, or the end of the array that was just opened.
    ValueOrEnd,
    Name,
    /// A name, or the end of the object that was just opened.
    NameOrEnd,
    Colon,
    CommaOrEnd,
}

/// An object or array that is not closed yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Object,
    Array,
}

impl Open {
    fn name(self) -> &'static str {
        match self {
            Self::Object => "Object",
            Self::Array => "Array",
        }
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    open: Vec<Open>,
}

type Mistake = (String, Span);

impl Scanner<'_> {
    /// Walks until something is wrong; nothing if the scanner cannot tell what.
    fn first_mistake(mut self) -> Option<Mistake> {
        let mut expected = Expected::Value;
        loop {
            self.at +=
                self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\n', '\r']).len();
            let Some(c) = self.rest().chars().next() else {
                return Some(self.end_of_input(expected));
            };
            expected = match self.step(expected, c) {
                Ok(expected) => expected,
                Err(mistake) => return Some(mistake),
            };
            if self.open.is_empty() && expected == Expected::CommaOrEnd {
                return None;
            }
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn step(&mut self, expected: Expected, c: char) -> Result<Expected, Mistake> {
        match (expected, c) {
            (Expected::Value | Expected::ValueOrEnd, '{') => Ok(self.enter(Open::Object)),
            (Expected::Value | Expected::ValueOrEnd, '[') => Ok(self.enter(Open::Array)),
            (Expected::ValueOrEnd, ']') | (Expected::NameOrEnd, '}') => Ok(self.leave()),
            (Expected::Value | Expected::ValueOrEnd, _) => {
                self.scalar(c)?;
                Ok(Expected::CommaOrEnd)
            }
            (Expected::Name | Expected::NameOrEnd, '"') => {
                self.string()?;
                Ok(Expected::Colon)
            }
            (Expected::Name | Expected::NameOrEnd, _) => {
                Err(self.unexpected(c, "was expecting double-quote to start field name"))
            }
            (Expected::Colon, ':') => {
                self.at += 1;
                Ok(Expected::Value)
            }
            (Expected::Colon, _) => {
                Err(self.unexpected(c, "was expecting a colon to separate field name and value"))
            }
            (Expected::CommaOrEnd, _) => self.separator(c),
        }
    }

    fn enter(&mut self, open: Open) -> Expected {
        self.at += 1;
        self.open.push(open);
        match open {
            Open::Object => Expected::NameOrEnd,
            Open::Array => Expected::ValueOrEnd,
        }
    }

    fn leave(&mut self) -> Expected {
        self.at += 1;
        self.open.pop();
        Expected::CommaOrEnd
    }

    /// Behind a value within an object or array.
    fn separator(&mut self, c: char) -> Result<Expected, Mistake> {
        let open = *self.open.last().expect("the scan ends with the outermost value");
        match (open, c) {
            (Open::Object, '}') | (Open::Array, ']') => Ok(self.leave()),
            (_, ',') => {
                self.at += 1;
                Ok(if open == Open::Object { Expected::Name } else { Expected::Value })
            }
            _ => {
                let entries = format!("was expecting comma to separate {} entries", open.name());
                Err(self.unexpected(c, &entries))
            }
        }
    }

    fn scalar(&mut self, c: char) -> Result<(), Mistake> {
        if c == '"' {
            return self.string();
        }
        let word_end = self.rest().find(|c: char| !is_word(c)).unwrap_or(self.rest().len());
        let span = Span { start: self.at, end: self.at + word_end };
        let word = &self.text[span.start..span.end];
        if word.is_empty() {
            return Err(self.unexpected(c, &format!("expected a valid value {VALUES}")));
        }
        let is_token = matches!(word, "null" | "true" | "false");
        if !is_token && !c.is_ascii_digit() && c != '-' {
            return Err((format!("Unrecognized token '{word}': was expecting {VALUES}"), span));
        }
        self.at = span.end;
        Ok(())
    }

    /// A text in quotes; its escapes are left to serde_json.
    fn string(&mut self) -> Result<(), Mistake> {
        let mut escaped = false;
        for (i, c) in self.rest().char_indices().skip(1) {
            match c {
                '"' if !escaped => {
                    self.at += i + 1;
                    return Ok(());
                }
                '\0'..='\u{1f}' => {
                    let start = self.at + i;
                    let reason = format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {})): has to be escaped using \
                         backslash to be included in string value",
                        u32::from(c)
                    );
                    return Err((reason, Span { start, end: start + 1 }));
                }
                c => escaped = c == '\\' && !escaped,
            }
        }
        let end = self.text.len();
        Err((
            "Unexpected end-of-input: was expecting closing quote for a string value".to_owned(),
            Span { start: end, end },
        ))
    }

    fn unexpected(&self, c: char, expectation: &str) -> Mistake {
        let reason = format!("Unexpected character ('{c}' (code {})): {expectation}", u32::from(c));
        (reason, Span { start: self.at, end: self.at + c.len_utf8() })
    }

    fn end_of_input(&self, expected: Expected) -> Mistake {
        let reason = match (self.open.last(), expected) {
            (None, _) => "No content to map due to end-of-input".to_owned(),
            (Some(Open::Object), Expected::Colon | Expected::Value) => {
                "Unexpected end-of-input within/between Object entries".to_owned()
            }
            (Some(open), _) => {
                format!("Unexpected end-of-input: expected close marker for {}", open.name())
            }
        };
        (reason, Span { start: self.text.len(), end: self.text.len() })
    }
}

/// Letters, digits and what else a number or a token can hold.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '+' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn mistake(text: &str) -> (String, &str, usize, usize) {
        let error = parse(text).expect_err(text);
        (error.reason, &text[error.span.start..error.span.end], error.line, error.column)
    }

    #[test]
    fn mistakes_are_told_in_jacksons_words() {
        for (text, reason, part, column) in [
            (
                "not a definition",
                "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
                "not",
                4,
            ),
            (
                "{'not': 'json'",
                "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
                "'",
                3,
            ),
            (
                "{\"a\": 1,}",
                "Unexpected character ('}' (code 125)): was expecting double-quote to start field name",
                "}",
                10,
            ),
            (
                "{\"a\" 1}",
                "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
                "1",
                7,
            ),
            (
                "{\"a\": 1 \"b\": 2}",
                "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
                "\"",
                10,
            ),
            (
                "[1 2]",
                "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries",
                "2",
                5,
            ),
            (
                "[1,]",
                "Unexpected character (']' (code 93)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
                "]",
                5,
            ),
            (
                "{\"a\": nul}",
                "Unrecognized token 'nul': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
                "nul",
                10,
            ),
            ("{\"a\": [1, {}", "Unexpected end-of-input: expected close marker for Array", "", 13),
            ("{\"a\":", "Unexpected end-of-input within/between Object entries", "", 6),
            ("", "No content to map due to end-of-input", "", 1),
            (
                "[\"a",
                "Unexpected end-of-input: was expecting closing quote for a string value",
                "",
                4,
            ),
        ] {
            assert_eq!(mistake(text), (reason.to_owned(), part, 1, column), "{text}");
        }
    }

    #[test]
    fn lines_and_columns_count_characters() {
        let (reason, part, line, column) = mistake("{\n  \"ä\": \"é\" x\n}");
        assert!(reason.contains("comma"), "{reason}");
        assert_eq!((part, line, column), ("x", 2, 13));
        let (reason, ..) = mistake("[\"a\nb\"]");
        assert!(reason.contains("CTRL-CHAR, code 10"), "{reason}");
    }

    #[test]
    fn other_mistakes_keep_serde_jsons_words() {
        for text in ["[01]", "[1.]", "[\"\\x\"]", "{} {}", "[1e999]", "[\"\\ud800\"]"] {
            let (reason, ..) = mistake(text);
            assert!(!reason.is_empty() && !reason.contains("code "), "{text}: {reason}");
        }
        let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
        assert!(mistake(&deep).0.contains("recursion limit"));
    }
}
