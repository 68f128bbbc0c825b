//! What a task asks of a function by `arn:aws:states:::lambda:invoke`, whoever runs the function.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

/// The resource.
pub const INVOKE: &str = "arn:aws:states:::lambda:invoke";

/// Its parameters that AWS knows; all are served.
pub const INVOKE_PARAMETERS: &[&str] =
    &["FunctionName", "Payload", "Qualifier", "InvocationType", "LogType", "ClientContext"];

/// The name of a parameter that is not among them.
pub fn unknown_parameter(parameters: &Value) -> Option<&str> {
    let given = parameters.as_object()?.keys().map(String::as_str);
    given.into_iter().find(|name| !INVOKE_PARAMETERS.contains(name))
}

/// The payload that a function gets: `{}` where there is none or it is null; a text that is JSON is the payload itself, as
/// recorded; every other value becomes JSON.
pub fn payload(parameters: &Value) -> String {
    match parameters.get("Payload") {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(Value::String(text)) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            text.clone()
        }
        Some(payload) => payload.to_string(),
    }
}

/// What a function returned; what is no JSON is passed on as text.
///
/// Half of a character (`"\ud83d"`), which the runtimes of Java and JavaScript write and UTF-8 cannot hold, becomes U+FFFD.
pub fn returned(payload: &[u8]) -> Value {
    let text = String::from_utf8_lossy(payload);
    serde_json::from_str(&whole_characters(&text))
        .unwrap_or_else(|_| Value::String(text.into_owned()))
}

fn whole_characters(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let (mut told, mut rest) = (String::with_capacity(json.len()), json);
    while let Some(at) = rest.find('\\') {
        told.push_str(&rest[..at]);
        rest = &rest[at..];
        let (escape, taken) = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (&rest[..12], 12),
            (Some(0xd800..=0xdfff), _) => ("\\ufffd", 6),
            // Two backslashes are one, and begin nothing.
            _ => {
                let end = rest.char_indices().nth(2).map_or(rest.len(), |(end, _)| end);
                (&rest[..end], end)
            }
        };
        told.push_str(escape);
        rest = &rest[taken..];
    }
    told.push_str(rest);
    Cow::Owned(told)
}

/// The number of an escape `\uXXXX` that a text begins with.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_result_with_half_a_character_is_still_json() {
        for (payload, expected) in [
            (r#"{"t":"ab\ud83d","ok":true}"#, json!({"t": "ab\u{fffd}", "ok": true})),
            (r#""\ude00\ud83d\ude00\ud83dx""#, json!("\u{fffd}😀\u{fffd}x")),
            (r#""\\ud83d \u00fc""#, json!("\\ud83d ü")),
            ("no \\ud83d JSON", json!("no \\ud83d JSON")),
        ] {
            assert_eq!(returned(payload.as_bytes()), expected, "{payload}");
        }
    }
}
