//! State machines over the test function: what the engine does by itself.

use serde_json::{Value, json};

/// A Task state that calls the test function with these parameters besides its usual ones.
pub(super) fn task(parameters: &Value, next: &str) -> Value {
    let mut payload = json!({"value.$": "$.value", "millis.$": "$.millis"});
    payload
        .as_object_mut()
        .expect("it is one")
        .extend(parameters.as_object().cloned().unwrap_or_default());
    let mut state = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "stepwell-test-append", "Payload": payload},
        "ResultSelector": {"value.$": "$.Payload.value"},
        "ResultPath": "$.result",
    });
    match next {
        "" => state["End"] = json!(true),
        next => state["Next"] = json!(next),
    }
    state
}

pub(super) fn failing_task(failures: Value, next: &str) -> Value {
    let mut parameters = json!({"attempt.$": "$$.State.RetryCount"});
    let key = if failures.is_string() { "failures.$" } else { "failures" };
    parameters[key] = failures;
    task(&parameters, next)
}

/// A loop of Choice and Pass that never waits for the world.
pub(super) fn pass_loop() -> Value {
    json!({"StartAt": "More", "States": {
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.i", "NumericLessThanPath": "$.n", "Next": "Add"}],
            "Default": "Done",
        },
        "Add": {
            "Type": "Pass",
            "Parameters": {"i.$": "States.MathAdd($.i, 1)", "n.$": "$.n"},
            "Next": "More",
        },
        "Done": {"Type": "Succeed"},
    }})
}

/// One task.
pub(super) fn one() -> Value {
    json!({"StartAt": "Append", "States": {"Append": task(&json!({}), "")}})
}

/// Five tasks in a row.
pub(super) fn steps() -> Value {
    json!({"StartAt": "One", "States": {
        "One": task(&json!({}), "Two"),
        "Two": task(&json!({}), "Three"),
        "Three": task(&json!({}), "Four"),
        "Four": task(&json!({}), "Five"),
        "Five": task(&json!({}), ""),
    }})
}

/// An inline Map of two states, a few iterations at a time.
pub(super) fn map() -> Value {
    json!({"StartAt": "Each", "States": {"Each": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": 3,
        "ItemProcessor": {"StartAt": "Append", "States": {
            "Append": task(&json!({}), "Shape"),
            "Shape": {"Type": "Pass", "Parameters": {"seen.$": "$.result.value"}, "End": true},
        }},
        "ResultPath": "$.seen",
        "End": true,
    }}})
}

/// Branches that end at different times.
pub(super) fn parallel() -> Value {
    json!({"StartAt": "Both", "States": {"Both": {
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Rest", "States": {
                "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Rested"},
                "Rested": {"Type": "Pass", "Result": "rested", "End": true},
            }},
            {"StartAt": "First", "States": {
                "First": task(&json!({}), "Second"),
                "Second": task(&json!({}), ""),
            }},
            {"StartAt": "Idle", "States": {"Idle": {"Type": "Succeed"}}},
        ],
        "End": true,
    }}})
}

/// A timer between two tasks.
pub(super) fn wait() -> Value {
    json!({"StartAt": "Before", "States": {
        "Before": task(&json!({}), "Rest"),
        "Rest": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "After"},
        "After": task(&json!({}), ""),
    }})
}

/// A task that fails a few times, with a timer between the attempts; too many failures fail the execution.
pub(super) fn retry() -> Value {
    let mut state = failing_task(json!("$.failures"), "");
    state["Retry"] = json!([{
        "ErrorEquals": ["Retryable"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 3, "JitterStrategy": "FULL",
    }]);
    json!({"StartAt": "Try", "States": {"Try": state}})
}

/// A task that always fails, once more after a retry, and is caught.
pub(super) fn catch() -> Value {
    let mut state = failing_task(json!(99), "Unexpected");
    state["Retry"] =
        json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]);
    state["Catch"] =
        json!([{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "Caught"}]);
    json!({"StartAt": "Try", "States": {
        "Try": state,
        "Unexpected": {"Type": "Fail", "Error": "Unexpected", "Cause": "the task did not fail"},
        "Caught": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fail", "BooleanEquals": true, "Next": "GiveUp"}],
            "Default": "GoOn",
        },
        "GiveUp": {"Type": "Fail", "Error": "GaveUp", "CausePath": "$.error.Cause"},
        "GoOn": task(&json!({}), ""),
    }})
}

/// Retries inside branches inside iterations.
pub(super) fn nested() -> Value {
    let mut unlucky = failing_task(json!("$.failures"), "");
    unlucky["Retry"] =
        json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}]);
    json!({"StartAt": "Each", "States": {"Each": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "Both", "States": {"Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Unlucky", "States": {"Unlucky": unlucky}},
                {"StartAt": "Plain", "States": {"Plain": task(&json!({}), "")}},
            ],
            "End": true,
        }}},
        "End": true,
    }}})
}
