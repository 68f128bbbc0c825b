//! Event patterns: which events a rule wants.
//!
//! Source: Amazon EventBridge User Guide, "Amazon EventBridge event patterns".

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sns::Condition;

/// Which events a rule wants.
///
/// ```json
/// {"source": ["my.app"], "detail": {"state": ["done", {"prefix": "fail"}], "size": [{"numeric": [">", 0]}]}}
/// ```
///
/// An event must have every member of the pattern, each with one of its conditions; a list in the event, with one of its items,
/// which alone has all members that are wanted of it.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPattern(BTreeMap<String, Part>);

/// A pattern that EventBridge does not take, or that is not supported here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{member}`: {problem}")]
pub struct InvalidPattern {
    /// Where.
    pub member: String,
    /// What.
    pub problem: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Inner(EventPattern),
    Conditions(Vec<Condition>),
}

/// Members in each other. Nothing that is matched is nested deeper in earnest.
const DEPTH_MAX: usize = 32;

impl EventPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`] names the member and what is wrong or not supported.
    pub fn parse(pattern: &Value) -> Result<Self, InvalidPattern> {
        Self::parse_at(pattern, "the pattern", DEPTH_MAX)
    }

    fn parse_at(pattern: &Value, at: &str, depth: usize) -> Result<Self, InvalidPattern> {
        let wrong =
            |problem: &str| InvalidPattern { member: at.to_owned(), problem: problem.to_owned() };
        let members = pattern.as_object().filter(|it| !it.is_empty());
        let members = members.ok_or_else(|| wrong("an object with members is needed"))?;
        if depth == 0 {
            return Err(wrong("it is nested too deeply"));
        }
        let parse =
            |(name, part): (&String, &Value)| Ok((name.clone(), Part::parse(part, name, depth)?));
        members.iter().map(parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an event is wanted.
    pub fn matches(&self, event: &Value) -> bool {
        self.0.iter().all(|(name, part)| part.matches(event.get(name)))
    }
}

impl Part {
    fn parse(part: &Value, name: &str, depth: usize) -> Result<Self, InvalidPattern> {
        let wrong = |problem: String| InvalidPattern { member: name.to_owned(), problem };
        if name.starts_with('$') {
            return Err(wrong("it is not supported".to_owned()));
        }
        match part {
            Value::Object(_) => EventPattern::parse_at(part, name, depth - 1).map(Self::Inner),
            Value::Array(conditions) if !conditions.is_empty() => {
                let parsed: Result<_, _> = conditions.iter().map(Condition::parse).collect();
                parsed.map(Self::Conditions).map_err(wrong)
            }
            _ => Err(wrong("a list of conditions or an object is needed".to_owned())),
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Inner(pattern), Some(Value::Array(items))) if !items.is_empty() => {
                items.iter().any(|item| pattern.matches(item))
            }
            // What is not there may be wanted not to be there, further inside.
            (Self::Inner(pattern), value) => pattern.matches(value.unwrap_or(&Value::Null)),
            // Conditions are on values: what has members of its own is none.
            (Self::Conditions(all), None | Some(Value::Object(_))) => {
                all.iter().any(|it| it.holds(None))
            }
            (Self::Conditions(all), Some(Value::Array(items))) => {
                all.iter().any(|it| it.holds(Some(items)))
            }
            (Self::Conditions(all), Some(value)) => {
                all.iter().any(|it| it.holds(Some(std::slice::from_ref(value))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        for (pattern, member) in [
            (json!({}), "the pattern"),
            (json!({"source": "a"}), "source"),
            (json!({"source": []}), "source"),
            (json!({"detail": {"$or": []}}), "$or"),
            (json!({"detail": {"a": [{"cidr": "10.0.0.0/8"}]}}), "a"),
        ] {
            assert_eq!(EventPattern::parse(&pattern).unwrap_err().member, member, "{pattern}");
        }
    }

    #[test]
    fn every_member_must_match_by_one_condition() {
        let pattern = json!({"source": ["a", "b"], "detail": {"n": [{"numeric": [">", 1]}], "gone": [{"exists": false}]}});
        let pattern = EventPattern::parse(&pattern).unwrap();
        assert!(pattern.matches(&json!({"source": "b", "detail": {"n": 2}})));
        assert!(!pattern.matches(&json!({"source": "b", "detail": {"n": 1}})));
        assert!(!pattern.matches(&json!({"source": "c", "detail": {"n": 2}})));
        assert!(!pattern.matches(&json!({"source": "b", "detail": {"n": 2, "gone": 0}})));
        assert!(!pattern.matches(&json!({"source": "b"})));
        let of_objects = EventPattern::parse(&json!({"a": {"b": ["x"], "c": [1]}})).unwrap();
        assert!(of_objects.matches(&json!({"a": [{"b": "y"}, {"b": "x", "c": 1}]})));
        assert!(!of_objects.matches(&json!({"a": [{"b": "y", "c": 1}, {"b": "x"}]})));
        for (is_wanted, event) in [(true, json!({"a": 1})), (false, json!({"a": {"b": 1}}))] {
            let there = EventPattern::parse(&json!({"a": [{"exists": true}]})).unwrap();
            let gone = EventPattern::parse(&json!({"a": [{"exists": false}]})).unwrap();
            assert_eq!((there.matches(&event), gone.matches(&event)), (is_wanted, !is_wanted));
        }
        let of_lists = EventPattern::parse(&json!({"resources": ["r"]})).unwrap();
        assert!(of_lists.matches(&json!({"resources": ["q", "r"]})));
        assert!(!of_lists.matches(&json!({"resources": []})));
    }
}
