//! Executions: started, stopped, shown, listed, and their histories.

use serde_json::{Value, json};

use crate::server::{Server, text};

const PASS: &str = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#;
const WAIT: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}}"#;
const FAIL: &str =
    r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Sad","Cause":"so it is"}}}"#;

#[tokio::test]
async fn the_same_start_again_is_the_same_execution_while_it_runs() {
    let server = Server::start().await;
    let machine = server.create("m", WAIT).await;
    let start =
        |name: &str, input: &str| json!({"stateMachineArn": machine, "name": name, "input": input});
    let first = server.ok("StartExecution", start("one", "{\"a\": 1}")).await;
    assert!(first["startDate"].is_f64(), "{first}");
    assert_eq!(server.ok("StartExecution", start("one", "{\"a\": 1}")).await, first);
    let arn = text(&first["executionArn"]);
    let exists =
        ("ExecutionAlreadyExists".to_owned(), format!("Execution Already Exists: '{arn}'"));
    for other in ["{\"a\":2}", "{}"] {
        assert_eq!(server.refused("StartExecution", start("one", other)).await, exists);
    }
    server.ok("StopExecution", json!({"executionArn": arn})).await;
    assert_eq!(server.refused("StartExecution", start("one", "{\"a\": 1}")).await, exists);
    server.ok("StartExecution", start("two", "{\"a\": 1}")).await;
}

#[tokio::test]
async fn a_start_without_name_and_input_gets_a_name_and_an_empty_object() {
    let server = Server::start().await;
    let machine = server.create("m", PASS).await;
    let request = || json!({"stateMachineArn": machine});
    let (first, second) = (
        server.ok("StartExecution", request()).await,
        server.ok("StartExecution", request()).await,
    );
    assert_ne!(first["executionArn"], second["executionArn"]);
    let ended = server.ended(&text(&first["executionArn"])).await;
    assert_eq!((&ended["input"], &ended["output"]), (&json!("{}"), &json!("{}")));
}

#[tokio::test]
async fn an_input_that_is_not_json_is_refused_in_the_words_of_aws() {
    let server = Server::start().await;
    let machine = server.create("m", PASS).await;
    for (input, reason) in [
        ("", "Invalid execution input."),
        (
            "not some json",
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        ),
        (
            "{'not': 'json'",
            "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
        ),
    ] {
        let request = json!({"stateMachineArn": machine, "input": input});
        let (name, message) = server.refused("StartExecution", request).await;
        assert_eq!(name, "InvalidExecutionInput");
        assert_eq!(message, format!("Invalid State Machine Execution Input: '{reason}'"));
    }
    let (name, message) =
        server.refused("StartExecution", json!({"stateMachineArn": machine, "name": "a b"})).await;
    assert_eq!((name.as_str(), message.as_str()), ("InvalidName", "Invalid Name: 'a b'"));
    let listed = server.ok("ListExecutions", json!({"stateMachineArn": machine})).await;
    assert_eq!(listed, json!({"executions": []}));
}

#[tokio::test]
async fn an_execution_is_shown_as_it_stands() {
    let server = Server::start().await;
    let waiting = server.create("waiting", WAIT).await;
    let arn = server.start_execution(&waiting, "one", "{ \"kept\":  1.50 }").await;
    let shown = server.ok("DescribeExecution", json!({"executionArn": arn})).await;
    assert_eq!(shown["status"], "RUNNING");
    assert_eq!(shown["input"], "{ \"kept\":  1.50 }", "byte for byte");
    assert_eq!(shown["inputDetails"], json!({"included": true}));
    for absent in ["stopDate", "output", "outputDetails", "error", "cause"] {
        assert!(shown.get(absent).is_none(), "{absent}: {shown}");
    }

    let failing = server.create("failing", FAIL).await;
    let arn = server.start_execution(&failing, "one", "{}").await;
    let shown = server.ended(&arn).await;
    assert_eq!(shown["status"], "FAILED");
    assert_eq!((&shown["error"], &shown["cause"]), (&json!("Sad"), &json!("so it is")));
    assert!(shown["stopDate"].as_f64() >= shown["startDate"].as_f64(), "{shown}");
    assert!(shown.get("output").is_none(), "{shown}");
}

#[tokio::test]
async fn a_stop_tells_when_and_why_and_the_first_counts() {
    let server = Server::start().await;
    let machine = server.create("m", WAIT).await;
    let arn = server.start_execution(&machine, "one", "{}").await;
    let stop = |error: &str| json!({"executionArn": arn, "error": error, "cause": "enough"});
    let stopped = server.ok("StopExecution", stop("First")).await;
    assert_eq!(server.ok("StopExecution", stop("Second")).await, stopped);
    let shown = server.ended(&arn).await;
    assert_eq!((&shown["status"], &shown["error"]), (&json!("ABORTED"), &json!("First")));
    assert_eq!(shown["stopDate"], stopped["stopDate"]);
}

#[tokio::test]
async fn who_is_not_there_is_named() {
    let server = Server::start().await;
    let machine = server.create("m", WAIT).await;
    let arn = server.start_execution(&machine, "one", "{}").await;
    for missing in [format!("{arn}0"), arn.replace(":m:", ":n:"), arn.replace("1111", "2222")] {
        let expected = format!("Execution Does Not Exist: '{missing}'");
        for operation in [
            "DescribeExecution",
            "DescribeStateMachineForExecution",
            "GetExecutionHistory",
            "StopExecution",
        ] {
            let (name, message) = server.refused(operation, json!({"executionArn": missing})).await;
            assert_eq!(
                (name.as_str(), &message),
                ("ExecutionDoesNotExist", &expected),
                "{operation}"
            );
        }
    }
    let express = "arn:aws:states:us-east-1:111111111111:express:m:one:two";
    let (name, message) =
        server.refused("DescribeExecution", json!({"executionArn": express})).await;
    assert_eq!(name, "InvalidArn");
    assert_eq!(message, "Invalid Arn: 'Resource type not valid in this context: express'");
}

#[tokio::test]
async fn an_execution_keeps_the_state_machine_it_started_with() {
    let server = Server::start().await;
    let machine = server.create("m", WAIT).await;
    let arn = server.start_execution(&machine, "one", "{}").await;
    server.ok("UpdateStateMachine", json!({"stateMachineArn": machine, "definition": PASS})).await;
    let shown = server.ok("DescribeStateMachineForExecution", json!({"executionArn": arn})).await;
    assert_eq!((&shown["definition"], &shown["name"]), (&json!(WAIT), &json!("m")));
    assert!(shown["updateDate"].is_f64(), "{shown}");
    assert!(shown.get("status").is_none() && shown.get("type").is_none(), "{shown}");
}

#[tokio::test]
async fn executions_are_listed_newest_first_by_status_and_page() {
    let server = Server::start().await;
    let machine = server.create("m", WAIT).await;
    for name in ["a", "b", "c", "d", "e"] {
        server.start_execution(&machine, name, "{}").await;
    }
    for name in ["b", "d"] {
        let arn = format!("{}:{name}", machine.replace(":stateMachine:", ":execution:"));
        server.ok("StopExecution", json!({"executionArn": arn})).await;
    }
    let names = async |filter: Option<&str>, limit: u32| {
        let (mut names, mut token) = (Vec::new(), Value::Null);
        loop {
            let request = json!({"stateMachineArn": machine, "statusFilter": filter,
                "maxResults": limit, "nextToken": token});
            let page = server.ok("ListExecutions", request).await;
            let items = page["executions"].as_array().unwrap();
            names.extend(items.iter().map(|item| text(&item["name"])));
            token = page["nextToken"].clone();
            if token.is_null() {
                return names.concat();
            }
        }
    };
    assert_eq!(names(None, 2).await, "edcba");
    assert_eq!(names(None, 5).await, "edcba");
    assert_eq!(names(None, 0).await, "edcba");
    assert_eq!(names(Some("RUNNING"), 1).await, "eca");
    assert_eq!(names(Some("ABORTED"), 1_000).await, "db");
    assert_eq!(names(Some("SUCCEEDED"), 1).await, "");
    let request = json!({"stateMachineArn": machine, "statusFilter": "PENDING_REDRIVE"});
    assert_eq!(server.refused("ListExecutions", request).await.0, "ValidationException");
}

/// A token belongs to the list it came from.
#[tokio::test]
async fn a_token_of_another_list_is_refused() {
    let server = Server::start().await;
    let machine = server.create("m", PASS).await;
    server.create("n", PASS).await;
    let arn = server.start_execution(&machine, "one", "{}").await;
    server.ended(&arn).await;
    let machines = server.ok("ListStateMachines", json!({"maxResults": 1})).await;
    let events =
        server.ok("GetExecutionHistory", json!({"executionArn": arn, "maxResults": 1})).await;
    for (operation, request) in [
        ("ListExecutions", json!({"stateMachineArn": machine, "nextToken": machines["nextToken"]})),
        ("GetExecutionHistory", json!({"executionArn": arn, "nextToken": machines["nextToken"]})),
        ("ListStateMachines", json!({"nextToken": events["nextToken"]})),
        ("ListExecutions", json!({"stateMachineArn": machine, "nextToken": "e1-x"})),
    ] {
        let (name, message) = server.refused(operation, request.clone()).await;
        let expected = format!("Invalid Token: '{}'", text(&request["nextToken"]));
        assert_eq!((name.as_str(), message), ("InvalidToken", expected), "{operation}");
    }
}

#[tokio::test]
async fn a_history_is_read_both_ways_in_pages() {
    let server = Server::start().await;
    let machine = server.create("m", PASS).await;
    let arn = server.start_execution(&machine, "one", "{\"a\":1}").await;
    server.ended(&arn).await;
    let ids = async |reverse: bool, limit: u32| {
        let (mut ids, mut token) = (Vec::new(), Value::Null);
        loop {
            let request = json!({"executionArn": arn, "reverseOrder": reverse,
                "maxResults": limit, "nextToken": token});
            let page = server.ok("GetExecutionHistory", request).await;
            let events = page["events"].as_array().unwrap();
            ids.extend(events.iter().map(|event| event["id"].as_i64().unwrap()));
            token = page["nextToken"].clone();
            if token.is_null() {
                return ids;
            }
        }
    };
    for limit in [0, 1, 3, 4, 1_000] {
        assert_eq!(ids(false, limit).await, [1, 2, 3, 4], "{limit}");
        assert_eq!(ids(true, limit).await, [4, 3, 2, 1], "{limit}");
    }
}

#[tokio::test]
async fn a_history_without_execution_data_has_everything_else() {
    let server = Server::start().await;
    let keeping = PASS.replace("\"End\"", "\"Assign\":{\"kept.$\":\"$.secret\"},\"End\"");
    let machine = server.create("m", &keeping).await;
    let arn = server.start_execution(&machine, "one", "{\"secret\":4711}").await;
    server.ended(&arn).await;
    let read = async |with: bool| {
        let request = json!({"executionArn": arn, "includeExecutionData": with});
        server.ok("GetExecutionHistory", request).await["events"].clone()
    };
    let (with, without) = (read(true).await, read(false).await);
    assert_eq!(with[1]["stateEnteredEventDetails"]["input"], "{\"secret\":4711}");
    assert_eq!(with[2]["stateExitedEventDetails"]["assignedVariables"], json!({"kept": "4711"}));
    assert!(!without.to_string().contains("4711"), "{without}");
    assert_eq!(without[1]["stateEnteredEventDetails"], json!({"name": "A"}));
    assert_eq!(without[2]["stateExitedEventDetails"], json!({"name": "A"}));
    for (with, without) in with.as_array().unwrap().iter().zip(without.as_array().unwrap()) {
        for member in ["id", "previousEventId", "timestamp", "type"] {
            assert_eq!(with[member], without[member]);
        }
    }

    let failing = server.create("failing", FAIL).await;
    let arn = server.start_execution(&failing, "one", "{}").await;
    server.ended(&arn).await;
    let request = json!({"executionArn": arn, "includeExecutionData": false, "reverseOrder": true});
    let last = &server.ok("GetExecutionHistory", request).await["events"][0];
    assert_eq!(last["executionFailedEventDetails"], json!({"error": "Sad", "cause": "so it is"}));
}
