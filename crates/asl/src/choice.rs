//! Choice rules.
//!
//! A comparison with a value of another type is false, never an error; a path that finds nothing is an error,
//! except below `IsPresent`.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::eval::{Scope, StatesError};
use crate::jsonpath::Path;
use crate::query::Query;
use crate::{number, timestamp};

/// When a Choice state goes where one of its rules leads.
#[derive(Debug, Clone)]
pub enum Condition {
    /// A rule in JSONPath.
    Rule(Rule),
    /// `Condition`, in JSONata.
    Query(Query),
}

impl Condition {
    /// Whether it holds.
    ///
    /// # Errors
    /// As [`Rule::matches`]; `States.QueryEvaluationError` when an expression fails or gives no boolean.
    pub fn holds(&self, input: &Value, scope: &mut Scope<'_>) -> Result<bool, StatesError> {
        match self {
            Self::Rule(rule) => rule.matches(input, scope),
            Self::Query(query) => query.evaluate_as("boolean", scope, Value::as_bool),
        }
    }
}

/// One Choice rule without its target.
#[derive(Debug, Clone)]
pub enum Rule {
    /// `And`: all of them.
    And(Vec<Rule>),
    /// `Or`: one of them.
    Or(Vec<Rule>),
    /// `Not`.
    Not(Box<Rule>),
    /// A comparison of what the `Variable` finds.
    Test {
        /// The `Variable`.
        variable: Path,
        /// What is asked of it.
        test: Test,
    },
}

/// What a Choice rule asks of its `Variable`.
#[derive(Debug, Clone)]
pub enum Test {
    /// `IsPresent`, `IsNull` and the others: whether it is what they say.
    Is(Kind, bool),
    /// `StringEquals`, `NumericLessThan`, `TimestampGreaterThanEquals` and the others.
    Compare(Relation, Operand),
    /// A comparison whose other side is read by a path, for instance `NumericEqualsPath`.
    ComparePath(Relation, OperandType, Path),
    /// `StringMatches`.
    Matches(Pattern),
}

/// The subject of an `Is...` test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum Kind {
    Present,
    Null,
    Boolean,
    Numeric,
    String,
    Timestamp,
}

/// How the two sides of a comparison must stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum Relation {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

/// The literal side of a comparison.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum Operand {
    String(String),
    Numeric(Number),
    Boolean(bool),
    Timestamp(Timestamp),
}

/// What a comparison by path compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the language's own")]
pub enum OperandType {
    String,
    Numeric,
    Boolean,
    Timestamp,
}

impl Rule {
    /// Whether the rule matches.
    ///
    /// # Errors
    /// `States.Runtime` when a path of the rule finds nothing (except below `IsPresent`).
    pub fn matches(&self, input: &Value, scope: &mut Scope<'_>) -> Result<bool, StatesError> {
        match self {
            Self::And(rules) => {
                for rule in rules {
                    if !rule.matches(input, scope)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(rules) => {
                for rule in rules {
                    if rule.matches(input, scope)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(rule) => Ok(!rule.matches(input, scope)?),
            Self::Test { variable, test } => test.holds(variable, input, scope),
        }
    }
}

impl Test {
    fn holds(
        &self,
        variable: &Path,
        input: &Value,
        scope: &Scope<'_>,
    ) -> Result<bool, StatesError> {
        if let Self::Is(Kind::Present, expected) = self {
            return Ok(scope.find(variable, input).is_some() == *expected);
        }
        let value = find(variable, input, scope)?;
        match self {
            Self::Is(kind, expected) => Ok(kind.is(&value) == *expected),
            Self::Compare(relation, operand) => Ok(relation.holds(operand.compare_to(&value))),
            Self::ComparePath(relation, operand_type, path) => {
                let other = find(path, input, scope)?;
                let ordering = operand_type.read(&other).and_then(|other| other.compare_to(&value));
                Ok(relation.holds(ordering))
            }
            Self::Matches(pattern) => Ok(value.as_str().is_some_and(|text| pattern.matches(text))),
        }
    }
}

fn find<'v>(
    path: &Path,
    input: &'v Value,
    scope: &'v Scope<'_>,
) -> Result<Cow<'v, Value>, StatesError> {
    scope.find(path, input).ok_or_else(|| {
        StatesError::runtime(format!(
            "Invalid path '{path}': The choice state's condition path references an invalid value."
        ))
    })
}

impl Kind {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::Present => true,
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            Self::Numeric => value.is_number(),
            Self::String => value.is_string(),
            Self::Timestamp => value.as_str().and_then(timestamp::parse).is_some(),
        }
    }
}

impl Relation {
    fn holds(self, ordering: Option<Ordering>) -> bool {
        ordering.is_some_and(|ordering| match self {
            Self::Equals => ordering.is_eq(),
            Self::LessThan => ordering.is_lt(),
            Self::GreaterThan => ordering.is_gt(),
            Self::LessThanEquals => ordering.is_le(),
            Self::GreaterThanEquals => ordering.is_ge(),
        })
    }
}

impl OperandType {
    fn read(self, value: &Value) -> Option<Operand> {
        match self {
            Self::String => value.as_str().map(|text| Operand::String(text.to_owned())),
            Self::Numeric => value.as_number().cloned().map(Operand::Numeric),
            Self::Boolean => value.as_bool().map(Operand::Boolean),
            Self::Timestamp => value.as_str().and_then(timestamp::parse).map(Operand::Timestamp),
        }
    }
}

impl Operand {
    /// How `value` stands to this operand; nothing if it is of another type. Texts are ordered by UTF-16
    /// code units, as Java orders them.
    fn compare_to(&self, value: &Value) -> Option<Ordering> {
        match self {
            Self::String(other) => {
                value.as_str().map(|text| text.encode_utf16().cmp(other.encode_utf16()))
            }
            Self::Numeric(other) => {
                value.as_number().and_then(|number| number::compare(number, other))
            }
            Self::Boolean(other) => value.as_bool().map(|boolean| boolean.cmp(other)),
            Self::Timestamp(other) => {
                value.as_str().and_then(timestamp::parse).map(|instant| instant.cmp(other))
            }
        }
    }
}

/// The pattern of a `StringMatches`: `*` stands for any text, `\*` for a star, `\\` for a backslash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The texts between the stars: one more than there are stars.
    pieces: Vec<String>,
}

impl Pattern {
    /// Parses a pattern; every text is one. A backslash before any other character stands for itself.
    ///
    /// ```
    /// use stepwell_asl::choice::Pattern;
    ///
    /// assert!(Pattern::parse("log-*.txt").matches("log-2024.txt"));
    /// assert!(!Pattern::parse("log-\\*.txt").matches("log-2024.txt"));
    /// ```
    pub fn parse(text: &str) -> Self {
        let mut pieces = vec![String::new()];
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let piece = pieces.last_mut().expect("there is always a piece");
            match c {
                '*' => pieces.push(String::new()),
                '\\' if chars.peek().is_some_and(|next| matches!(next, '*' | '\\')) => {
                    piece.extend(chars.next());
                }
                c => piece.push(c),
            }
        }
        Self { pieces }
    }

    /// Whether the whole text fits. Linear in the length of the text for each piece: pieces are looked for
    /// from left to right, and the first place is always the best.
    pub fn matches(&self, text: &str) -> bool {
        let (first, others) = self.pieces.split_first().expect("there is always a piece");
        let Some((last, middle)) = others.split_last() else { return text == first };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, fits) in [
            ("*.zip", "a.zip", true),
            ("*.zip", "a.zip.txt", false),
            ("log-*-2024-*.gz", "log-db-2024-01.gz", true),
            ("log-*-2024-*.gz", "log-2024-.gz", false),
            ("a*a", "a", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a\\\\*", "a\\b", true),
            ("a\\b", "a\\b", true),
            ("**", "x", true),
        ] {
            assert_eq!(Pattern::parse(pattern).matches(text), fits, "{pattern} on {text}");
        }
    }
}
