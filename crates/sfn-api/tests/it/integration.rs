//! Step Functions as a service of Task states, activities and task tokens, over HTTP.

use serde_json::{Value, json};

use crate::server::{Server, text};

const CHILD: &str =
    r#"{"StartAt":"P","States":{"P":{"Type":"Pass","Result":{"Arg1":"argument1"},"End":true}}}"#;
const FAILS: &str = r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Sad","Cause":"so"}}}"#;
const WAITS: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}"#;

/// A machine of one task.
fn task(resource: &str, parameters: &Value) -> String {
    let task = json!({"Type": "Task", "Resource": resource, "Parameters": parameters, "End": true});
    json!({"StartAt": "T", "States": {"T": task}}).to_string()
}

/// `states:startExecution` with the suffix of a pattern.
fn nested(pattern: &str, parameters: &Value) -> String {
    task(&format!("arn:aws:states:::states:startExecution{pattern}"), parameters)
}

async fn start(server: &Server, machine: &str) -> String {
    let started = server.ok("StartExecution", json!({"stateMachineArn": machine})).await;
    text(&started["executionArn"])
}

/// Runs a definition and gives the execution as it ended.
async fn run(server: &Server, name: &str, definition: &str) -> Value {
    let machine = server.create(name, definition).await;
    let arn = start(server, &machine).await;
    server.ended(&arn).await
}

fn output(ended: &Value) -> Value {
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    serde_json::from_str(&text(&ended["output"])).unwrap()
}

async fn history(server: &Server, arn: &Value) -> Vec<Value> {
    let history = server.ok("GetExecutionHistory", json!({"executionArn": arn})).await;
    history["events"].as_array().unwrap().clone()
}

/// The details of the first event of a type, once it is there.
async fn event(server: &Server, arn: &str, kind: &str) -> Value {
    for _ in 0..2_000 {
        let events = history(server, &json!(arn)).await;
        if let Some(found) = events.into_iter().find(|event| event["type"] == kind) {
            return found;
        }
        tokio::task::yield_now().await;
    }
    panic!("no {kind}");
}

#[tokio::test]
async fn a_name_that_is_taken_and_a_machine_that_is_not_there_fail_as_of_aws() {
    let server = Server::start().await;
    let child = server.create("child", CHILD).await;
    server
        .ok("StartExecution", json!({"stateMachineArn": child, "name": "taken", "input": "1"}))
        .await;
    let parameters = json!({"StateMachineArn": child, "Name": "taken"});
    let ended = run(&server, "parent", &nested(".sync", &parameters)).await;
    assert_eq!(ended["error"], "StepFunctions.ExecutionAlreadyExistsException");
    let cause = text(&ended["cause"]);
    assert!(cause.starts_with("Execution Already Exists: 'arn:"), "{cause}");
    assert!(cause.contains("(Service: AWSStepFunctions; Status Code: 400;"), "{cause}");

    let missing = child.replace("child", "none");
    let sdk =
        task("arn:aws:states:::aws-sdk:sfn:startExecution", &json!({"StateMachineArn": missing}));
    let ended = run(&server, "sdk", &sdk).await;
    assert_eq!(ended["error"], "Sfn.StateMachineDoesNotExistException");
    let cause = text(&ended["cause"]);
    assert!(cause.ends_with(") (SDK Attempt Count: 1)"), "{cause}");
}

#[tokio::test]
async fn what_aws_does_not_have_is_refused_with_the_definition() {
    let server = Server::start().await;
    for resource in ["aws-sdk:sfn:fly", "aws-sdk:sfn:startExecution.sync", "other:startExecution"] {
        let definition = task(&format!("arn:aws:states:::{resource}"), &json!({}));
        let request =
            json!({"name": "m", "definition": definition, "roleArn": crate::server::ROLE});
        assert_eq!(server.refused("CreateStateMachine", request).await.0, "InvalidDefinition");
    }
}

#[tokio::test]
async fn an_execution_starts_another_and_tells_of_the_response() {
    let server = Server::start().await;
    let child = server.create("child", CHILD).await;
    let parameters = json!({"StateMachineArn": child, "Input": {"a": 1}, "Name": "c"});
    let result = output(&run(&server, "parent", &nested("", &parameters)).await);
    let arn = "arn:aws:states:us-east-1:111111111111:execution:child:c";
    assert_eq!(result["ExecutionArn"], arn);
    assert!(result["StartDate"].is_i64());
    assert_eq!(result["SdkHttpMetadata"]["HttpStatusCode"], 200);
    assert_eq!(server.ended(arn).await["input"], r#"{"a":1}"#);
}

#[tokio::test]
async fn an_execution_waits_for_the_one_that_it_started() {
    let server = Server::start().await;
    let child = server.create("child", CHILD).await;
    let parameters = json!({"StateMachineArn": child, "Input": null, "Name": null});
    let ended = run(&server, "sync", &nested(".sync", &parameters)).await;
    let result = output(&ended);
    assert_eq!((&result["Input"], &result["Status"]), (&json!("{}"), &json!("SUCCEEDED")));
    assert_eq!(result["Output"], r#"{"Arg1":"argument1"}"#);
    let types: Vec<Value> = history(&server, &ended["executionArn"]).await;
    let types: Vec<&Value> = types.iter().map(|event| &event["type"]).collect();
    assert_eq!(types[2..6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]);

    let result = output(&run(&server, "sync2", &nested(".sync:2", &parameters)).await);
    assert_eq!(result["Output"], json!({"Arg1": "argument1"}));
}

#[tokio::test]
async fn a_started_execution_that_fails_fails_the_task_with_what_is_told_of_it() {
    let server = Server::start().await;
    let child = server.create("child", FAILS).await;
    let parent = nested(".sync:2", &json!({"StateMachineArn": child}));
    let ended = run(&server, "parent", &parent).await;
    assert_eq!(ended["error"], "States.TaskFailed");
    let cause: Value = serde_json::from_str(&text(&ended["cause"])).unwrap();
    assert_eq!((&cause["Status"], &cause["Error"]), (&json!("FAILED"), &json!("Sad")));
}

#[tokio::test]
async fn a_started_execution_is_stopped_with_the_one_that_waits_for_it() {
    let server = Server::start().await;
    let child = server.create("child", WAITS).await;
    let parent = nested(".sync", &json!({"StateMachineArn": child, "Name": "c"}));
    let machine = server.create("parent", &parent).await;
    let arn = start(&server, &machine).await;
    event(&server, &arn, "TaskSubmitted").await;
    server.ok("StopExecution", json!({"executionArn": arn})).await;
    let child = "arn:aws:states:us-east-1:111111111111:execution:child:c";
    assert_eq!(server.ended(child).await["status"], "ABORTED");
}

#[tokio::test]
async fn a_callback_ends_with_its_token() {
    let server = Server::start().await;
    let parameters = json!({"Token.$": "$$.Task.Token"});
    let definition = task("arn:aws:states:::test:echo.waitForTaskToken", &parameters);
    let machine = server.create("m", &definition).await;
    let arn = start(&server, &machine).await;
    let submitted = event(&server, &arn, "TaskSubmitted").await;
    let details = text(&submitted["taskSubmittedEventDetails"]["output"]);
    let token = serde_json::from_str::<Value>(&details).unwrap()["Token"].take();

    let invalid = ("InvalidToken".to_owned(), "Invalid Token: 'Invalid token'".to_owned());
    let request = json!({"taskToken": "NoSuchTaskToken", "output": "1"});
    assert_eq!(server.refused("SendTaskSuccess", request).await, invalid);
    let request = json!({"taskToken": token, "output": "{"});
    assert_eq!(server.refused("SendTaskSuccess", request).await.0, "InvalidOutput");
    assert_eq!(server.refused("SendTaskSuccess", json!({})).await.0, "ValidationException");

    server.ok("SendTaskHeartbeat", json!({"taskToken": token})).await;
    let failure = json!({"taskToken": token, "error": "E", "cause": "c"});
    server.ok("SendTaskFailure", failure.clone()).await;
    let ended = server.ended(&arn).await;
    assert_eq!((&ended["error"], &ended["cause"]), (&json!("E"), &json!("c")));
    let over = (
        "TaskTimedOut".to_owned(),
        "Task Timed Out: 'Provided task does not exist anymore'".to_owned(),
    );
    assert_eq!(server.refused("SendTaskFailure", failure).await, over);
}

#[tokio::test]
async fn an_execution_can_be_the_worker_of_an_activity() {
    let server = Server::start().await;
    let activity = server.ok("CreateActivity", json!({"name": "mow"})).await["activityArn"].take();
    let asks = json!({"ActivityArn": activity, "WorkerName": "w"});
    let answers = json!({"Output.$": "$.Input", "TaskToken.$": "$.TaskToken"});
    let sdk = |action: &str, parameters: &Value| {
        json!({"Type": "Task", "Resource": format!("arn:aws:states:::aws-sdk:sfn:{action}"),
               "Parameters": parameters})
    };
    let (mut get, mut send) = (sdk("getActivityTask", &asks), sdk("sendTaskSuccess", &answers));
    get["Next"] = json!("Send");
    send["End"] = json!(true);
    let worker = json!({"StartAt": "Get", "States": {"Get": get, "Send": send}}).to_string();
    let worker = server.create("worker", &worker).await;
    start(&server, &worker).await;

    let definition = json!({"StartAt": "T", "States": {
        "T": {"Type": "Task", "Resource": activity, "End": true}}});
    let machine = server.create("m", &definition.to_string()).await;
    let request = json!({"stateMachineArn": machine, "input": "{\"Value1\":\"HelloWorld\"}"});
    let arn = text(&server.ok("StartExecution", request).await["executionArn"]);
    assert_eq!(output(&server.ended(&arn).await), json!({"Value1": "HelloWorld"}));
    let started = event(&server, &arn, "ActivityStarted").await;
    assert_eq!(started["activityStartedEventDetails"], json!({"workerName": "w"}));
}

#[tokio::test]
async fn what_is_asked_of_an_activity_that_is_not_there_is_refused() {
    let server = Server::start().await;
    let arn = "arn:aws:states:us-east-1:111111111111:activity:none";
    let missing = ("ActivityDoesNotExist".to_owned(), format!("Activity Does Not Exist: '{arn}'"));
    for operation in ["DescribeActivity", "GetActivityTask"] {
        assert_eq!(server.refused(operation, json!({"activityArn": arn})).await, missing);
    }
    let other = arn.replace("activity", "execution");
    let refused = server.refused("GetActivityTask", json!({"activityArn": other})).await;
    assert_eq!(refused.0, "InvalidArn");
}
