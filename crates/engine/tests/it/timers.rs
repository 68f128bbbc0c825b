//! Waiting and time-outs, under a clock that is moved by hand.

use std::time::Duration;

use serde_json::json;
use stepwell_engine::{Status, limits};

use crate::rig::{Rig, function, one, wait};

#[tokio::test]
async fn a_wait_ends_at_its_time_and_not_before() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", wait(10)).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.clock.advance(Duration::from_millis(9_999));
    engine.handle.nudge();
    // The answer to a later request proves that the nudge was heard before.
    engine.create("other", wait(1)).await;
    assert_eq!(engine.status(&arn).await, Status::Running);

    rig.clock.advance(Duration::from_millis(1));
    engine.handle.nudge();
    assert_eq!(engine.wait(&arn).await.summary.status, Status::Succeeded);
}

/// Long waits leave memory; they come back when their time comes, or when somebody asks for them.
#[tokio::test]
async fn a_dormant_execution_wakes_at_its_time() {
    let rig = Rig::new();
    let engine = rig.open();
    let seconds = u64::try_from(limits::DORMANT_AFTER.as_secs()).unwrap() * 2;
    let machine = engine.create("m", wait(seconds)).await;
    let waiting = engine.start(&machine, "one", r#"{"a":1}"#).await;
    let stopped = engine.start(&machine, "two", "{}").await;
    assert_eq!(engine.start(&machine, "one", r#"{"a":1}"#).await, waiting);

    engine.handle.stop_execution(&stopped, None, None).await.unwrap();
    rig.clock.advance(Duration::from_secs(seconds));
    engine.handle.nudge();
    let record = engine.wait(&waiting).await;
    assert_eq!(record.output.as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(engine.wait(&stopped).await.summary.status, Status::Aborted);
}

#[tokio::test]
async fn a_task_that_takes_too_long_times_out_and_is_cancelled() {
    let rig = Rig::new();
    let engine = rig.open();
    let definition = one(json!({
        "Type": "Task", "Resource": function("obedient"), "TimeoutSeconds": 5}));
    let machine = engine.create("m", definition).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.functions.wait_for_calls(1).await;
    rig.clock.advance(Duration::from_secs(5));
    engine.handle.nudge();
    let record = engine.wait(&arn).await;
    assert_eq!(record.summary.status, Status::Failed);
    assert_eq!(record.error.as_deref(), Some("States.Timeout"));
}

#[tokio::test]
async fn a_task_that_beats_lives_and_one_that_is_silent_times_out() {
    let rig = Rig::new();
    let engine = rig.open();
    let definition = one(json!({
        "Type": "Task", "Resource": function("beats"),
        "TimeoutSeconds": 100, "HeartbeatSeconds": 5}));
    let machine = engine.create("m", definition).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.functions.wait_for_calls(1).await;
    rig.clock.advance(Duration::from_secs(4));
    rig.functions.open_gate();
    rig.functions.wait_for_calls(2).await;
    // The answer to a later request proves that the beat was heard before.
    engine.create("other", wait(1)).await;

    rig.clock.advance(Duration::from_secs(4));
    engine.handle.nudge();
    engine.create("another", wait(1)).await;
    assert_eq!(engine.status(&arn).await, Status::Running);
    rig.clock.advance(Duration::from_secs(1));
    engine.handle.nudge();
    assert_eq!(engine.wait(&arn).await.summary.status, Status::Failed);
}

#[tokio::test]
async fn an_execution_that_takes_too_long_times_out() {
    let rig = Rig::new();
    let engine = rig.open();
    let mut definition = wait(100);
    definition["TimeoutSeconds"] = json!(5);
    let machine = engine.create("m", definition).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.clock.advance(Duration::from_secs(5));
    engine.handle.nudge();
    assert_eq!(engine.wait(&arn).await.summary.status, Status::TimedOut);
}

#[tokio::test]
async fn a_retry_waits_for_its_interval() {
    let rig = Rig::new();
    let engine = rig.open();
    let definition = one(json!({
        "Type": "Task", "Resource": function("fails"),
        "Retry": [{"ErrorEquals": ["Custom"], "IntervalSeconds": 7, "MaxAttempts": 1}]}));
    let machine = engine.create("m", definition).await;
    let arn = engine.start(&machine, "one", "{}").await;
    engine.wait_for_event(&arn, "LambdaFunctionFailed").await;
    rig.clock.advance(Duration::from_secs(7));
    engine.handle.nudge();
    let record = engine.wait(&arn).await;
    assert_eq!(record.error.as_deref(), Some("Custom"));
    let keys = rig.functions.keys();
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0], keys[1], "a retry is another attempt");
}
