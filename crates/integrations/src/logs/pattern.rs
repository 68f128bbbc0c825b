//! Filter patterns: terms that a message has, and members of messages that are JSON.
//!
//! ```text
//! ERROR "not found"            both
//! ?ERROR ?WARN                 one of them
//! ERROR -retry                 the one without the other
//! { $.type = "ExecutionFailed" && $.details.name = "Load*" }
//! ```
//!
//! Letters count as they are written. Regular expressions, patterns of fields between blanks and `||` are refused by name.
//! Source: CloudWatch Logs User Guide, "Filter pattern syntax".

use serde_json::Value;
use stepwell_aws_wire::ServiceError;

use super::invalid;

/// What a message must have.
#[derive(Debug, PartialEq)]
pub(super) enum Pattern {
    Terms { all: Vec<String>, any: Vec<String>, none: Vec<String> },
    Members(Vec<Comparison>),
}

/// `$.details.name = "Load*"`
#[derive(Debug, PartialEq)]
pub(super) struct Comparison {
    path: Vec<String>,
    is_equal: bool,
    value: String,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, ServiceError> {
        let text = text.trim();
        if let Some(inner) = text.strip_prefix('{') {
            let inner = inner.strip_suffix('}').ok_or_else(|| unsupported(text))?;
            let comparisons = inner.split("&&").map(|one| comparison(one, text));
            return Ok(Self::Members(comparisons.collect::<Result<_, _>>()?));
        }
        if text.starts_with(['[', '%']) {
            return Err(unsupported(text));
        }
        let (mut all, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
        for (sign, term) in terms(text)? {
            match sign {
                Some('?') => any.push(term),
                Some('-') => none.push(term),
                _ => all.push(term),
            }
        }
        Ok(Self::Terms { all, any, none })
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::Terms { all, any, none } => {
                let has = |term: &String| message.contains(term.as_str());
                all.iter().all(has)
                    && (any.is_empty() || any.iter().any(has))
                    && !none.iter().any(has)
            }
            Self::Members(comparisons) => {
                let json: Option<Value> = serde_json::from_str(message).ok();
                json.is_some_and(|json| comparisons.iter().all(|one| one.holds(&json)))
            }
        }
    }
}

impl Comparison {
    fn holds(&self, message: &Value) -> bool {
        let member = self.path.iter().try_fold(message, |value, name| value.get(name));
        let is_it = match member {
            Some(Value::String(text)) => is_like(text, &self.value),
            Some(Value::Object(_) | Value::Array(_)) | None => return false,
            Some(other) => {
                let text = other.to_string();
                text == self.value
            }
        };
        is_it == self.is_equal
    }
}

/// Whether a text is this, where `*` stands for anything.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

/// The terms of a pattern with their signs; those in quotes may hold blanks.
fn terms(text: &str) -> Result<Vec<(Option<char>, String)>, ServiceError> {
    let (mut found, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let sign = rest.chars().next().filter(|first| ['?', '-'].contains(first));
        let bare = &rest[sign.map_or(0, char::len_utf8)..];
        let (term, after) = match bare.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| unsupported(text))?,
            None => bare.split_once(char::is_whitespace).unwrap_or((bare, "")),
        };
        if term.is_empty() {
            return Err(unsupported(text));
        }
        found.push((sign, term.to_owned()));
        rest = after.trim_start();
    }
    Ok(found)
}

fn comparison(one: &str, whole: &str) -> Result<Comparison, ServiceError> {
    let fail = || unsupported(whole);
    let one = one.trim().trim_start_matches('(').trim_end_matches(')').trim();
    if one.contains("||") {
        return Err(fail());
    }
    let (path, value) = one.split_once('=').ok_or_else(fail)?;
    let (path, is_equal) = match path.strip_suffix('!') {
        Some(path) => (path, false),
        None => (path, true),
    };
    let path = path.trim().strip_prefix("$.").ok_or_else(fail)?;
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    if !path.split('.').all(is_name) {
        return Err(fail());
    }
    let value = value.trim();
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let value = quoted.unwrap_or(value);
    if quoted.is_none() && (value.is_empty() || value.contains(char::is_whitespace)) {
        return Err(fail());
    }
    Ok(Comparison {
        path: path.split('.').map(str::to_owned).collect(),
        is_equal,
        value: value.to_owned(),
    })
}

fn unsupported(pattern: &str) -> ServiceError {
    invalid(format!("stepwell does not support the filter pattern '{pattern}'."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(message)
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        let patterns = [
            "[a, b]",
            "%re%",
            "{ $.a",
            "{ $.a = 1 || $.b = 2 }",
            "{ a = 1 }",
            "{ $.a > 1 }",
            "\"a",
            "-",
        ];
        for pattern in patterns {
            let error = Pattern::parse(pattern).unwrap_err();
            assert_eq!(error.code, "InvalidParameterException", "{pattern}");
        }
    }

    #[test]
    fn terms_are_all_there_or_one_of_them_or_not() {
        assert!(matches("", "anything"));
        assert!(matches("ERROR \"not found\"", "ERROR 1: not found"));
        assert!(!matches("ERROR found", "error found"));
        assert!(matches("?ERROR ?WARN", "a WARN") && !matches("?ERROR ?WARN", "INFO"));
        assert!(matches("ERROR -retry", "ERROR") && !matches("ERROR -retry", "ERROR, retry"));
    }

    #[test]
    fn members_of_json_are_compared() {
        let message = r#"{"type":"TaskFailed","id":3,"details":{"name":"LoadAll"}}"#;
        assert!(matches(r#"{ $.type = "TaskFailed" }"#, message));
        assert!(matches(r#"{ ($.type = "Task*") && ($.details.name = "L*d*ll") }"#, message));
        assert!(matches("{ $.id = 3 && $.type != TaskSucceeded }", message));
        assert!(!matches(r#"{ $.none != "a" }"#, message), "it is not there");
        assert!(!matches(r#"{ $.type = "Task*d" && $.id = 4 }"#, message));
        assert!(!matches(r#"{ $.type = "a" }"#, "no JSON"));
    }
}
