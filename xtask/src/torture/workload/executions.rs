//! State machines that start executions: nested ones, and the children of a Map run.
//!
//! A Map run that fails is left out: which of its children ran before is a matter of time, so that there is no twin to
//! compare with.

use serde_json::{Value, json};

use super::tasks::{failing_task, task};

/// Starts an execution and waits for it, then starts another one and does not wait.
pub(super) fn outer() -> Value {
    let input = |call: &str| json!({"call": call, "value.$": "$.value", "millis.$": "$.millis", "fail.$": "$.fail"});
    let machine = super::inner_arn();
    json!({"StartAt": "Wait", "States": {
        "Wait": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution.sync:2",
            "Parameters": {"StateMachineArn": machine, "Input": input("wait")},
            "ResultSelector": {"status.$": "$.Status", "value.$": "$.Output.result.value"},
            "ResultPath": "$.waited",
            "Catch": [{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.caught", "Next": "Caught"}],
            "Next": "GoOn",
        },
        "Caught": {"Type": "Pass", "Result": "the inner one failed", "ResultPath": "$.caught", "Next": "GoOn"},
        "GoOn": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution",
            "Parameters": {"StateMachineArn": machine, "Input": input("go on")},
            "ResultPath": null,
            "End": true,
        },
    }})
}

/// What is started: a timer, a task, and an end that its input says.
pub(super) fn inner() -> Value {
    json!({"StartAt": "Rest", "States": {
        "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Append"},
        "Append": task(&json!({}), "Choose"),
        "Choose": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fail", "BooleanEquals": true, "Next": "Fail"}],
            "Default": "Done",
        },
        "Fail": {"Type": "Fail", "Error": "Inner", "Cause": "as the input says"},
        "Done": {"Type": "Succeed"},
    }})
}

/// A Distributed Map over an array, some of whose children fail and are tolerated.
pub(super) fn map_run() -> Value {
    map_of("STANDARD")
}

/// The same with children of type EXPRESS, which have no history and begin anew when they are killed.
pub(super) fn express_map_run() -> Value {
    map_of("EXPRESS")
}

fn map_of(kind: &str) -> Value {
    json!({"StartAt": "Each", "States": {"Each": {
        "Type": "Map",
        "Label": "Each",
        "ItemsPath": "$.items",
        "MaxConcurrency": 3,
        "ToleratedFailureCount": 100,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
            "StartAt": "Append",
            "States": {
                "Append": failing_task(json!("$.failures"), "Shape"),
                "Shape": {"Type": "Pass", "Parameters": {"seen.$": "$.result.value"}, "End": true},
            },
        },
        "ResultPath": "$.seen",
        "End": true,
    }}})
}
