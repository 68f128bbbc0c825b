//! State machines whose work is done by others: processes, workers, queues.

use serde_json::{Value, json};

use crate::torture::project::{ACTIVITY_ARN, CONFIGURED, CREATED, TOPIC_ARN};
use crate::torture::queue::{CALLBACKS, EFFECTS};

/// Names an effect of the state that is entered: unique in its execution.
const EFFECT: &str =
    "States.Format('{}#{}/{}', $$.Execution.Id, $$.State.Name, $$.State.RetryCount)";

/// A function that runs as a process, which fails a few times, and then one that nobody waits for.
pub(super) fn process() -> Value {
    let payload = json!({
        "effect.$": EFFECT,
        "attempt.$": "$$.State.RetryCount",
        "failures.$": "$.failures",
        "value.$": "$.value",
        "millis.$": "$.millis",
    });
    let mut later = payload.clone();
    later["failures"] = json!(0);
    later.as_object_mut().expect("it is one").remove("failures.$");
    json!({"StartAt": "Call", "States": {
        "Call": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": CONFIGURED, "Payload": payload},
            "ResultSelector": {"value.$": "$.Payload.value"},
            "ResultPath": "$.result",
            "Retry": [{"ErrorEquals": ["Unlucky"], "IntervalSeconds": 1, "MaxAttempts": 3}],
            "Next": "Later",
        },
        "Later": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": CREATED, "InvocationType": "Event", "Payload": later},
            "ResultPath": null,
            "End": true,
        },
    }})
}

/// A message with a task token, which a worker answers.
pub(super) fn callback() -> Value {
    let mut ask = waiting(
        "sqs:sendMessage.waitForTaskToken",
        &json!({"QueueUrl": CALLBACKS.url(), "MessageBody": question()}),
    );
    ask["Retry"] = json!([{"ErrorEquals": ["Unlucky"], "IntervalSeconds": 1, "MaxAttempts": 3}]);
    json!({"StartAt": "Ask", "States": {"Ask": ask, "Refused": {"Type": "Pass", "End": true}}})
}

/// A function that runs as a process and hands its task token on to the worker.
pub(super) fn handover() -> Value {
    let payload = json!({
        "effect.$": EFFECT,
        "attempt": 0,
        "failures": 0,
        "value.$": "$.value",
        "millis.$": "$.millis",
        "message": question(),
    });
    let ask = waiting(
        "lambda:invoke.waitForTaskToken",
        &json!({"FunctionName": CONFIGURED, "Payload": payload}),
    );
    json!({"StartAt": "Ask", "States": {"Ask": ask, "Refused": {"Type": "Pass", "End": true}}})
}

/// What a worker is asked.
fn question() -> Value {
    json!({"TaskToken.$": "$$.Task.Token", "attempt.$": "$$.State.RetryCount", "work.$": "$"})
}

/// A state that waits for a worker's answer.
fn waiting(resource: &str, parameters: &Value) -> Value {
    json!({
        "Type": "Task",
        "Resource": format!("arn:aws:states:::{resource}"),
        "Parameters": parameters,
        // Never over: the worker tells a sign of life, and the message is there until it is answered.
        "HeartbeatSeconds": 3600,
        "Catch": [{"ErrorEquals": ["Refused"], "ResultPath": "$.refusal", "Next": "Refused"}],
        "ResultPath": "$.answer",
        "End": true,
    })
}

/// A task that a worker takes from an activity. A worker may be told of it over a connection that is killed under it:
/// then nobody knows of the task, and it comes again after its time-out.
pub(super) fn activity() -> Value {
    json!({"StartAt": "Work", "States": {
        "Work": {
            "Type": "Task",
            "Resource": ACTIVITY_ARN,
            "Parameters": {"work.$": "$"},
            "TimeoutSeconds": 8,
            "HeartbeatSeconds": 4,
            "Retry": [{
                "ErrorEquals": ["States.Timeout", "States.HeartbeatTimeout"],
                "IntervalSeconds": 1,
                "BackoffRate": 1,
                "MaxAttempts": 99,
            }],
            "Catch": [{"ErrorEquals": ["Refused"], "ResultPath": "$.refusal", "Next": "Refused"}],
            "ResultPath": "$.answer",
            "End": true,
        },
        "Refused": {"Type": "Pass", "End": true},
    }})
}

/// The same news by a queue, a topic and a bus.
pub(super) fn announce() -> Value {
    let branch = |name: &str, resource: &str, parameters: Value| {
        json!({"StartAt": name, "States": {name: {
            "Type": "Task",
            "Resource": format!("arn:aws:states:::{resource}"),
            "Parameters": parameters,
            "ResultSelector": {"told": name},
            "End": true,
        }}})
    };
    let entry = json!({
        "Source": "torture", "DetailType": "news", "EventBusName": "default", "Detail": {"effect.$": EFFECT},
    });
    json!({"StartAt": "Tell", "States": {"Tell": {
        "Type": "Parallel",
        "Branches": [
            branch("Queue", "sqs:sendMessage", json!({"QueueUrl": EFFECTS.url(), "MessageBody.$": EFFECT})),
            branch("Topic", "sns:publish", json!({"TopicArn": TOPIC_ARN, "Message.$": EFFECT})),
            branch("Bus", "events:putEvents", json!({"Entries": [entry]})),
        ],
        "End": true,
    }}})
}
