//! Executions that ended long ago are forgotten; nothing else is.

use std::time::Duration;

use serde_json::json;
use stepwell_engine::store::{Durability, RetentionCursor, Store};
use stepwell_engine::{Clock, Status};

use crate::rig::{Rig, count_down, one, wait};

#[tokio::test]
async fn only_what_ended_before_the_cutoff_is_forgotten() {
    let rig = Rig::new();
    let engine = rig.open();
    let open = engine.create("open", wait(1_000_000)).await;
    let open = engine.start(&open, "one", "{}").await;
    let old = engine.create("old", one(json!({"Type": "Pass"}))).await;
    let mut forgotten = Vec::new();
    for index in 0..450 {
        forgotten.push(engine.start(&old, &format!("e{index}"), "{}").await);
    }
    let long = engine.create("long", count_down()).await;
    let long = engine.start(&long, "one", r#"{"n": 2000}"#).await;
    engine.wait(&long).await;
    forgotten.push(long);
    rig.clock.advance(Duration::from_secs(10));
    let cutoff = rig.clock.now();
    let kept = engine.start(&old, "kept", "{}").await;
    engine.close().await.unwrap();

    let mut store = Store::open(&rig.store(), Durability::Full).unwrap();
    let mut cursor = RetentionCursor::START;
    let mut steps = 0;
    while cursor != RetentionCursor::Done {
        cursor = store.forget(cutoff, cursor).unwrap();
        steps += 1;
    }
    assert!(steps > 2, "in small steps: {steps}");
    drop(store);

    let engine = rig.open();
    assert_eq!(engine.status(&open).await, Status::Running);
    assert_eq!(engine.status(&kept).await, Status::Succeeded);
    for arn in forgotten {
        let error = engine.handle.describe_execution(&arn).await.unwrap_err();
        assert_eq!(error.aws_name(), "ExecutionDoesNotExist");
    }
    assert_eq!(engine.start(&old, "e1", "{}").await.rsplit(':').next(), Some("e1"));
}

/// The job itself, through the options.
#[tokio::test]
async fn an_engine_forgets_by_itself() {
    let rig = Rig::new();
    let engine = rig.open();
    let record = engine.run(one(json!({"Type": "Pass"})), "{}").await;
    engine.close().await.unwrap();
    rig.clock.advance(Duration::from_hours(24 * 91));
    let engine = rig.open();
    let gone = async {
        while engine.handle.describe_execution(&record.summary.arn).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("it is forgotten");
}
