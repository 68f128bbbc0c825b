//! Members of requests and responses: a definition writes `StateMachineArn` where the API has `stateMachineArn`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// How instants are written in a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dates {
    /// `"2026-01-01T00:00:00.123Z"`, as `aws-sdk` integrations have it.
    Text,
    /// `1767225600123`, as `startExecution` has it.
    Milliseconds,
}

/// The members that hold JSON as text. A definition may give what the text says instead.
const JSON_TEXTS: [&str; 3] = ["input", "output", "definition"];

/// The request of an operation, from the parameters of a task. Members that are null are left out.
pub(super) fn request(parameters: &Value) -> Value {
    match parameters {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            let members = members.map(|(name, value)| {
                let name = recased(name, char::to_lowercase);
                let value = match value {
                    Value::String(_) => value.clone(),
                    json if JSON_TEXTS.contains(&name.as_str()) => Value::String(json.to_string()),
                    other => request(other),
                };
                (name, value)
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(request).collect()),
        other => other.clone(),
    }
}

/// The result of a task, from the response of an operation; its members in the order of their names.
pub(super) fn response(value: Value, dates: Dates) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| {
                let value = match instant(&name, &value) {
                    Some(at) => date(at, dates),
                    None => response(value, dates),
                };
                (upper(&name), value)
            });
            Value::Object(members.collect::<BTreeMap<_, _>>().into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(|item| response(item, dates)).collect(),
        other => other,
    }
}

/// The instant in a member that holds one: seconds since 1970 on the wire.
pub(super) fn instant(name: &str, value: &Value) -> Option<Timestamp> {
    let is_date = name.ends_with("Date") || name == "timestamp";
    let seconds = value.as_f64().filter(|_| is_date)?;
    Timestamp::from_millisecond((seconds * 1_000.0).round() as i64).ok()
}

fn date(at: Timestamp, dates: Dates) -> Value {
    match dates {
        Dates::Text => format!("{at:.3}").into(),
        Dates::Milliseconds => at.as_millisecond().into(),
    }
}

/// The same with a large first letter.
pub(super) fn upper(name: &str) -> String {
    recased(name, char::to_uppercase)
}

fn recased<I: Iterator<Item = char>>(name: &str, case: impl Fn(char) -> I) -> String {
    let mut characters = name.chars();
    let first = characters.next().into_iter().flat_map(case);
    first.chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_become_a_request() {
        let parameters = json!({"Name": null, "Input": {"Key": 1}, "Tags": [{"Key": "a"}]});
        let expected = json!({"input": r#"{"Key":1}"#, "tags": [{"key": "a"}]});
        assert_eq!(request(&parameters), expected);
    }

    #[test]
    fn a_response_becomes_a_result_with_its_dates() {
        let body = json!({"startDate": 1_767_225_600.123, "inputDetails": {"included": true}});
        assert_eq!(
            response(body.clone(), Dates::Text),
            json!({"StartDate": "2026-01-01T00:00:00.123Z", "InputDetails": {"Included": true}})
        );
        assert_eq!(response(body, Dates::Milliseconds)["StartDate"], json!(1_767_225_600_123_i64));
    }
}
