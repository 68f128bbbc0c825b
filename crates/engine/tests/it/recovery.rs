//! What a restart makes of what is on disk, row by row of `docs/internals/recovery.md`. The rows that need a
//! crash between two certain writes are in `by_hand`.

use std::time::Duration;

use serde_json::json;
use stepwell_engine::{Options, Status, UpdateStateMachine};

use crate::rig::{Rig, function, one, task, wait};

#[tokio::test]
async fn an_empty_store_is_created() {
    let rig = Rig::new();
    rig.open().close().await.unwrap();
    assert!(rig.store().exists());
}

#[tokio::test]
async fn what_ended_stays_as_it_is() {
    let rig = Rig::new();
    let engine = rig.open();
    let record = engine.run(task("echo"), "{}").await;
    let history = engine.history(&record.summary.arn).await;

    let copy = rig.crashed_copy();
    let engine = copy.open();
    let arn = &record.summary.arn;
    assert_eq!(engine.handle.describe_execution(arn).await.unwrap(), record);
    assert_eq!(engine.history(arn).await, history);
    let machine = &record.summary.state_machine_arn;
    let error = engine.try_start(machine, "one", "{}").await.unwrap_err();
    assert_eq!(error.aws_name(), "ExecutionAlreadyExists", "its name stays taken");
}

#[tokio::test]
async fn an_execution_keeps_the_limits_that_it_started_with() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { aws_limits: true, ..rig.options() });
    let states = json!({
        "Wait": { "Type": "Wait", "Seconds": 10, "Next": "Double" },
        "Double": { "Type": "Pass", "Parameters": { "a.$": "$", "b.$": "$" }, "End": true },
    });
    let machine = engine.create("m", json!({ "StartAt": "Wait", "States": states })).await;
    let input = json!("x".repeat(200_000)).to_string();
    let limited = engine.start(&machine, "limited", &input).await;

    let copy = rig.crashed_copy();
    let engine = copy.open();
    let free = engine.start(&machine, "free", &input).await;
    copy.clock.advance(Duration::from_secs(10));
    engine.handle.nudge();
    let ended = engine.wait(&limited).await;
    assert_eq!(ended.error.as_deref(), Some("States.DataLimitExceeded"));
    assert_eq!(engine.wait(&free).await.summary.status, Status::Succeeded);
}

#[tokio::test]
async fn a_wait_ends_at_its_original_time() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", wait(10)).await;
    let arn = engine.start(&machine, "one", "{}").await;

    let copy = rig.crashed_copy();
    copy.clock.advance(Duration::from_secs(9));
    let engine = copy.open();
    engine.create("other", wait(1)).await;
    assert_eq!(engine.status(&arn).await, Status::Running);
    copy.clock.advance(Duration::from_secs(1));
    engine.handle.nudge();
    assert_eq!(engine.wait(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test]
async fn a_wait_whose_time_passed_meanwhile_ends_at_once() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", wait(10)).await;
    let arn = engine.start(&machine, "one", "{}").await;

    let copy = rig.crashed_copy();
    copy.clock.advance(Duration::from_hours(1));
    assert_eq!(copy.open().wait(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test]
async fn an_open_task_is_handed_out_again_with_the_same_key() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", task("gate")).await;
    let arn = engine.start(&machine, "one", r#"{"a":1}"#).await;
    rig.functions.wait_for_calls(1).await;

    let copy = rig.crashed_copy();
    let engine = copy.open();
    copy.functions.wait_for_calls(1).await;
    let (before, after) = (&rig.functions.calls()[0], &copy.functions.calls()[0]);
    assert_eq!(before.key, after.key);
    assert_eq!(before.parameters, after.parameters);
    copy.functions.open_gate();
    assert_eq!(engine.wait(&arn).await.output.as_deref(), Some(r#"{"a":1}"#));
}

/// The time-out of an open task counts from its first start, not from the restart.
#[tokio::test]
async fn the_time_out_of_an_open_task_keeps_its_time() {
    let rig = Rig::new();
    let engine = rig.open();
    let definition = one(json!({
        "Type": "Task", "Resource": function("deaf"), "TimeoutSeconds": 10}));
    let machine = engine.create("m", definition).await;
    let arn = engine.start(&machine, "one", "{}").await;

    let copy = rig.crashed_copy();
    copy.clock.advance(Duration::from_secs(10));
    let record = copy.open().wait(&arn).await;
    assert_eq!(record.error.as_deref(), Some("States.Timeout"));
}

#[tokio::test]
async fn an_old_revision_goes_on_as_it_was() {
    let rig = Rig::new();
    let engine = rig.open();
    let before = json!({"StartAt": "W", "States": {
        "W": {"Type": "Wait", "Seconds": 10, "Next": "P"},
        "P": {"Type": "Pass", "Result": "old", "End": true}}});
    let machine = engine.create("m", before).await;
    let arn = engine.start(&machine, "one", "{}").await;
    let change = UpdateStateMachine { definition: Some(wait(1).to_string()), ..Default::default() };
    engine.handle.update_state_machine(&machine, change).await.unwrap();
    engine.handle.delete_state_machine(&machine).await.unwrap();

    let copy = rig.crashed_copy();
    copy.clock.advance(Duration::from_secs(10));
    let record = copy.open().wait(&arn).await;
    assert_eq!(record.output.as_deref(), Some(r#""old""#));
}

/// More than one thread folds them.
#[tokio::test]
async fn thousands_of_open_tasks_are_handed_out_again() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", task("deaf")).await;
    let count = 2_500;
    let starts = (0..count).map(|index| {
        let (machine, name) = (machine.clone(), format!("e{index}"));
        let handle = engine.handle.clone();
        tokio::spawn(async move {
            let request = stepwell_engine::StartExecution {
                state_machine_arn: machine,
                name: Some(name),
                input: "{}".to_owned(),
            };
            handle.start_execution(request).await.unwrap();
        })
    });
    for start in starts.collect::<Vec<_>>() {
        start.await.unwrap();
    }

    let copy = rig.crashed_copy();
    let engine = copy.open();
    copy.functions.wait_for_calls(count).await;
    let mut keys = copy.functions.keys();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count);
    assert_eq!(engine.handle.stats().running_executions, count as u64);
}
