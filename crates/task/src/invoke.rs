//! What a task asks of a function by `arn:aws:states:::lambda:invoke`, whoever runs the function.

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
