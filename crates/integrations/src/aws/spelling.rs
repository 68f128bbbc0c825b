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

use super::catalogue::{At, Kind, Model};

/// What is sent for the parameters of an action. Of a service with another protocol only the first members are known.
pub fn request(model: &Model, action: &str, parameters: Value) -> Value {
    match parameters {
        Value::Object(members) if model.json.is_none() => {
            let sent = |(name, value): (String, _)| (model.sent(At::action(action), &name), value);
            members.into_iter().map(sent).collect()
        }
        parameters => {
            Direction { model, sends: true }.value(At::action(action), Kind::Plain, parameters)
        }
    }
}

/// What the result of an action is, from what was answered.
pub fn result(model: &Model, action: &str, answer: Value) -> Value {
    if model.json.is_none() {
        return answer;
    }
    let answered = format!("{action}>");
    Direction { model, sends: false }.value(At::action(&answered), Kind::Plain, answer)
}

struct Direction<'m> {
    model: &'m Model,
    sends: bool,
}

impl Direction<'_> {
    /// A value of this kind, and where what it holds stands; the items of a list are of the kind of their member.
    fn value(&self, at: At<'_>, kind: Kind, value: Value) -> Value {
        match (kind, value) {
            (kind, Value::Array(items)) => {
                items.into_iter().map(|item| self.value(at, kind, item)).collect()
            }
            (Kind::Map, Value::Object(entries)) => {
                let (kind, values) = (self.model.kind(at, "*"), format!("{}*", at.holder));
                let at = At { holder: &values, ..at };
                let entry = |(key, value)| (key, self.value(at, kind, value));
                Value::Object(entries.into_iter().map(entry).collect())
            }
            (Kind::Plain | Kind::Time, Value::Object(members)) => {
                Value::Object(self.members(at, members))
            }
            (Kind::Blob, Value::Null) => Value::Null,
            (Kind::Blob, value) if self.sends => sent_bytes(&value),
            (Kind::Blob, Value::String(text)) => received_bytes(text),
            (Kind::Time, Value::String(text)) if self.sends => sent_time(text),
            (Kind::Time, Value::Number(seconds)) if !self.sends => received_time(seconds),
            (_, value) => value,
        }
    }

    fn members(&self, at: At<'_>, members: Map<String, Value>) -> Map<String, Value> {
        let member = |(name, value): (String, Value)| {
            let sent = if self.sends { self.model.sent(at, &name) } else { name };
            let value = self.value(at.within(&sent), self.model.kind(at, &sent), value);
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
        assert_eq!(
            request(logs, "CreateLogGroup", parameters),
            json!({"logGroupName": "g", "tags": {"Owner": "x"}})
        );
        let kms = find("kms").unwrap();
        let parameters =
            json!({"KeyId": "k", "Plaintext": "hello", "EncryptionContext": {"a": "b"}});
        assert_eq!(
            request(kms, "Encrypt", parameters),
            json!({"KeyId": "k", "Plaintext": "aGVsbG8=", "EncryptionContext": {"a": "b"}})
        );
        let parameters = json!({"ValidTo": "2026-03-01T09:00:00.5Z"});
        assert_eq!(
            request(kms, "ImportKeyMaterial", parameters),
            json!({"ValidTo": 1_772_355_600.5})
        );
    }

    #[test]
    fn a_result_has_those_of_definitions() {
        let ecs = find("ecs").unwrap();
        let answer = json!({"tasks": [{"taskArn": "t", "createdAt": 1_772_355_600.123}]});
        assert_eq!(
            result(ecs, "RunTask", answer),
            json!({"Tasks": [{"TaskArn": "t", "CreatedAt": "2026-03-01T09:00:00.123Z"}]})
        );
        let kms = find("kms").unwrap();
        let answer = json!({"Plaintext": "aGVsbG8=", "CiphertextBlob": "/w=="});
        assert_eq!(
            result(kms, "Decrypt", answer),
            json!({"Plaintext": "hello", "CiphertextBlob": "/w=="})
        );
    }

    #[test]
    fn a_name_means_what_it_means_where_it_stands() {
        let tagging = find("resourcegroupstaggingapi").unwrap();
        let tags = json!({"ResourceARNList": ["r"], "Tags": {"owner": "x"}});
        assert_eq!(request(tagging, "TagResources", tags.clone()), tags);
        let answer =
            json!({"ResourceTagMappingList": [{"Tags": [{"Key": "owner", "Value": "x"}]}]});
        let expected = answer.clone();
        assert_eq!(result(tagging, "GetResources", answer), expected);
        let acm = find("acm").unwrap();
        let imported = json!({"Certificate": "pem"});
        let sent = json!({"Certificate": "cGVt"});
        assert_eq!(request(acm, "ImportCertificate", imported), sent);
        let answer = json!({"Certificate": "pem"});
        assert_eq!(result(acm, "GetCertificate", answer.clone()), answer);
        let config = find("config").unwrap();
        let parameters = json!({"ResourceKeys": [{"ResourceId": "i"}]});
        assert_eq!(
            request(config, "BatchGetResourceConfig", parameters),
            json!({"resourceKeys": [{"resourceId": "i"}]})
        );
        // Two actions of one service have filters that are spelled in two ways.
        let ssm = find("ssm").unwrap();
        let filters = json!({"Filters": [{"Key": "k", "Value": "v"}]});
        assert_eq!(
            request(ssm, "ListCommands", filters),
            json!({"Filters": [{"key": "k", "value": "v"}]})
        );
        let filters = json!({"Filters": [{"Key": "k", "Values": ["v"]}]});
        assert_eq!(request(ssm, "DescribeParameters", filters.clone()), filters);
    }

    #[test]
    fn attributes_of_items_stay_as_they_are() {
        let dynamodb = find("dynamodb").unwrap();
        let item = json!({"Item": {"isDone": {"BOOL": true}, "m": {"M": {"x": {"B": "AA=="}}}}});
        assert_eq!(request(dynamodb, "PutItem", item.clone()), item);
        assert_eq!(result(dynamodb, "GetItem", item.clone()), item);
        let items =
            json!({"Responses": {"t": [{"id": {"S": "1"}, "m": {"M": {"x": {"S": "y"}}}}]}});
        assert_eq!(result(dynamodb, "BatchGetItem", items.clone()), items);
        let writes = json!({"RequestItems": {"t": [{"PutRequest": {"Item": {"id": {"S": "1"}}}}]}});
        assert_eq!(request(dynamodb, "BatchWriteItem", writes.clone()), writes);
    }
}
