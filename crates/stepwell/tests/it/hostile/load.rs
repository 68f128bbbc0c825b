//! Executions that go on whatever else happens, each checked to its end.

use std::sync::atomic::Ordering;

use rusqlite::Connection;
use serde_json::{Value, json};

use super::Target;
use crate::support::{Project, poll};

/// A state machine whose task leaves a trace for each delivery.
pub(super) fn create(target: &Target) -> Value {
    let task = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "stepwell-test-append", "Payload.$": "$"},
        "ResultSelector": {"value.$": "States.MathAdd($.Payload.value, 1)"},
        "End": true,
    });
    let start = json!({"Type": "Pass", "Next": "Work"});
    let definition = json!({"StartAt": "Begin", "States": {"Begin": start, "Work": task}});
    let role = "arn:aws:iam::000000000000:role/any";
    let request = json!({"name": "load", "definition": definition.to_string(), "roleArn": role});
    target.ok("CreateStateMachine", &request)["stateMachineArn"].clone()
}

/// Runs so many, one after the other.
pub(super) fn run(target: &Target, machine: &Value, count: u64) {
    for number in 0..count {
        let input = json!({ "value": number }).to_string();
        let started =
            target.ok("StartExecution", &json!({"stateMachineArn": machine, "input": input}));
        let arn = &started["executionArn"];
        let shown = poll("the end of an execution", || {
            let shown = target.ok("DescribeExecution", &json!({ "executionArn": arn }));
            (shown["status"] != "RUNNING").then_some(shown)
        });
        let output = json!({ "value": number + 1 }).to_string();
        assert_eq!((&shown["status"], &shown["output"]), (&json!("SUCCEEDED"), &json!(output)));
        target.checked.fetch_add(1, Ordering::Relaxed);
    }
}

/// Until all is over.
pub(super) fn go_on(target: &Target, machine: &Value) {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !target.is_over.load(Ordering::Relaxed) {
                    run(target, machine, 5);
                }
            });
        }
    });
}

/// How many tasks left their trace, each delivered once.
pub(super) fn effects(project: &Project) -> u64 {
    let effects = Connection::open(project.path().join("effects.db")).unwrap();
    let sql = "SELECT count(*) FROM effects WHERE deliveries = 1";
    effects.query_row(sql, [], |row| row.get(0)).unwrap()
}
