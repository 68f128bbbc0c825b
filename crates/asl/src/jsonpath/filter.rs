//! Filters: `[?(@.total > 100 && @.state in ['open', 'held'])]`.
//!
//! A comparison with something that is not there is false, except `!=` and `nin`. Numbers and texts are
//! equal if their decimal notation is; they are never ordered.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use super::{Path, Root, evaluate};
use crate::number;

/// A parsed filter.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    /// A path alone: is something there?
    Exists(Path),
    Compare {
        left: Operand,
        comparison: Comparison,
        right: Operand,
    },
    Not(Box<Filter>),
    All(Vec<Filter>),
    Any(Vec<Filter>),
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Path(Path),
    Literal(Value),
    Regex(Regex),
}

/// What relates the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    Contains,
    Size,
    Empty,
}

impl Comparison {
    /// Longer symbols first, so that the first one that fits is meant.
    pub(super) const SYMBOLS: &[(&'static str, Self)] = &[
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("=~", Self::Matches),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    pub(super) fn by_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "in" => Self::In,
            "nin" => Self::NotIn,
            "contains" => Self::Contains,
            "size" => Self::Size,
            "empty" => Self::Empty,
            _ => return None,
        })
    }
}

impl Filter {
    /// Whether `current` passes; `root` is what `$` stands for.
    pub(super) fn accepts(&self, current: &Value, root: &Value) -> bool {
        match self {
            Self::Exists(path) => look_up(path, current, root).is_some(),
            Self::Compare { left, comparison, right } => {
                compare(left, *comparison, right, current, root)
            }
            Self::Not(filter) => !filter.accepts(current, root),
            Self::All(filters) => filters.iter().all(|f| f.accepts(current, root)),
            Self::Any(filters) => filters.iter().any(|f| f.accepts(current, root)),
        }
    }
}

fn look_up<'v>(path: &Path, current: &'v Value, root: &'v Value) -> Option<Cow<'v, Value>> {
    let start = if path.root == Root::Current { current } else { root };
    evaluate::find(path, start, root)
}

fn compare(
    left: &Operand,
    comparison: Comparison,
    right: &Operand,
    current: &Value,
    root: &Value,
) -> bool {
    if comparison == Comparison::Matches {
        return matches_pattern(left, right, current, root);
    }
    let left = left.value(current, root);
    let right = right.value(current, root);
    match (left, right) {
        (Some(left), Some(right)) => relate(&left, comparison, &right),
        _ => matches!(comparison, Comparison::NotEqual | Comparison::NotIn),
    }
}

impl Operand {
    fn value<'v>(&'v self, current: &'v Value, root: &'v Value) -> Option<Cow<'v, Value>> {
        match self {
            Self::Path(path) => look_up(path, current, root),
            Self::Literal(value) => Some(Cow::Borrowed(value)),
            Self::Regex(_) => None,
        }
    }
}

fn relate(left: &Value, comparison: Comparison, right: &Value) -> bool {
    match comparison {
        Comparison::Equal => equal(left, right),
        Comparison::NotEqual => !equal(left, right),
        Comparison::Less => order(left, right) == Some(Ordering::Less),
        Comparison::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
        Comparison::Greater => order(left, right) == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
        Comparison::In => contains(right, left),
        Comparison::NotIn => !contains(right, left),
        Comparison::Contains => contains(left, right),
        Comparison::Size => right.as_u64().is_some_and(|size| length(left) == Some(size)),
        Comparison::Empty => right.as_bool().is_some_and(|empty| is_empty(left) == Some(empty)),
        Comparison::Matches => false,
    }
}

/// Equality of JSON values, numbers by value.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(number), Value::String(text))
        | (Value::String(text), Value::Number(number)) => number.to_string() == *text,
        _ => number::equal_values(left, right),
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => number::compare(a, b),
        (Value::String(a), Value::String(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
        _ => None,
    }
}

fn contains(haystack: &Value, needle: &Value) -> bool {
    match (haystack, needle) {
        (Value::Array(items), _) => items.iter().any(|item| equal(item, needle)),
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        _ => false,
    }
}

fn length(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => Some(text.encode_utf16().count() as u64),
        Value::Array(items) => Some(items.len() as u64),
        Value::Object(fields) => Some(fields.len() as u64),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn is_empty(value: &Value) -> Option<bool> {
    length(value).map(|length| length == 0)
}

fn matches_pattern(left: &Operand, right: &Operand, current: &Value, root: &Value) -> bool {
    let ((Operand::Regex(pattern), other) | (other, Operand::Regex(pattern))) = (left, right)
    else {
        return false;
    };
    match other.value(current, root).as_deref() {
        Some(Value::String(text)) => pattern.is_match(text),
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).any(|text| pattern.is_match(text))
        }
        _ => false,
    }
}
