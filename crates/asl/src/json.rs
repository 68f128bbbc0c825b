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

const COMMENT: &str = "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)";

const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// `[Source: (String)"{...}"; line: 1, column: 4]`, as Jackson writes a place of a text, long texts cut.
pub(crate) fn source(text: &str, line: usize, column: usize) -> String {
    const SHOWN_MAX: usize = 500;
    let (shown, cut) = match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => {
            let rest = text[end..].chars().count();
            (&text[..end], format!("[truncated {rest} chars]"))
        }
        None => (text, String::new()),
    };
    format!("[Source: (String)\"{shown}\"{cut}; line: {line}, column: {column}]")
}

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

    fn closing(self) -> char {
        match self {
            Self::Object => '}',
            Self::Array => ']',
        }
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// What is not closed yet, with its first byte.
    open: Vec<(Open, usize)>,
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
            (_, '/') => Err(self.unexpected(c, COMMENT)),
            (Expected::Value | Expected::ValueOrEnd, '{') => Ok(self.enter(Open::Object)),
            (Expected::Value | Expected::ValueOrEnd, '[') => Ok(self.enter(Open::Array)),
            (Expected::ValueOrEnd | Expected::NameOrEnd, ']' | '}') => self.leave(c),
            (Expected::Value | Expected::ValueOrEnd, _) => {
                self.scalar(c)?;
                Ok(Expected::CommaOrEnd)
            }
            (Expected::Name | Expected::NameOrEnd, '"') => {
                self.string(" in field name")?;
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
        self.open.push((open, self.at));
        self.at += 1;
        match open {
            Open::Object => Expected::NameOrEnd,
            Open::Array => Expected::ValueOrEnd,
        }
    }

    fn leave(&mut self, closing: char) -> Result<Expected, Mistake> {
        let (open, start) = *self.open.last().expect("the scan ends with the outermost value");
        if closing != open.closing() {
            let reason = format!(
                "Unexpected close marker '{closing}': expected '{}' (for {} starting at {})",
                open.closing(),
                open.name(),
                self.source(start),
            );
            return Err((reason, Span { start: self.at, end: self.at + 1 }));
        }
        self.at += 1;
        self.open.pop();
        Ok(Expected::CommaOrEnd)
    }

    /// The place of a byte.
    fn source(&self, at: usize) -> String {
        let (line, column) = position(self.text, at);
        source(self.text, line, column)
    }

    /// Behind a value within an object or array.
    fn separator(&mut self, c: char) -> Result<Expected, Mistake> {
        let (open, _) = *self.open.last().expect("the scan ends with the outermost value");
        match c {
            '}' | ']' => self.leave(c),
            ',' => {
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
        match c {
            '"' => self.string(": was expecting closing quote for a string value"),
            '-' | '0'..='9' => self.number(),
            c if is_word(c) => self.token(),
            c => Err(self.unexpected(c, &format!("expected a valid value {VALUES}"))),
        }
    }

    /// `null`, `true` or `false`.
    fn token(&mut self) -> Result<(), Mistake> {
        let word_end = self.rest().find(|c: char| !is_word(c)).unwrap_or(self.rest().len());
        let span = Span { start: self.at, end: self.at + word_end };
        let reason = match &self.text[span.start..span.end] {
            "null" | "true" | "false" => {
                self.at = span.end;
                return Ok(());
            }
            word @ ("NaN" | "Infinity") => format!(
                "Non-standard token '{word}': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow"
            ),
            word => format!("Unrecognized token '{word}': was expecting {VALUES}"),
        };
        Err((reason, span))
    }

    fn number(&mut self) -> Result<(), Mistake> {
        if self.eat(&['-']) {
            self.digit_follows(
                "expected digit (0-9) to follow minus sign, for valid numeric value",
            )?;
        }
        if self.eat(&['0']) && self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            let reason = "Invalid numeric value: Leading zeroes not allowed".to_owned();
            return Err((reason, Span { start: self.at, end: self.at + 1 }));
        }
        self.skip_digits();
        if self.eat(&['.']) {
            self.digit_follows("Decimal point not followed by a digit")?;
            self.skip_digits();
        }
        if self.eat(&['e', 'E']) {
            self.eat(&['+', '-']);
            self.digit_follows("Exponent indicator not followed by a digit")?;
            self.skip_digits();
        }
        Ok(())
    }

    fn eat(&mut self, one_of: &[char]) -> bool {
        let found = self.rest().starts_with(one_of);
        self.at += usize::from(found);
        found
    }

    fn skip_digits(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    }

    /// At the end of the text nothing is said: serde_json has its words there.
    fn digit_follows(&self, expectation: &str) -> Result<(), Mistake> {
        match self.rest().chars().next() {
            Some(c) if !c.is_ascii_digit() => {
                let (reason, span) = self.unexpected(c, expectation);
                Err((reason.replacen("): ", ") in numeric value: ", 1), span))
            }
            _ => Ok(()),
        }
    }

    /// A text in quotes; the digits of its escapes are left to serde_json. `unclosed` is what is said of its end.
    fn string(&mut self, unclosed: &str) -> Result<(), Mistake> {
        let mut escaped = false;
        for (i, c) in self.rest().char_indices().skip(1) {
            match c {
                '"' if !escaped => {
                    self.at += i + 1;
                    return Ok(());
                }
                c if escaped && !"\"\\/bfnrtu".contains(c) => {
                    let start = self.at + i;
                    let reason =
                        format!("Unrecognized character escape '{c}' (code {})", u32::from(c));
                    return Err((reason, Span { start, end: start + c.len_utf8() }));
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
        Err((format!("Unexpected end-of-input{unclosed}"), Span { start: end, end }))
    }

    fn unexpected(&self, c: char, expectation: &str) -> Mistake {
        let reason = format!("Unexpected character ('{c}' (code {})): {expectation}", u32::from(c));
        (reason, Span { start: self.at, end: self.at + c.len_utf8() })
    }

    fn end_of_input(&self, expected: Expected) -> Mistake {
        let reason = match (self.open.last(), expected) {
            (None, _) => "No content to map due to end-of-input".to_owned(),
            (Some((open, _)), Expected::Colon | Expected::Value | Expected::Name) => {
                format!("Unexpected end-of-input within/between {} entries", open.name())
            }
            (Some((open, start)), _) => format!(
                "Unexpected end-of-input: expected close marker for {} (start marker at {})",
                open.name(),
                self.source(*start),
            ),
        };
        (reason, Span { start: self.text.len(), end: self.text.len() })
    }
}

/// What a token can hold.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
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
            (
                "{\"a\": [1, {}",
                "Unexpected end-of-input: expected close marker for Array (start marker at [Source: (String)\"{\"a\": [1, {}\"; line: 1, column: 7])",
                "",
                13,
            ),
            (
                "{\"a\": [1}",
                "Unexpected close marker '}': expected ']' (for Array starting at [Source: (String)\"{\"a\": [1}\"; line: 1, column: 7])",
                "}",
                10,
            ),
            ("[1,", "Unexpected end-of-input within/between Array entries", "", 4),
            ("{\"a\": 1,", "Unexpected end-of-input within/between Object entries", "", 9),
            ("{\"a", "Unexpected end-of-input in field name", "", 4),
            (
                "[1, // one\n 2]",
                "Unexpected character ('/' (code 47)): maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)",
                "/",
                6,
            ),
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
    fn tokens_numbers_and_escapes_are_told_in_jacksons_words() {
        for (text, reason, part, column) in [
            (
                "[NaN]",
                "Non-standard token 'NaN': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow",
                "NaN",
                5,
            ),
            (
                "[.5]",
                "Unexpected character ('.' (code 46)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
                ".",
                3,
            ),
            ("[01]", "Invalid numeric value: Leading zeroes not allowed", "1", 4),
            (
                "[-a]",
                "Unexpected character ('a' (code 97)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value",
                "a",
                4,
            ),
            (
                "[1.]",
                "Unexpected character (']' (code 93)) in numeric value: Decimal point not followed by a digit",
                "]",
                5,
            ),
            (
                "[1e+]",
                "Unexpected character (']' (code 93)) in numeric value: Exponent indicator not followed by a digit",
                "]",
                6,
            ),
            ("[\"\\x\"]", "Unrecognized character escape 'x' (code 120)", "x", 5),
            (
                "[1x]",
                "Unexpected character ('x' (code 120)): was expecting comma to separate Array entries",
                "x",
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
        for text in ["{} {}", "[1e999]", "[\"\\ud800\"]", "-", "[1."] {
            let (reason, ..) = mistake(text);
            assert!(!reason.is_empty() && !reason.contains("code "), "{text}: {reason}");
        }
        let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
        assert!(mistake(&deep).0.contains("recursion limit"));
    }
}
