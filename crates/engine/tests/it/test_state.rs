//! `TestState`: how long a task without a mock may take.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use stepwell_engine::testing::{Status, Test};
use stepwell_engine::{Payload, limits};
use tokio::time::Instant;

use crate::rig::{Rig, function};

/// A Task state that calls a function which never returns.
fn endless(more: &serde_json::Value) -> Test {
    let mut state = json!({"Type": "Task", "Resource": function("gate"), "End": true});
    state.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let machine = json!({"StartAt": "Only", "States": {"Only": state}}).to_string();
    let machine = stepwell_asl::parse(&machine).0.unwrap();
    Test {
        state: machine.start_at,
        machine: Arc::new(machine),
        input: Payload::parse("{}").unwrap(),
        variables: [].into(),
        context: None,
        role_arn: None,
        retries: 0,
        failed_iterations: None,
        read_items: None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_has_its_own_time_and_five_minutes_at_most() {
    let rig = Rig::new();
    let engine = rig.open();
    for (more, time) in [
        (json!({"TimeoutSeconds": 2}), Duration::from_secs(2)),
        (json!({"TimeoutSeconds": 3_600}), limits::TEST_STATE_MAX),
        (json!({}), limits::TEST_STATE_MAX),
    ] {
        let begun = Instant::now();
        let report = engine.handle.test_state(endless(&more), None).await.unwrap();
        assert_eq!(report.status, Status::Failed);
        assert_eq!(report.error.as_deref(), Some("States.Timeout"));
        assert_eq!(begun.elapsed().as_secs(), time.as_secs());
    }
    assert_eq!(rig.functions.calls().len(), 3);
}

#[tokio::test]
async fn a_bounded_number_of_tasks_is_done_at_once() {
    let rig = Rig::new();
    let engine = rig.open();
    let tests: Vec<_> = (0..=limits::TEST_STATES_MAX)
        .map(|_| {
            let handle = engine.handle.clone();
            tokio::spawn(async move { handle.test_state(endless(&json!({})), None).await })
        })
        .collect();
    rig.functions.wait_for_calls(limits::TEST_STATES_MAX).await;
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.functions.calls().len(), limits::TEST_STATES_MAX);
    rig.functions.open_gate();
    rig.functions.wait_for_calls(limits::TEST_STATES_MAX + 1).await;
    for test in &tests {
        test.abort();
    }
}
