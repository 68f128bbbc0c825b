//! What the dispatcher makes of handlers.

use stepwell_engine::{Options, Status};

use serde_json::json;

use crate::rig::{Rig, one, service, task};

#[tokio::test]
async fn a_quick_task_shows_that_it_was_started() {
    let engine = Rig::new().open();
    let record = engine.run(task("echo"), r#"{"a":1}"#).await;
    assert_eq!(record.output.as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(
        engine.history(&record.summary.arn).await,
        [
            "ExecutionStarted",
            "TaskStateEntered",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
}

#[tokio::test]
async fn a_task_that_takes_a_while_shows_that_it_was_started_meanwhile() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", task("gate")).await;
    let arn = engine.start(&machine, "one", "{}").await;
    engine.wait_for_event(&arn, "LambdaFunctionStarted").await;
    rig.functions.open_gate();
    assert_eq!(engine.wait(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_task_only() {
    let engine = Rig::new().open();
    let record = engine.run(task("panics"), "{}").await;
    assert_eq!(record.summary.status, Status::Failed);
    assert_eq!(record.error.as_deref(), Some("States.TaskFailed"));
    assert_eq!(record.cause.as_deref(), Some("the handler panicked: ouch"));
}

#[tokio::test]
async fn tasks_beyond_the_limit_wait_for_a_place() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { tasks_max: 1, ..rig.options() });
    let machine = engine.create("m", task("gate")).await;
    let first = engine.start(&machine, "one", "{}").await;
    rig.functions.wait_for_calls(1).await;
    let second = engine.start(&machine, "two", "{}").await;
    assert_eq!(engine.handle.stats().tasks_waiting, 1);

    rig.functions.open_gate();
    engine.wait(&first).await;
    rig.functions.wait_for_calls(2).await;
    rig.functions.open_gate();
    engine.wait(&second).await;
    assert_eq!(rig.functions.calls().len(), 2);
}

#[tokio::test]
async fn a_task_that_waits_for_a_place_can_be_stopped() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { tasks_max: 1, ..rig.options() });
    let machine = engine.create("m", task("deaf")).await;
    engine.start(&machine, "one", "{}").await;
    rig.functions.wait_for_calls(1).await;
    let second = engine.start(&machine, "two", "{}").await;
    engine.handle.stop_execution(&second, None, None).await.unwrap();
    assert_eq!(engine.handle.stats().tasks_waiting, 0);
    assert_eq!(rig.functions.calls().len(), 1);
}

/// It waits for somebody who may want the place: an execution that it started, for instance.
#[tokio::test]
async fn a_job_that_is_submitted_holds_no_place_before_or_after_a_restart() {
    let rig = Rig::new();
    let one_place = |rig: &Rig| rig.open_with(Options { tasks_max: 1, ..rig.options() });
    let engine = one_place(&rig);
    let jobs = engine.create("jobs", one(json!({"Type": "Task", "Resource": service("job.sync")})));
    let jobs = jobs.await;
    for name in ["one", "two"] {
        let arn = engine.start(&jobs, name, "{}").await;
        engine.wait_for_event(&arn, "TaskSubmitted").await;
    }
    let record = engine.run(task("echo"), "1").await;
    assert_eq!(record.summary.status, Status::Succeeded);

    let copy = rig.crashed_copy();
    let revived = one_place(&copy);
    copy.functions.wait_for_calls(2).await;
    let arn = revived.start(&record.summary.state_machine_arn, "three", "2").await;
    assert_eq!(revived.wait(&arn).await.summary.status, Status::Succeeded);
}
