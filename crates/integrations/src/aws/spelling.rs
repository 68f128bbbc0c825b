//! Parameters and results of `aws-sdk` integrations, and what a service that speaks JSON reads and writes for them.
//!
//! | | In definitions and results | On the wire |
//! | --- | --- | --- |
//! | members | `LogGroupName` | as the service names them, `logGroupName` |
//! | instants | `"2026-03-01T09:00:00.000Z"` | seconds since 1970 |
//! | bytes | text; what is none in UTF-8 comes back in Base64 | Base64 |
//! | keys of maps | as they are | as they are |

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::catalogue::{Kind, Model};

/// What is sent for the parameters of a task. Of a service with another protocol only the first members are known.
pub fn request(model: &Model, parameters: Value) -> Value {
    match parameters {
        Value::Object(members) if model.json.is_none() => {
            members.into_iter().map(|(name, value)| (model.sent(&name), value)).collect()
        }
        parameters => Direction { model, sends: true }.value(Kind::Plain, parameters),
    }
}

/// What the result of a task is, from what was answered.
pub fn result(model: &Model, answer: Value) -> Value {
    if model.json.is_none() {
        return answer;
    }
    Direction { model, sends: false }.value(Kind::Plain, answer)
}

struct Direction<'m> {
    model: &'m Model,
    sends: bool,
}

impl Direction<'_> {
    /// A value of a member of this kind; the items of a list are of the kind of their member.
    fn value(&self, kind: Kind, value: Value) -> Value {
        match (kind, value) {
            (kind, Value::Array(items)) => {
                items.into_iter().map(|item| self.value(kind, item)).collect()
            }
            (Kind::Map, Value::Object(entries)) => {
                let entry = |(key, value)| (key, self.value(Kind::Plain, value));
                Value::Object(entries.into_iter().map(entry).collect())
            }
            (Kind::Plain | Kind::Time, Value::Object(members)) => {
                Value::Object(self.members(members))
            }
            (Kind::Blob, Value::Null) => Value::Null,
            (Kind::Blob, value) if self.sends => sent_bytes(&value),
            (Kind::Blob, Value::String(text)) => received_bytes(text),
            (Kind::Time, Value::String(text)) if self.sends => sent_time(text),
            (Kind::Time, Value::Number(seconds)) if !self.sends => received_time(seconds),
            (_, value) => value,
        }
    }

    fn members(&self, members: Map<String, Value>) -> Map<String, Value> {
        let member = |(name, value): (String, Value)| {
            let sent = if self.sends { self.model.sent(&name) } else { name };
            let value = self.value(self.model.kind(&sent), value);
            let name = if self.sends { sent } else { self.model.spelled(&sent) };
            (name, value)
        };
        members.into_iter().map(member).collect()
    }
}

/// JSON that is no text is sent as what it is written as.
fn sent_bytes(value: &Value) -> Value {
    let encoded = match value {
        Value::String(text) => STANDARD.encode(text),
        json => STANDARD.encode(json.to_string()),
    };
    encoded.into()
}

fn received_bytes(text: String) -> Value {
    let bytes = STANDARD.decode(&text).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(text).into()
}

/// What is no instant is left to the service, which refuses it.
fn sent_time(text: String) -> Value {
    let Ok(at) = text.parse::<Timestamp>() else { return text.into() };
    let milliseconds = at.as_millisecond();
    if milliseconds % 1000 == 0 {
        return (milliseconds / 1000).into();
    }
    Number::from_f64(milliseconds as f64 / 1000.0).map_or(Value::Null, Value::Number)
}

fn received_time(seconds: Number) -> Value {
    let milliseconds = seconds.as_f64().map(|seconds| (seconds * 1000.0).round() as i64);
    let at = milliseconds.and_then(|it| Timestamp::from_millisecond(it).ok());
    at.map_or(Value::Number(seconds), |at| format!("{at:.3}").into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::catalogue::find;

    #[test]
    fn a_request_has_the_names_and_the_values_of_the_wire() {
        let logs = find("cloudwatchlogs").unwrap();
        let parameters = json!({"LogGroupName": "g", "Tags": {"Owner": "x"}});
        assert_eq!(request(logs, parameters), json!({"logGroupName": "g", "tags": {"Owner": "x"}}));
        let kms = find("kms").unwrap();
        let parameters =
            json!({"KeyId": "k", "Plaintext": "hello", "EncryptionContext": {"a": "b"}});
        assert_eq!(
            request(kms, parameters),
            json!({"KeyId": "k", "Plaintext": "aGVsbG8=", "EncryptionContext": {"a": "b"}})
        );
        let parameters = json!({"ValidTo": "2026-03-01T09:00:00.5Z"});
        assert_eq!(request(kms, parameters), json!({"ValidTo": 1_772_355_600.5}));
    }

    #[test]
    fn a_result_has_those_of_definitions() {
        let ecs = find("ecs").unwrap();
        let answer = json!({"tasks": [{"taskArn": "t", "createdAt": 1_772_355_600.123}]});
        assert_eq!(
            result(ecs, answer),
            json!({"Tasks": [{"TaskArn": "t", "CreatedAt": "2026-03-01T09:00:00.123Z"}]})
        );
        let kms = find("kms").unwrap();
        let answer = json!({"Plaintext": "aGVsbG8=", "CiphertextBlob": "/w=="});
        assert_eq!(result(kms, answer), json!({"Plaintext": "hello", "CiphertextBlob": "/w=="}));
    }

    #[test]
    fn attributes_of_items_stay_as_they_are() {
        let dynamodb = find("dynamodb").unwrap();
        let item = json!({"Item": {"isDone": {"BOOL": true}, "m": {"M": {"x": {"B": "AA=="}}}}});
        assert_eq!(request(dynamodb, item.clone()), item);
        assert_eq!(result(dynamodb, item.clone()), item);
    }
}
