//! Express state machines and execution logs over the API.

use serde_json::{Value, json};

use crate::server::{ACCOUNT, ROLE, Server, text};

const PASS: &str =
    r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": 1, "End": true}}}"#;

async fn create_express(server: &Server, name: &str, definition: &str) -> String {
    let request =
        json!({"name": name, "definition": definition, "roleArn": ROLE, "type": "EXPRESS"});
    text(&server.ok("CreateStateMachine", request).await["stateMachineArn"])
}

/// A machine of one task of Step Functions.
fn calls(resource: &str, parameters: &Value) -> String {
    json!({"StartAt": "A", "States": {"A": {"Type": "Task", "End": true, "Parameters": parameters,
        "Resource": format!("arn:aws:states:::{resource}")}}})
    .to_string()
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_all_at_once() {
    let server = Server::start().await;
    let request = json!({"name": "", "traceHeader": "\u{e4}", "includedData": "SOME"});
    let (name, message) = server.refused("StartSyncExecution", request).await;
    assert_eq!(name, "ValidationException");
    assert!(message.starts_with("4 validation errors detected: "), "{message}");
    for part in ["'stateMachineArn'", "'name'", r"\p{ASCII}*", "[ALL_DATA, METADATA_ONLY]"] {
        assert!(message.contains(part), "{message}");
    }
    let missing = format!("arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:none");
    let request = json!({"stateMachineArn": missing});
    let (name, message) = server.refused("StartSyncExecution", request).await;
    assert_eq!(name, "StateMachineDoesNotExist");
    assert_eq!(message, format!("State Machine Does Not Exist: '{missing}'"));
}

#[tokio::test]
async fn a_response_shows_what_was_asked_for() {
    let server = Server::start().await;
    let machine = create_express(&server, "m", PASS).await;
    let listed = server.ok("ListStateMachines", json!({})).await;
    assert_eq!(listed["stateMachines"][0]["type"], "EXPRESS");
    let mut request = json!({"stateMachineArn": machine, "name": "one", "traceHeader": "Root=1-a"});
    let response = server.ok("StartSyncExecution", request.clone()).await;
    assert_eq!((&response["output"], &response["traceHeader"]), (&json!("1"), &json!("Root=1-a")));
    assert_eq!(
        response["billingDetails"]["billedDurationInMilliseconds"].as_u64().unwrap() % 100,
        0
    );
    request["includedData"] = json!("METADATA_ONLY");
    let response = server.ok("StartSyncExecution", request).await;
    assert_eq!((&response["output"], &response["input"]), (&Value::Null, &Value::Null));
    assert_eq!(response["status"], "SUCCEEDED");
}

#[tokio::test]
async fn an_express_child_can_be_started_but_not_waited_for_as_a_job() {
    let server = Server::start().await;
    let child = create_express(&server, "child", PASS).await;
    let parameters = json!({"StateMachineArn": child, "Input": {}});
    for (number, (resource, status)) in [
        ("states:startExecution", "SUCCEEDED"),
        ("states:startExecution.sync:2", "FAILED"),
        ("aws-sdk:sfn:startSyncExecution", "SUCCEEDED"),
    ]
    .into_iter()
    .enumerate()
    {
        let machine = server.create(&format!("m{number}"), &calls(resource, &parameters)).await;
        let arn = server.start_execution(&machine, "one", "{}").await;
        let ended = server.ended(&arn).await;
        assert_eq!(ended["status"], status, "{resource}: {ended}");
        if status == "FAILED" {
            assert_eq!(ended["error"], "StepFunctions.StateMachineTypeNotSupportedException");
        } else {
            let output: Value = serde_json::from_str(&text(&ended["output"])).unwrap();
            assert!(text(&output["ExecutionArn"]).contains(":express:child:"), "{output}");
        }
    }
}

#[tokio::test]
async fn a_log_group_must_be_there_and_an_execution_does_not_mind_if_it_goes() {
    let server = Server::start().await;
    let create = |arn: &str, name: &str| {
        json!({"name": name, "definition": PASS, "roleArn": ROLE, "loggingConfiguration": {
            "level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]}})
    };
    let group = format!("arn:aws:logs:us-east-1:{ACCOUNT}:log-group:g");
    server.logs("CreateLogGroup", json!({"logGroupName": "g"})).await;
    for arn in [group.clone(), format!("{group}2:*"), group.replace(ACCOUNT, "222222222222") + ":*"]
    {
        let (name, message) = server.refused("CreateStateMachine", create(&arn, "m")).await;
        assert_eq!(name, "InvalidLoggingConfiguration", "{arn}");
        assert_eq!(message, "Invalid Logging Configuration: Log Destination not found.");
    }
    let machine = server.ok("CreateStateMachine", create(&format!("{group}:*"), "m")).await;
    let machine = text(&machine["stateMachineArn"]);
    let logged = server.start_execution(&machine, "one", "{}").await;
    server.ended(&logged).await;
    let records = server.log_records("g", |records| records.len() == 4).await;
    assert_eq!(records[0]["type"], "ExecutionStarted");
    assert_eq!(records[0]["details"], json!({"roleArn": ROLE}));
    let streams = server.logs("DescribeLogStreams", json!({"logGroupName": "g"})).await;
    let stream = text(&streams["logStreams"][0]["logStreamName"]);
    assert!(stream.starts_with("states/m/20"), "{stream}");

    server.logs("DeleteLogGroup", json!({"logGroupName": "g"})).await;
    let other = server.start_execution(&machine, "two", "{}").await;
    assert_eq!(server.ended(&other).await["status"], "SUCCEEDED");
    let mut update = json!({"stateMachineArn": machine});
    update["loggingConfiguration"] =
        create(&format!("{group}:*"), "m")["loggingConfiguration"].take();
    let (name, _) = server.refused("UpdateStateMachine", update).await;
    assert_eq!(name, "InvalidLoggingConfiguration");
}

#[tokio::test]
async fn each_level_logs_what_the_table_of_aws_says() {
    let server = Server::start().await;
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Parallel", "Next": "C", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}],
            "Branches": [
                {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": true}}},
                {"StartAt": "B", "States": {"B": {"Type": "Fail", "Error": "Bad"}}}]},
        "C": {"Type": "Fail", "Error": "Worse"}}});
    for (level, types) in [
        ("FATAL", vec!["ExecutionFailed"]),
        (
            "ERROR",
            vec![
                "FailStateEntered",
                "WaitStateAborted",
                "ParallelStateFailed",
                "FailStateEntered",
                "ExecutionFailed",
            ],
        ),
    ] {
        server.logs("CreateLogGroup", json!({"logGroupName": level})).await;
        let arn = format!("arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{level}:*");
        let request = json!({"name": level, "definition": definition.to_string(), "roleArn": ROLE,
            "type": "EXPRESS", "loggingConfiguration": {"level": level, "destinations": [
                {"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]}});
        let machine = text(&server.ok("CreateStateMachine", request).await["stateMachineArn"]);
        server.ok("StartSyncExecution", json!({"stateMachineArn": machine})).await;
        let records = server.log_records(level, |records| records.len() >= types.len()).await;
        let logged: Vec<String> = records.iter().map(|record| text(&record["type"])).collect();
        assert_eq!(logged, types, "{level}");
    }
}
