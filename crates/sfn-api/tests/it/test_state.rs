//! `TestState` beyond what is recorded: tasks that are really done, and what is refused.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_task::{TaskFailure, TaskHandler, TaskOutcome, TaskRequest, TaskRouter, Unsupported};
use tokio_util::sync::CancellationToken;

use crate::server::{ROLE, Server, text};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:any";

/// Does every Lambda function: gives its input back, or fails as the input says.
struct Echo;

#[async_trait]
impl TaskHandler for Echo {
    async fn handle(&self, request: TaskRequest, _stop: CancellationToken) -> TaskOutcome {
        assert!(request.parameters["panic"].is_null(), "as the input says");
        match request.parameters["fail"].as_str() {
            Some(error) => {
                TaskOutcome::Failed(TaskFailure { error: error.to_owned(), cause: None })
            }
            None => TaskOutcome::Succeeded(request.parameters),
        }
    }
}

struct Functions;

impl TaskRouter for Functions {
    fn route(&self, resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        if resource == FUNCTION {
            return Ok(Arc::new(Echo));
        }
        let reason = "there is one function here".to_owned();
        Err(Unsupported { resource: resource.to_owned(), reason })
    }
}

async fn server() -> Server {
    Server::serving(Arc::new(Functions)).await
}

/// A request with a state and more members.
fn request(state: &Value, more: &Value) -> Value {
    let mut request = json!({"definition": state.to_string(), "roleArn": ROLE});
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

fn decoded(value: &Value) -> Value {
    serde_json::from_str(&text(value)).unwrap()
}

#[tokio::test]
async fn a_task_without_a_mock_is_done() {
    let server = server().await;
    let state = json!({
        "Type": "Task", "Resource": FUNCTION, "Parameters": {"x.$": "$.y"}, "ResultPath": "$.z", "Next": "After"
    });
    let more = json!({"input": r#"{"y":1}"#, "inspectionLevel": "TRACE"});
    let answer = server.ok("TestState", request(&state, &more)).await;
    assert_eq!(answer["status"], "SUCCEEDED");
    assert_eq!(answer["nextState"], "After");
    assert_eq!(decoded(&answer["output"]), json!({"y": 1, "z": {"x": 1}}));
    assert_eq!(decoded(&answer["inspectionData"]["result"]), json!({"x": 1}));
    assert_eq!(answer["inspectionData"]["input"], r#"{"y":1}"#);
}

#[tokio::test]
async fn the_failure_of_a_task_goes_to_retriers_and_catchers() {
    let server = server().await;
    let state = json!({
        "Type": "Task", "Resource": FUNCTION, "End": true,
        "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 1, "IntervalSeconds": 7}],
        "Catch": [{"ErrorEquals": ["Other"], "Next": "A"}, {"ErrorEquals": ["States.ALL"], "Next": "B"}]
    });
    let failing = |count: u64| {
        json!({
            "input": r#"{"fail": "Busy"}"#, "inspectionLevel": "DEBUG",
            "stateConfiguration": {"retrierRetryCount": count}
        })
    };
    let answer = server.ok("TestState", request(&state, &failing(0))).await;
    assert_eq!((&answer["status"], &answer["error"]), (&json!("RETRIABLE"), &json!("Busy")));
    let details = &answer["inspectionData"]["errorDetails"];
    assert_eq!(*details, json!({"retryIndex": 0, "retryBackoffIntervalSeconds": 7}));
    let answer = server.ok("TestState", request(&state, &failing(1))).await;
    assert_eq!((&answer["status"], &answer["nextState"]), (&json!("CAUGHT_ERROR"), &json!("B")));
    let details = &answer["inspectionData"]["errorDetails"];
    assert_eq!(*details, json!({"retryIndex": 0, "catchIndex": 1}));
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_task_alone() {
    let server = server().await;
    let state = json!({"Type": "Task", "Resource": FUNCTION, "End": true});
    let answer =
        server.ok("TestState", request(&state, &json!({"input": r#"{"panic": 1}"#}))).await;
    assert_eq!(
        (&answer["status"], &answer["error"]),
        (&json!("FAILED"), &json!("States.TaskFailed"))
    );
    server.ok("TestState", request(&state, &json!({}))).await;
}

#[tokio::test]
async fn what_nothing_here_does_is_refused_by_name() {
    let server = server().await;
    let state =
        json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true});
    let (name, message) = server.refused("TestState", request(&state, &json!({}))).await;
    assert_eq!(name, "InvalidDefinition");
    assert!(message.contains("arn:aws:states:::sqs:sendMessage"), "{message}");
}

#[tokio::test]
async fn what_cannot_be_evaluated_fails_without_a_place() {
    let server = server().await;
    let state = json!({"Type": "Pass", "InputPath": "$.none", "End": true});
    let answer =
        server.ok("TestState", request(&state, &json!({"inspectionLevel": "DEBUG"}))).await;
    assert_eq!((&answer["status"], &answer["error"]), (&json!("FAILED"), &json!("States.Runtime")));
    assert!(text(&answer["cause"]).starts_with("Invalid path '$.none'"), "{answer}");
    assert_eq!(answer["inspectionData"], json!({"input": "{}"}));
}

#[tokio::test]
async fn a_wait_is_left_at_once_and_its_variables_are_shown() {
    let server = server().await;
    let state = json!({"Type": "Wait", "Seconds": 3600, "Assign": {"b.$": "$.x"}, "Next": "Later"});
    let more = json!({
        "input": r#"{"x": 2}"#, "variables": r#"{"a": 1}"#, "inspectionLevel": "DEBUG"
    });
    let answer = server.ok("TestState", request(&state, &more)).await;
    assert_eq!((&answer["status"], &answer["nextState"]), (&json!("SUCCEEDED"), &json!("Later")));
    assert_eq!(decoded(&answer["inspectionData"]["variables"]), json!({"a": 1, "b": 2}));
}

#[tokio::test]
async fn the_items_that_iterations_get_are_shown() {
    let server = server().await;
    let state = json!({
        "Type": "Map", "ItemsPath": "$.n", "MaxConcurrency": 2, "End": true,
        "ItemSelector": {"item.$": "$$.Map.Item.Value", "of.$": "$.all"},
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}
    });
    let more = json!({
        "input": r#"{"n": [5, 6], "all": 2}"#, "mock": {"result": "[1, 2]"}, "inspectionLevel": "DEBUG"
    });
    let answer = server.ok("TestState", request(&state, &more)).await;
    let shown = &answer["inspectionData"];
    let selected = json!([{"item": 5, "of": 2}, {"item": 6, "of": 2}]);
    assert_eq!(decoded(&shown["afterItemSelector"]), selected);
    assert_eq!(shown["maxConcurrency"], 2);
    assert_eq!(shown["afterItemsPath"], "[5, 6]");
}

#[tokio::test]
async fn a_percentage_of_failed_iterations_is_of_the_items_that_were_read() {
    let server = server().await;
    let state = json!({
        "Type": "Map", "End": true, "ToleratedFailurePercentage": 50,
        "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket": "b", "Key": "k"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}
    });
    let with = |failed: u64| {
        json!({
            "mock": {"result": "[1]"},
            "stateConfiguration": {"mapIterationFailureCount": failed, "mapItemReaderData": "[1, 2, 3, 4]"}
        })
    };
    let answer = server.ok("TestState", request(&state, &with(2))).await;
    assert_eq!(answer["status"], "SUCCEEDED");
    let answer = server.ok("TestState", request(&state, &with(3))).await;
    assert_eq!(answer["error"], "States.ExceedToleratedFailureThreshold");
}

#[tokio::test]
async fn requests_that_mean_nothing_are_refused() {
    let server = server().await;
    let task = json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true});
    let pass = json!({"Type": "Pass", "End": true});
    let map = json!({
        "Type": "Map", "End": true,
        "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}
    });
    let result = json!({"result": "{}"});
    let array = json!({"result": "[]"});
    for (state, more, expected) in [
        (&task, json!({"mock": {}}), "should have only one of the following fields"),
        (&task, json!({"mock": {"result": "{}", "errorOutput": {"error": "E"}}}), "only one of"),
        (&task, json!({"mock": {"errorOutput": {"cause": "c"}}}), "errorOutput.error is required"),
        (
            &task,
            json!({"mock": {"result": "{}", "fieldValidationMode": "LAX"}}),
            "'mock.fieldValidationMode'",
        ),
        (&task, json!({"context": "{}"}), "Context can only be specified when a mock"),
        (&task, json!({"mock": result, "context": "[]"}), "Invalid Context object provided"),
        (&task, json!({"mock": result, "context": r#"{"State": 1}"#}), "State must be an object"),
        (&task, json!({"revealSecrets": true}), "'revealSecrets'"),
        (&task, json!({"inspectionLevel": "ALL"}), "enum value set: [INFO, DEBUG, TRACE]"),
        (&pass, json!({"variables": "[]"}), "Variables must be a valid JSON object"),
        (
            &pass,
            json!({"stateConfiguration": {"retrierRetryCount": -1}}),
            "greater than or equal to 0",
        ),
        (&pass, json!({"stateConfiguration": {"errorCausedByState": "P"}}), "errorCausedByState"),
        (
            &pass,
            json!({"stateConfiguration": {"mapIterationFailureCount": 1}}),
            "mapIterationFailureCount",
        ),
        (&map, json!({}), "State type 'Map' is not supported when a mock is not specified"),
        (&map, json!({"mock": result}), "Mocked result must be an array."),
        (&map, json!({"mock": array, "stateConfiguration": {"errorCausedByState": "Q"}}), "'Q'"),
        (
            &map,
            json!({"mock": array, "stateConfiguration": {"mapItemReaderData": "[]"}}),
            "mapItemReaderData",
        ),
    ] {
        let (name, message) = server.refused("TestState", request(state, &more)).await;
        assert_eq!(name, "ValidationException", "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn a_state_that_is_not_there_and_data_that_is_none_are_refused() {
    let server = server().await;
    let pass = json!({"Type": "Pass", "End": true});
    let machine = json!({"StartAt": "A", "States": {"A": pass}});
    let (name, message) =
        server.refused("TestState", request(&machine, &json!({"stateName": "B"}))).await;
    assert_eq!((name.as_str(), message.contains("'B'")), ("ValidationException", true));
    let (name, _) = server.refused("TestState", request(&pass, &json!({"input": "{"}))).await;
    assert_eq!(name, "InvalidExecutionInput");
    for definition in ["", "{", "[]"] {
        let (name, _) = server.refused("TestState", json!({"definition": definition})).await;
        assert!(["InvalidDefinition", "ValidationException"].contains(&name.as_str()), "{name}");
    }
}

#[tokio::test]
async fn a_mock_of_an_unknown_model_is_refused_unless_nobody_looks() {
    let server = server().await;
    let state =
        json!({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:unheard:of", "End": true});
    let mock = json!({"mock": {"result": "{}"}});
    let (_, message) = server.refused("TestState", request(&state, &mock)).await;
    assert!(message.contains("'aws-sdk:unheard:of'"), "{message}");
    let mock = json!({"mock": {"result": r#"{"a": 1}"#, "fieldValidationMode": "NONE"}});
    let answer = server.ok("TestState", request(&state, &mock)).await;
    assert_eq!(answer["output"], r#"{"a": 1}"#);
}
