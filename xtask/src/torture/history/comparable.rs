//! An event without what differs between two runs of a case.
//!
//! Left out are ids and times of the event, and what AWS tells about a call in the result of it (`SdkHttpMetadata`).
//! Replaced by a mark are the name of an execution or Map run in its ARN, and the members in [`DIFFERING`]. Nothing else
//! is: a member that is missing, and a text in it that should be JSON, are differences.

use serde_json::{Map, Value, json};

/// Members whose values are drawn or told by a clock, or follow from such a value.
const DIFFERING: &[&str] = &[
    // Of a message, an entry on a bus, and a digest of a body with a token in it.
    "MessageId",
    "EventId",
    "MD5OfMessageBody",
    "TaskToken",
    // Of an invocation, in the errors of functions.
    "requestId",
    // Of an execution, in what `startExecution` gives.
    "Name",
    "StartDate",
    "StopDate",
    // Of an object.
    "LastModified",
    // Which of the workers got it is a matter of time.
    "workerName",
];

const ABOUT_THE_CALL: &[&str] = &["SdkHttpMetadata", "SdkResponseMetadata"];

/// The event as a text that two runs share.
pub(super) fn text(event: &Value) -> String {
    let fields = event.as_object().into_iter().flatten();
    let kept =
        fields.filter(|(name, _)| !matches!(name.as_str(), "id" | "previousEventId" | "timestamp"));
    let kept: Map<_, _> =
        kept.map(|(name, value)| (name.clone(), comparable(value.clone()))).collect();
    Value::Object(kept).to_string()
}

/// Reads JSON inside of texts, and takes away what may differ.
pub(super) fn comparable(value: Value) -> Value {
    match parsed(value) {
        Value::Object(fields) => {
            let kept =
                fields.into_iter().filter(|(name, _)| !ABOUT_THE_CALL.contains(&name.as_str()));
            kept.map(|(name, value)| {
                let is_any = DIFFERING.contains(&name.as_str()) && !value.is_null();
                let value = if is_any { json!("<any>") } else { comparable(value) };
                (name, value)
            })
            .collect()
        }
        Value::Array(items) => items.into_iter().map(comparable).collect(),
        Value::String(text) => Value::String(without_name(&text).unwrap_or(text)),
        value => value,
    }
}

/// `arn:aws:states:us-east-1:000000000000:execution:steps:3-14#Call/0` without the `3-14` of this run.
fn without_name(text: &str) -> Option<String> {
    let (arn, effect) = text.find('#').map_or((text, ""), |at| text.split_at(at));
    let is_of_a_run = [":execution:", ":mapRun:"].iter().any(|kind| arn.contains(kind));
    let (head, _) =
        arn.rsplit_once(':').filter(|_| is_of_a_run && arn.starts_with("arn:aws:states:"))?;
    Some(format!("{head}:<any>{effect}"))
}

/// The value that a text says, if it is JSON.
pub(super) fn parsed(value: Value) -> Value {
    let inner = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    inner.unwrap_or(value)
}

/// Shows every member with its name, and elements without one, also inside of texts.
pub(super) fn visit(value: &Value, show: &mut impl FnMut(&str, &Value)) {
    match parsed(value.clone()) {
        Value::Object(fields) => {
            for (name, value) in &fields {
                show(name, value);
                visit(value, show);
            }
        }
        Value::Array(items) => {
            for item in &items {
                show("", item);
                visit(item, show);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ids_and_what_is_about_the_call_may_differ_and_nothing_else() {
        let event = |name: &str, id: &str, value: u64| {
            let arn = format!("arn:aws:states:us-east-1:000000000000:execution:inner:{name}");
            let output = json!({"ExecutionArn": arn, "MessageId": id, "SdkHttpMetadata": id, "value": value});
            text(&json!({"id": value, "details": {"output": output.to_string()}}))
        };
        assert_eq!(event("a", "1", 7), event("b", "2", 7));
        assert_ne!(event("a", "1", 7), event("a", "1", 8));
    }

    #[test]
    fn a_member_that_is_missing_and_an_effect_are_differences() {
        assert_ne!(comparable(json!({"MessageId": "x"})), comparable(json!({})));
        let arn = "arn:aws:states:us-east-1:000000000000:execution:m:n";
        assert_ne!(
            comparable(json!(format!("{arn}#A/0"))),
            comparable(json!(format!("{arn}#B/0")))
        );
    }

    #[test]
    fn members_inside_of_texts_are_shown() {
        let mut names = Vec::new();
        visit(&json!({"a": r#"{"b": [{"c": 1}]}"#}), &mut |name, _| names.push(name.to_owned()));
        assert_eq!(names, ["a", "b", "", "c"]);
    }
}
