//! The state machines that are measured.

use serde_json::{Map, Value, json};

/// Five states in a row that never leave the engine.
pub(crate) fn five_passes() -> Value {
    in_a_row(&json!({"Type": "Pass"}))
}

/// Five tasks in a row that call a function that does nothing.
pub(crate) fn five_tasks() -> Value {
    in_a_row(&noop())
}

/// A loop of Choice and Pass, `$.n` times around.
pub(crate) fn pass_loop() -> Value {
    counted_loop(&json!({"Type": "Pass", "Next": "Count"}))
}

/// A loop around one task, `$.n` times: every turn is a durable step.
pub(crate) fn task_loop() -> Value {
    let mut task = noop();
    task["Next"] = json!("Count");
    counted_loop(&task)
}

/// An inline Map over `$.items` with two states for each.
pub(crate) fn map() -> Value {
    json!({"StartAt": "Each", "States": {"Each": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "First", "States": {
            "First": {"Type": "Pass", "Next": "Second"},
            "Second": {"Type": "Pass", "End": true},
        }},
        "End": true,
    }}})
}

/// An execution that stays open.
pub(crate) fn day() -> Value {
    json!({"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 86_400, "End": true}}})
}

fn noop() -> Value {
    json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "stepwell-test-noop"},
        "ResultPath": null,
    })
}

fn in_a_row(state: &Value) -> Value {
    let names = ["One", "Two", "Three", "Four", "Five"];
    let mut states = Map::new();
    for (index, name) in names.into_iter().enumerate() {
        let mut state = state.clone();
        match names.get(index + 1) {
            Some(next) => state["Next"] = json!(next),
            None => state["End"] = json!(true),
        }
        states.insert(name.to_owned(), state);
    }
    json!({"StartAt": names[0], "States": states})
}

fn counted_loop(body: &Value) -> Value {
    json!({"StartAt": "More", "States": {
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.i", "NumericLessThanPath": "$.n", "Next": "Body"}],
            "Default": "Done",
        },
        "Body": body,
        "Count": {
            "Type": "Pass",
            "Parameters": {"i.$": "States.MathAdd($.i, 1)", "n.$": "$.n"},
            "Next": "More",
        },
        "Done": {"Type": "Succeed"},
    }})
}
