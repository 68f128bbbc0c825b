//! A commit that fails, be it that the disk is full: nothing of it was acknowledged, and the engine says why.

use serde_json::json;
use stepwell_engine::{Error, Status};

use crate::rig::{Rig, one, tamper, task, wait};

/// Triggers stand in for a full disk: SQLite reports them through the same path as any failed write.
const FULL: &str = "CREATE TRIGGER full BEFORE INSERT ON journal
     BEGIN SELECT RAISE(ABORT, 'no room'); END";

#[tokio::test]
async fn a_failed_commit_stops_the_engine_and_acknowledges_nothing() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", one(json!({"Type": "Pass"}))).await;
    let before = engine.start(&machine, "before", "{}").await;
    engine.wait(&before).await;

    tamper(&rig.store(), FULL);
    let error = engine.try_start(&machine, "lost", "{}").await.unwrap_err();
    let Error::Stopped { reason } = &error else { panic!("{error}") };
    assert!(reason.contains("no room"), "{reason}");
    let error = engine.try_start(&machine, "later", "{}").await.unwrap_err();
    assert!(matches!(error, Error::Stopped { .. }), "{error}");
    let halted = engine.running.await.unwrap().unwrap_err();
    assert!(halted.reason.contains("no room"), "{halted}");

    // Once there is room again, a restart goes on from what was acknowledged.
    tamper(&rig.store(), "DROP TRIGGER full");
    let engine = rig.open();
    assert_eq!(engine.status(&before).await, Status::Succeeded);
    let arn = engine.start(&machine, "lost", "{}").await;
    assert_eq!(engine.wait(&arn).await.summary.status, Status::Succeeded);
}

/// The order of the committer: append, commit, perform. Whatever it did before the commit would show here.
#[tokio::test]
async fn a_failed_commit_calls_no_handler_and_tells_no_subscriber() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", task("echo")).await;
    let mut changes = engine.handle.subscribe();
    tamper(&rig.store(), FULL);
    engine.try_start(&machine, "lost", "{}").await.unwrap_err();
    engine.running.await.unwrap().unwrap_err();
    assert_eq!(rig.functions.keys(), [""; 0]);
    assert!(changes.try_recv().is_err());
}

#[tokio::test]
async fn whoever_waits_hears_that_the_engine_stopped() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", wait(3_600)).await;
    let arn = engine.start(&machine, "one", "{}").await;
    let waiting = tokio::spawn({
        let handle = engine.handle.clone();
        async move { handle.wait(&arn).await }
    });
    tamper(&rig.store(), FULL);
    engine.try_start(&machine, "two", "{}").await.unwrap_err();
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Stopped { .. }), "{error}");
}

/// Somebody else deleted the row of a running execution: the engine stops instead of going on beside it.
#[tokio::test]
async fn a_row_that_vanished_stops_the_engine() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", task("gate")).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.functions.wait_for_calls(1).await;
    tamper(&rig.store(), "DELETE FROM execution");
    engine.handle.stop_execution(&arn, None, None).await.unwrap_err();
    let halted = engine.running.await.unwrap().unwrap_err();
    assert!(halted.reason.contains("changed 0 rows"), "{halted}");
}
