//! Map runs: their children, their results, and what a restart makes of them.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_engine::kernel::MapRunChange;
use stepwell_engine::{ExecutionFilter, Page, Status, TaskReport};

use crate::rig::{Engine, Rig, function};

/// A Distributed Map that runs these states for each item.
fn distributed(fields: &Value, states: &Value) -> Value {
    let mut map = json!({"Type": "Map", "End": true, "Label": "each", "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "A", "States": states}});
    for (name, value) in fields.as_object().unwrap() {
        map[name] = value.clone();
    }
    json!({"StartAt": "Map", "States": {"Map": map}})
}

fn pass() -> Value {
    json!({"A": {"Type": "Pass", "End": true}})
}

fn call(name: &str) -> Value {
    json!({"A": {"Type": "Task", "Resource": function(name), "End": true}})
}

/// Fails for the items that are 0.
fn fail_zeros() -> Value {
    json!({"A": {"Type": "Choice", "Default": "B", "Choices": [
            {"Variable": "$", "NumericEquals": 0, "Next": "C"}]},
        "B": {"Type": "Succeed"}, "C": {"Type": "Fail", "Error": "Zero"}})
}

async fn map_run(engine: &Engine, execution: &str) -> stepwell_engine::MapRunRecord {
    let runs = engine.handle.list_map_runs(execution, Page::default()).await.unwrap();
    engine.handle.describe_map_run(&runs.items[0].arn).await.unwrap()
}

#[tokio::test]
async fn more_failures_than_tolerated_fail_the_map_run_and_stop_its_children() {
    let rig = Rig::new();
    let engine = rig.open();
    let definition =
        distributed(&json!({"ToleratedFailureCount": 1, "MaxConcurrency": 1}), &fail_zeros());
    let record = engine.run(definition, "[0, 1, 0, 1]").await;
    assert_eq!(record.summary.status, Status::Failed);
    assert_eq!(record.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    let history = engine.history(&record.summary.arn).await;
    assert_eq!(
        history[3..],
        ["MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    );
    let run = map_run(&engine, &record.summary.arn).await;
    assert_eq!(run.status, Status::Failed);
    assert_eq!((run.executions.failed, run.executions.succeeded), (2, 1));
}

#[tokio::test]
async fn tolerated_failures_have_no_results() {
    let rig = Rig::new();
    let engine = rig.open();
    let definition = distributed(&json!({"ToleratedFailurePercentage": 50}), &fail_zeros());
    let record = engine.run(definition, "[0, 1, 0, 2]").await;
    assert_eq!(record.output.as_deref(), Some("[1,2]"));
}

#[tokio::test]
async fn an_item_that_cannot_be_selected_fails_the_map_run() {
    let rig = Rig::new();
    let engine = rig.open();
    let definition = distributed(&json!({"ItemSelector": {"a.$": "$.missing"}}), &pass());
    let record = engine.run(definition, "[1]").await;
    assert_eq!(record.error.as_deref(), Some("States.Runtime"));
}

#[tokio::test]
async fn stopping_the_parent_aborts_the_children() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", distributed(&json!({}), &call("gate"))).await;
    let arn = engine.start(&machine, "one", "[1, 2]").await;
    rig.functions.wait_for_calls(2).await;
    engine.handle.stop_execution(&arn, None, None).await.unwrap();
    let ended = async {
        while map_run(&engine, &arn).await.status.is_running() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.unwrap();
    let run = map_run(&engine, &arn).await;
    assert_eq!((run.status, run.executions.aborted), (Status::Aborted, 2));
}

#[tokio::test]
async fn no_more_children_run_at_once_than_allowed_and_that_can_change() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine =
        engine.create("m", distributed(&json!({"MaxConcurrency": 1}), &call("gate"))).await;
    let arn = engine.start(&machine, "one", "[1, 2, 3]").await;
    rig.functions.wait_for_calls(1).await;
    let run = map_run(&engine, &arn).await;
    assert_eq!((run.executions.running, run.items_pending), (1, 2));
    let change = MapRunChange { max_concurrency: Some(3), ..MapRunChange::default() };
    engine.handle.update_map_run(&run.summary.arn, change).await.unwrap();
    rig.functions.wait_for_calls(3).await;
    for _ in 0..3 {
        rig.functions.open_gate();
        tokio::task::yield_now().await;
    }
    let gates = async {
        while engine.status(&arn).await.is_running() {
            rig.functions.open_gate();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gates).await.unwrap();
    assert_eq!(engine.wait(&arn).await.output.as_deref(), Some("[1,2,3]"));
    let error = engine.handle.update_map_run(&run.summary.arn, change).await.unwrap_err();
    assert_eq!(error.aws_name(), "ValidationException");
}

#[tokio::test]
async fn items_go_in_batches() {
    let rig = Rig::new();
    let engine = rig.open();
    let batcher = json!({"ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"k": "v"}}});
    let record = engine.run(distributed(&batcher, &pass()), "[1,2,3]").await;
    let expected =
        r#"[{"BatchInput":{"k":"v"},"Items":[1,2]},{"BatchInput":{"k":"v"},"Items":[3]}]"#;
    assert_eq!(record.output.as_deref(), Some(expected));
    let run = map_run(&engine, &record.summary.arn).await;
    assert_eq!((run.executions.succeeded, run.items.succeeded), (2, 3));
}

/// What runs when the process dies is called again with the same key; what had ended is not.
#[tokio::test]
async fn a_map_run_goes_on_after_a_crash_and_runs_no_finished_child_again() {
    let rig = Rig::new();
    let engine = rig.open();
    let map = distributed(&json!({"MaxConcurrency": 2}), &call("gate"));
    let machine = engine.create("m", map).await;
    let arn = engine.start(&machine, "one", r#"["a","b","c","d"]"#).await;
    rig.functions.wait_for_calls(2).await;
    rig.functions.open_gate();
    rig.functions.wait_for_calls(3).await;

    let crashed = rig.crashed_copy();
    let again = crashed.open();
    crashed.functions.wait_for_calls(2).await;
    let before: Vec<String> = rig.functions.keys();
    for key in crashed.functions.keys() {
        assert!(before.contains(&key), "{key} in {before:?}");
    }
    let gates = async {
        while again.status(&arn).await.is_running() {
            crashed.functions.open_gate();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), gates).await.unwrap();
    assert_eq!(again.wait(&arn).await.output.as_deref(), Some(r#"["a","b","c","d"]"#));
    assert_eq!(crashed.functions.calls().len(), 3, "one had ended before");
    assert_eq!(map_run(&again, &arn).await.executions.succeeded, 4);
}

#[tokio::test]
async fn children_are_listed_by_their_map_run_alone() {
    let rig = Rig::new();
    let engine = rig.open();
    let record = engine.run(distributed(&json!({}), &pass()), "[1,2,3]").await;
    let listed = |filter| engine.handle.list_executions(filter, Page::default());
    let machine_arn = Some(record.summary.state_machine_arn.clone());
    let own = listed(ExecutionFilter { state_machine_arn: machine_arn, ..Default::default() });
    assert_eq!(own.await.unwrap().items.len(), 1);
    let run = map_run(&engine, &record.summary.arn).await.summary.arn;
    let filter = ExecutionFilter { map_run_arn: Some(run.clone()), ..Default::default() };
    let children = listed(filter).await.unwrap().items;
    assert_eq!(children.len(), 3);
    let child = engine.handle.describe_execution(&children[2].arn).await.unwrap();
    assert_eq!((child.input.as_str(), child.output.as_deref()), ("1", Some("1")));
    assert_eq!(child.summary.child_of, Some((run, 1)));
    assert_eq!(engine.history(&children[0].arn).await.len(), 4);
    let unlabelled = children[0].arn.replace("/each", "");
    assert!(engine.handle.describe_execution(&unlabelled).await.is_err());
}

#[tokio::test]
async fn a_task_of_a_child_ends_by_its_token() {
    let rig = Rig::new();
    let engine = rig.open();
    engine.handle.create_activity("mow".to_owned(), Vec::new()).await.unwrap();
    let mow = "arn:aws:states:us-east-1:000000000000:activity:mow";
    let states = json!({"A": {"Type": "Task", "Resource": mow, "End": true}});
    let machine = engine.create("m", distributed(&json!({}), &states)).await;
    let parent = engine.start(&machine, "one", "[1]").await;
    let task = engine.handle.activity_task(mow, None, Duration::from_secs(20)).await.unwrap();
    let report = TaskReport::Succeeded { output: "2".to_owned() };
    engine.handle.report_task(&task.unwrap().token, report).await.unwrap();
    assert_eq!(engine.wait(&parent).await.output.as_deref(), Some("[2]"));
}

#[tokio::test]
async fn a_map_run_in_a_child_of_another_has_one_name() {
    let rig = Rig::new();
    let engine = rig.open();
    let inner = json!({"Type": "Map", "End": true, "Label": "inner", "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "I", "States": {
            "I": {"Type": "Task", "Resource": function("gate"), "End": true}}}});
    let machine = engine.create("m", distributed(&json!({}), &json!({"A": inner}))).await;
    let arn = engine.start(&machine, "one", "[[1]]").await;
    rig.functions.wait_for_calls(1).await;
    let outer = map_run(&engine, &arn).await.summary.arn;
    let filter = ExecutionFilter { map_run_arn: Some(outer), ..Default::default() };
    let child =
        engine.handle.list_executions(filter, Page::default()).await.unwrap().items.remove(0);
    let inner = map_run(&engine, &child.arn).await.summary.arn;
    let events = engine.handle.history(&child.arn, false, Page::default()).await.unwrap().items;
    let started = events.iter().find(|event| event["type"] == "MapRunStarted").unwrap();
    assert_eq!(started["mapRunStartedEventDetails"]["mapRunArn"], inner.as_str());

    let other = child.arn.replace("/each:", "/other:");
    let error = engine.handle.stop_execution(&other, None, None).await.unwrap_err();
    assert_eq!(error.aws_name(), "ExecutionDoesNotExist");
    engine.handle.stop_execution(&child.arn, None, None).await.unwrap();
    assert_eq!(engine.wait(&arn).await.summary.status, Status::Failed);
}
