//! Filter policies: which messages a subscription wants, by their attributes.
//!
//! Source: Amazon SNS Developer Guide, "Filter policy constraints" and the pages on string, numeric and key matching.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Attribute;

/// Which messages a subscription wants.
///
/// ```json
/// {"severity": ["FAILED", {"prefix": "WARN"}], "count": [{"numeric": [">", 0, "<=", 150]}], "test": [{"exists": false}]}
/// ```
///
/// All attributes must match, each by one of its conditions. An empty policy lets everything pass.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FilterPolicy {
    attributes: BTreeMap<String, Vec<Condition>>,
}

/// A policy that SNS does not take, or that is not supported here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter of attribute `{attribute}` is wrong: {problem}")]
pub struct InvalidFilter {
    /// Where.
    pub attribute: String,
    /// What.
    pub problem: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Exact(Value),
    Prefix(String),
    Suffix(String),
    IgnoringCase(String),
    AnythingBut(Vec<Condition>),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Below,
    AtMost,
    AtLeast,
    Above,
}

impl FilterPolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`InvalidFilter`] names the attribute and what is wrong or not supported.
    pub fn parse(policy: &Map<String, Value>) -> Result<Self, InvalidFilter> {
        let parse = |(name, conditions): (&String, &Value)| {
            let wrong = |problem| InvalidFilter { attribute: name.clone(), problem };
            if name.starts_with('$') {
                return Err(wrong(format!("`{name}` is not supported")));
            }
            let conditions = conditions.as_array().filter(|all| !all.is_empty());
            let conditions =
                conditions.ok_or_else(|| wrong("a list of conditions is needed".into()))?;
            let parsed: Result<_, _> = conditions.iter().map(Condition::parse).collect();
            Ok((name.clone(), parsed.map_err(wrong)?))
        };
        Ok(Self { attributes: policy.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Whether a message with these attributes passes.
    pub fn matches(&self, attributes: &BTreeMap<String, Attribute>) -> bool {
        self.attributes.iter().all(|(name, conditions)| {
            let values = attributes.get(name).map(values);
            conditions.iter().any(|condition| condition.holds(values.as_deref()))
        })
    }
}

/// What the conditions look at; bytes are nothing to them but there.
fn values(attribute: &Attribute) -> Vec<Value> {
    match attribute {
        Attribute::String(text) => vec![Value::String(text.clone())],
        Attribute::Number(text) => {
            let number = text.parse().ok().and_then(serde_json::Number::from_f64);
            number.map(Value::Number).into_iter().collect()
        }
        Attribute::StringArray(all) => all.clone(),
        Attribute::Binary(_) => Vec::new(),
    }
}

impl Condition {
    pub(crate) fn parse(condition: &Value) -> Result<Self, String> {
        let Value::Object(operator) = condition else {
            return Self::exact(condition);
        };
        let mut entries = operator.iter();
        let (Some((name, operand)), None) = (entries.next(), entries.next()) else {
            return Err(format!("`{condition}` is not one operator"));
        };
        let text = || {
            let text = operand.as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| format!("`{name}` needs a text"))
        };
        match name.as_str() {
            "prefix" => Ok(Self::Prefix(text()?)),
            "suffix" => Ok(Self::Suffix(text()?)),
            "equals-ignore-case" => Ok(Self::IgnoringCase(text()?.to_lowercase())),
            "anything-but" => Self::anything_but(operand),
            "numeric" => Self::numeric(operand),
            "exists" => {
                let exists = operand.as_bool().ok_or("`exists` needs true or false")?;
                Ok(Self::Exists(exists))
            }
            _ => Err(format!("the operator `{name}` is not supported")),
        }
    }

    fn exact(value: &Value) -> Result<Self, String> {
        if value.is_array() {
            return Err(format!("`{value}` is no condition"));
        }
        Ok(Self::Exact(value.clone()))
    }

    /// `["a", "b"]`, `"a"` or `{"prefix": "a"}`
    fn anything_but(operand: &Value) -> Result<Self, String> {
        let excluded = match operand {
            Value::Array(all) => all.iter().map(Self::exact).collect::<Result<Vec<_>, _>>()?,
            one => vec![Self::parse(one)?],
        };
        let is_allowed =
            |it: &Self| matches!(it, Self::Exact(_) | Self::Prefix(_) | Self::Suffix(_));
        if excluded.is_empty() || !excluded.iter().all(is_allowed) {
            return Err("`anything-but` needs values, a prefix or a suffix".to_owned());
        }
        Ok(Self::AnythingBut(excluded))
    }

    /// `[">", 0, "<=", 150]`
    fn numeric(operand: &Value) -> Result<Self, String> {
        let wrong = || format!("`{operand}` is no comparison of numbers");
        let parts = operand.as_array().filter(|parts| matches!(parts.len(), 2 | 4));
        let comparison = |pair: &[Value]| {
            let comparison = match pair[0].as_str()? {
                "=" => Comparison::Equal,
                "<" => Comparison::Below,
                "<=" => Comparison::AtMost,
                ">=" => Comparison::AtLeast,
                ">" => Comparison::Above,
                _ => return None,
            };
            Some((comparison, pair[1].as_f64()?))
        };
        let comparisons: Option<Vec<_>> =
            parts.ok_or_else(wrong)?.chunks(2).map(comparison).collect();
        Ok(Self::Numeric(comparisons.ok_or_else(wrong)?))
    }

    /// `values` are none if the message does not have the attribute.
    pub(crate) fn holds(&self, values: Option<&[Value]>) -> bool {
        match (self, values) {
            (Self::Exists(exists), values) => *exists == values.is_some(),
            (_, None) => false,
            (condition, Some(values)) => values.iter().any(|value| condition.holds_for(value)),
        }
    }

    fn holds_for(&self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Exact(Value::Number(wanted)) => {
                value.is_number() && wanted.as_f64() == value.as_f64()
            }
            Self::Exact(wanted) => wanted == value,
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::IgnoringCase(wanted) => text.is_some_and(|text| text.to_lowercase() == *wanted),
            Self::AnythingBut(excluded) => !excluded.iter().any(|it| it.holds_for(value)),
            Self::Numeric(comparisons) => value.as_f64().is_some_and(|number| {
                comparisons.iter().all(|(how, with)| how.holds(number, *with))
            }),
            Self::Exists(exists) => *exists,
        }
    }
}

impl Comparison {
    #[expect(clippy::float_cmp, reason = "a number that is equal to another as it is written")]
    fn holds(self, number: f64, with: f64) -> bool {
        match self {
            Self::Equal => number == with,
            Self::Below => number < with,
            Self::AtMost => number <= with,
            Self::AtLeast => number >= with,
            Self::Above => number > with,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "it reads better with `json!`")]
    fn parse(policy: Value) -> Result<FilterPolicy, InvalidFilter> {
        FilterPolicy::parse(policy.as_object().unwrap())
    }

    fn passes(policy: Value, attributes: &[(&str, Attribute)]) -> bool {
        let attributes =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        parse(policy).unwrap().matches(&attributes)
    }

    fn text(text: &str) -> Attribute {
        Attribute::String(text.to_owned())
    }

    fn number(text: &str) -> Attribute {
        Attribute::Number(text.to_owned())
    }

    #[test]
    fn what_is_wrong_or_not_supported_is_named() {
        let problem = |policy| parse(policy).unwrap_err().to_string();
        assert!(problem(json!({"a": "b"})).contains("list of conditions"));
        assert!(problem(json!({"a": []})).contains("list of conditions"));
        assert!(
            problem(json!({"a": [{"cidr": "10.0.0.0/24"}]})).contains("`cidr` is not supported")
        );
        assert!(problem(json!({"$or": [{"a": ["b"]}]})).contains("`$or` is not supported"));
        assert!(problem(json!({"a": [{"numeric": [">"]}]})).contains("no comparison"));
        assert!(problem(json!({"a": [{"numeric": ["!", 1]}]})).contains("no comparison"));
        assert!(problem(json!({"a": [{"prefix": 1}]})).contains("needs a text"));
        assert!(
            problem(json!({"a": [{"prefix": "x", "suffix": "y"}]})).contains("not one operator")
        );
        assert!(
            problem(json!({"a": [{"anything-but": {"exists": true}}]})).contains("anything-but")
        );
        assert!(problem(json!({"a": [["b"]]})).contains("no condition"));
    }

    #[test]
    fn exact_values_keep_their_types() {
        let policy = json!({"a": ["x", 100, true, null]});
        assert!(passes(policy.clone(), &[("a", text("x"))]));
        assert!(passes(policy.clone(), &[("a", number("100.0"))]));
        assert!(!passes(policy.clone(), &[("a", text("100"))]));
        assert!(!passes(policy.clone(), &[("a", text("y"))]));
        assert!(!passes(policy.clone(), &[("b", text("x"))]));
        let list = |value| Attribute::StringArray(vec![json!("y"), value]);
        assert!(passes(policy.clone(), &[("a", list(json!(true)))]));
        assert!(passes(policy.clone(), &[("a", list(json!(null)))]));
        assert!(!passes(policy, &[("a", list(json!("true")))]));
    }

    #[test]
    fn operators() {
        assert!(passes(json!({"a": [{"prefix": "ba"}]}), &[("a", text("bag"))]));
        assert!(!passes(json!({"a": [{"prefix": "ba"}]}), &[("a", text("a-bag"))]));
        assert!(passes(json!({"a": [{"suffix": "ag"}]}), &[("a", text("bag"))]));
        assert!(passes(json!({"a": [{"equals-ignore-case": "Tennis"}]}), &[("a", text("TENNIS"))]));
        let range = json!({"a": [{"numeric": [">", 0, "<=", 150]}]});
        for (value, expected) in [("0", false), ("0.1", true), ("150", true), ("151", false)] {
            assert_eq!(passes(range.clone(), &[("a", number(value))]), expected, "{value}");
        }
        assert!(!passes(range, &[("a", text("10"))]));
    }

    #[test]
    fn anything_but_needs_the_attribute() {
        let policy = json!({"a": [{"anything-but": ["x", "y"]}]});
        assert!(passes(policy.clone(), &[("a", text("z"))]));
        assert!(!passes(policy.clone(), &[("a", text("x"))]));
        assert!(!passes(policy, &[]));
        assert!(!passes(json!({"a": [{"anything-but": {"prefix": "x"}}]}), &[("a", text("xy"))]));
    }

    #[test]
    fn existence_and_several_attributes() {
        let policy = json!({"a": [{"exists": false}], "b": ["x", {"exists": true}]});
        assert!(passes(policy.clone(), &[("b", text("anything"))]));
        assert!(!passes(policy.clone(), &[("a", text("x")), ("b", text("x"))]));
        assert!(!passes(policy, &[]));
        assert!(passes(json!({"b": [{"exists": true}]}), &[("b", Attribute::Binary(vec![1]))]));
        assert!(passes(json!({}), &[]));
    }
}
