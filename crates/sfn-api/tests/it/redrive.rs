//! `RedriveExecution`, and what the other operations show of a redrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_task::{TaskFailure, TaskHandler, TaskOutcome, TaskRequest, TaskRouter, Unsupported};
use tokio_util::sync::CancellationToken;

use crate::server::{Server, text};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

/// The one function: it fails until it is mended.
#[derive(Default)]
struct Frail(AtomicBool);

#[async_trait]
impl TaskHandler for Frail {
    async fn handle(&self, request: TaskRequest, _stop: CancellationToken) -> TaskOutcome {
        if self.0.load(Ordering::Relaxed) {
            return TaskOutcome::Succeeded(request.parameters);
        }
        TaskOutcome::Failed(TaskFailure { error: "Sad".to_owned(), cause: None })
    }
}

struct Router(Arc<Frail>);

impl TaskRouter for Router {
    fn route(&self, _resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        Ok(Arc::clone(&self.0) as _)
    }
}

async fn serving() -> (Server, Arc<Frail>) {
    let frail = Arc::new(Frail::default());
    (Server::serving(Arc::new(Router(Arc::clone(&frail)))).await, frail)
}

fn task() -> String {
    let task = json!({"Type": "Task", "Resource": FUNCTION, "End": true});
    json!({"StartAt": "T", "States": {"T": task}}).to_string()
}

fn map() -> String {
    let processor = json!({"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": FUNCTION, "End": true}}});
    let map = json!({"Type": "Map", "Label": "l", "ItemProcessor": processor, "End": true});
    json!({"StartAt": "M", "States": {"M": map}}).to_string()
}

#[tokio::test]
async fn requests_that_break_the_constraints_are_refused_and_change_nothing() {
    let (server, _) = serving().await;
    let machine = server.create("m", &task()).await;
    let arn = server.start_execution(&machine, "one", "{}").await;
    let before = server.ended(&arn).await;
    for (request, name, message) in [
        (json!({}), "ValidationException", "Value null at 'executionArn'"),
        (json!({"executionArn": ""}), "ValidationException", "length greater than or equal to 1"),
        (json!({"executionArn": "x"}), "InvalidArn", "Invalid Arn"),
        (json!({"executionArn": format!("{arn}x")}), "ExecutionDoesNotExist", "one"),
        (json!({"executionArn": arn, "clientToken": ""}), "ValidationException", "clientToken"),
        (
            json!({"executionArn": arn, "clientToken": "a b"}),
            "ValidationException",
            "Member must satisfy regular expression pattern: [!-~]+",
        ),
        (
            json!({"executionArn": arn, "clientToken": "x".repeat(65)}),
            "ValidationException",
            "length less than or equal to 64",
        ),
        (json!({"executionArn": 1}), "SerializationException", ""),
    ] {
        let (found, told) = server.refused("RedriveExecution", request.clone()).await;
        assert_eq!(found, name, "{request}");
        assert!(told.contains(message), "{told}");
    }
    assert_eq!(server.ended(&arn).await, before);
}

#[tokio::test]
async fn a_redrive_is_shown_with_its_count_and_date() {
    let (server, frail) = serving().await;
    let machine = server.create("m", &task()).await;
    let arn = server.start_execution(&machine, "one", "{}").await;
    let failed = server.ended(&arn).await;
    assert_eq!(
        (&failed["redriveStatus"], &failed["redriveCount"]),
        (&json!("REDRIVABLE"), &json!(0))
    );
    assert_eq!(
        (&failed["redriveDate"], &failed["redriveStatusReason"]),
        (&Value::Null, &Value::Null)
    );

    frail.0.store(true, Ordering::Relaxed);
    let request = json!({"executionArn": arn, "clientToken": "once"});
    let redriven = server.ok("RedriveExecution", request.clone()).await;
    assert!(redriven["redriveDate"].is_f64(), "{redriven}");
    let ended = server.ended(&arn).await;
    assert_eq!((&ended["status"], &ended["error"]), (&json!("SUCCEEDED"), &Value::Null));
    assert_eq!(
        (&ended["redriveCount"], &ended["redriveDate"]),
        (&json!(1), &redriven["redriveDate"])
    );
    let reason = "Execution is SUCCEEDED and cannot be redriven";
    assert_eq!(ended["redriveStatusReason"], reason);
    assert_eq!(server.ok("RedriveExecution", request).await, redriven);
    let refused = server.refused("RedriveExecution", json!({"executionArn": arn})).await;
    assert_eq!(refused, ("ExecutionNotRedrivable".to_owned(), reason.to_owned()));

    let history = server.ok("GetExecutionHistory", json!({"executionArn": arn})).await;
    let event = &history["events"][6];
    assert_eq!(
        (&event["type"], &event["previousEventId"]),
        (&json!("ExecutionRedriven"), &json!(6))
    );
    assert_eq!(event["executionRedrivenEventDetails"], json!({"redriveCount": 1}));
    for (filter, count) in [("REDRIVEN", 1), ("NOT_REDRIVEN", 0)] {
        let request = json!({"stateMachineArn": machine, "redriveFilter": filter});
        let list = server.ok("ListExecutions", request).await["executions"].clone();
        assert_eq!(list.as_array().unwrap().len(), count, "{filter}");
        if count == 1 {
            assert_eq!(list[0]["redriveDate"], redriven["redriveDate"]);
            assert_eq!(list[0]["redriveCount"], 1);
        }
    }
}

/// Each delivery of the task that redrives has the same token.
#[tokio::test]
async fn an_execution_redrives_another() {
    let server = Server::start().await;
    let fail = r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Sad"}}}"#;
    let failed = server.create("failing", fail).await;
    let failed = server.start_execution(&failed, "one", "{}").await;
    server.ended(&failed).await;
    let redrive = json!({"StartAt": "R", "States": {"R": {"Type": "Task", "End": true,
        "Resource": "arn:aws:states:::aws-sdk:sfn:redriveExecution",
        "Parameters": {"ExecutionArn.$": "$.failed"}}}});
    let machine = server.create("redriving", &redrive.to_string()).await;
    let input = json!({"failed": failed}).to_string();
    let arn = server.start_execution(&machine, "one", &input).await;
    let ended = server.ended(&arn).await;
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    assert!(text(&ended["output"]).contains("RedriveDate"), "{ended}");
    assert_eq!(server.ended(&failed).await["redriveCount"], 1);
}

#[tokio::test]
async fn a_map_run_is_shown_with_its_redrives_and_its_children_are_redriven_by_it() {
    let (server, frail) = serving().await;
    let machine = server.create("m", &map()).await;
    let arn = server.start_execution(&machine, "one", "[1, 2]").await;
    server.ended(&arn).await;
    let runs = server.ok("ListMapRuns", json!({"executionArn": arn})).await;
    let run = json!({"mapRunArn": runs["mapRuns"][0]["mapRunArn"]});
    let before = server.ok("DescribeMapRun", run.clone()).await;
    assert_eq!((&before["redriveCount"], &before["redriveDate"]), (&Value::Null, &Value::Null));
    let child = server.ok("ListExecutions", run.clone()).await["executions"][0].clone();
    let child = json!({"executionArn": child["executionArn"]});
    let described = server.ok("DescribeExecution", child.clone()).await;
    assert_eq!(described["redriveStatus"], "REDRIVABLE_BY_MAP_RUN");
    assert_eq!(server.refused("RedriveExecution", child.clone()).await.0, "ExecutionNotRedrivable");

    frail.0.store(true, Ordering::Relaxed);
    let redriven = server.ok("RedriveExecution", json!({"executionArn": arn})).await;
    assert_eq!(server.ended(&arn).await["output"], "[1,2]");
    let after = server.ok("DescribeMapRun", run.clone()).await;
    assert_eq!((&after["status"], &after["redriveCount"]), (&json!("SUCCEEDED"), &json!(1)));
    assert_eq!(after["redriveDate"], redriven["redriveDate"]);
    let described = server.ok("DescribeExecution", child).await;
    assert_eq!(
        (&described["status"], &described["redriveCount"]),
        (&json!("SUCCEEDED"), &json!(1))
    );
    let history = server.ok("GetExecutionHistory", json!({"executionArn": arn})).await;
    let events = history["events"].as_array().unwrap();
    let event = events.iter().find(|event| event["type"] == "MapRunRedriven").unwrap();
    let details = &event["mapRunRedrivenEventDetails"];
    assert_eq!(details, &json!({"mapRunArn": run["mapRunArn"], "redriveCount": 1}));
    let mut pending = run;
    pending["statusFilter"] = json!("PENDING_REDRIVE");
    let pending = server.ok("ListExecutions", pending).await;
    assert_eq!(pending["executions"], json!([]));
    assert!(text(&after["mapRunArn"]).contains("/l:"));
}
