//! A graceful shutdown with work under way.

use stepwell_engine::{Options, Status};

use crate::rig::{Rig, task, wait};

#[tokio::test]
async fn a_task_that_fails_because_it_was_asked_to_stop_is_left_resumable() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", task("obedient")).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.functions.wait_for_calls(1).await;
    engine.close().await.unwrap();

    let engine = rig.open();
    rig.functions.wait_for_calls(2).await;
    assert_eq!(engine.status(&arn).await, Status::Running);
    let keys = rig.functions.keys();
    assert_eq!(keys[0], keys[1], "the same attempt");
}

#[tokio::test]
async fn a_task_that_returns_in_time_is_recorded() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", task("saver")).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.functions.wait_for_calls(1).await;
    engine.close().await.unwrap();

    let engine = rig.open();
    assert_eq!(engine.wait(&arn).await.output.as_deref(), Some(r#""saved""#));
    assert_eq!(rig.functions.calls().len(), 1);
}

#[tokio::test]
async fn a_task_that_does_not_return_is_given_up_after_the_grace() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { shutdown_grace_seconds: 0, ..rig.options() });
    let machine = engine.create("m", task("deaf")).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.functions.wait_for_calls(1).await;
    engine.close().await.unwrap();

    let engine = rig.open();
    rig.functions.wait_for_calls(2).await;
    assert_eq!(engine.status(&arn).await, Status::Running);
}

#[tokio::test]
async fn requests_after_a_shutdown_are_refused() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", wait(60)).await;
    let arn = engine.start(&machine, "one", "{}").await;
    let handle = engine.handle.clone();
    let waiting = tokio::spawn({
        let (handle, arn) = (handle.clone(), arn.clone());
        async move { handle.wait(&arn).await }
    });
    engine.close().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap_err().aws_name(), "ServiceUnavailable");
    let error = handle.stop_execution(&arn, None, None).await.unwrap_err();
    assert_eq!(error.to_string(), "the engine is shutting down");
    let record = handle.describe_execution(&arn).await.unwrap();
    assert_eq!(record.summary.status, Status::Running, "reading goes on");
}
