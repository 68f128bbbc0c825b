//! The operations on Map runs.

use serde_json::json;

use crate::server::Server;

const MAP_RUN: &str =
    "arn:aws:states:us-east-1:111111111111:mapRun:m/l:00000000-0000-4000-8000-000000000000";

const MAP: &str = r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "Label": "l", "End": true,
    "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}}"#;

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let server = Server::start().await;
    for operation in ["DescribeMapRun", "UpdateMapRun"] {
        let (name, _) = server.refused(operation, json!({"mapRunArn": MAP_RUN})).await;
        assert_eq!(name, "ResourceNotFound", "{operation}");
        let (name, _) = server.refused(operation, json!({"mapRunArn": "x"})).await;
        assert_eq!(name, "InvalidArn", "{operation}");
        let (name, message) = server.refused(operation, json!({})).await;
        assert_eq!(name, "ValidationException", "{operation}");
        assert!(message.contains("Value null at 'mapRunArn'"), "{message}");
    }
    let wrong = json!({"mapRunArn": MAP_RUN, "toleratedFailurePercentage": 100.5});
    let (_, message) = server.refused("UpdateMapRun", wrong).await;
    assert!(message.contains("less than or equal to 100"), "{message}");
    let execution = "arn:aws:states:us-east-1:111111111111:execution:m:none";
    let (name, _) = server.refused("ListMapRuns", json!({"executionArn": execution})).await;
    assert_eq!(name, "ExecutionDoesNotExist");
    let both = json!({"mapRunArn": MAP_RUN, "stateMachineArn": "arn"});
    let (name, _) = server.refused("ListExecutions", both).await;
    assert_eq!(name, "ValidationException");
}

#[tokio::test]
async fn map_runs_and_their_children_come_page_by_page() {
    let server = Server::start().await;
    let machine = server.create("m", MAP).await;
    let arn = server.start_execution(&machine, "one", "[1, 2, 3]").await;
    server.ended(&arn).await;
    let runs = server.ok("ListMapRuns", json!({"executionArn": arn})).await;
    let run = &runs["mapRuns"][0]["mapRunArn"];
    let request = json!({"mapRunArn": run, "maxResults": 2});
    let first = server.ok("ListExecutions", request.clone()).await;
    assert_eq!(first["executions"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&first["executions"][0]["itemCount"], &first["executions"][0]["mapRunArn"]),
        (&json!(1), run)
    );
    let mut request = request;
    request["nextToken"] = first["nextToken"].clone();
    let second = server.ok("ListExecutions", request).await;
    assert_eq!(second["executions"].as_array().unwrap().len(), 1);
    assert_eq!(second["nextToken"], json!(null));
    let child = json!({"executionArn": second["executions"][0]["executionArn"]});
    let child = server.ok("DescribeExecution", child).await;
    assert_eq!((&child["output"], &child["mapRunArn"]), (&json!("1"), run));
    let machine = json!({"executionArn": child["executionArn"]});
    let machine = server.ok("DescribeStateMachineForExecution", machine).await;
    assert_eq!((&machine["mapRunArn"], &machine["label"]), (run, &json!("l")));
    assert_eq!(machine["stateMachineArn"], child["stateMachineArn"]);
    assert!(machine["definition"].as_str().unwrap().contains(r#""StartAt":"P""#), "{machine}");
    let machine = server.ok("DescribeStateMachineForExecution", json!({"executionArn": arn})).await;
    assert_eq!((&machine["mapRunArn"], &machine["definition"]), (&json!(null), &json!(MAP)));
    let (name, message) = server.refused("UpdateMapRun", json!({"mapRunArn": run})).await;
    assert_eq!(name, "ValidationException", "{message}");
}

/// Three items, of which the second fails and the third is not started.
#[tokio::test]
async fn a_map_run_that_fails_writes_what_it_has_and_what_it_did_not_start() {
    let server = Server::start().await;
    let states = json!({"C": {"Type": "Choice", "Default": "P", "Choices": [
            {"Variable": "$.n", "NumericEquals": 0, "Next": "F"}]},
        "P": {"Type": "Pass", "End": true}, "F": {"Type": "Fail", "Error": "Zero"}});
    let definition = json!({"StartAt": "M", "States": {"M": {
        "Type": "Map", "MaxConcurrency": 1, "End": true,
        "ItemSelector": {"n.$": "$$.Map.Item.Value"},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject",
            "Parameters": {"Bucket": "results", "Prefix": "r"}},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "C", "States": states}}}});
    let machine = server.create("m", &definition.to_string()).await;
    let arn = server.start_execution(&machine, "one", "[1, 0, 2]").await;
    let ended = server.ended(&arn).await;
    assert_eq!(ended["error"], "States.ExceedToleratedFailureThreshold");
    let runs = server.ok("ListMapRuns", json!({"executionArn": arn})).await;
    let run = runs["mapRuns"][0]["mapRunArn"].as_str().unwrap();
    let folder = format!("r/{}", run.rsplit(':').next().unwrap());
    let object = |name: &str| -> serde_json::Value {
        serde_json::from_str(&server.object("results", &format!("{folder}/{name}"))).unwrap()
    };
    let files = &object("manifest.json")["ResultFiles"];
    for kind in ["SUCCEEDED", "FAILED", "PENDING"] {
        assert_eq!(files[kind][0]["Key"], format!("{folder}/{kind}_0.json"));
        assert_eq!(object(&format!("{kind}_0.json")).as_array().unwrap().len(), 1);
    }
    assert_eq!(object("SUCCEEDED_0.json")[0]["Output"], r#"{"n":1}"#);
    assert_eq!(object("FAILED_0.json")[0]["Error"], "Zero");
    assert_eq!(object("PENDING_0.json")[0]["Input"], r#"{"n":2}"#);
}
