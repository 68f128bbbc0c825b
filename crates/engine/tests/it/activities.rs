//! Activities: workers that ask for tasks, and the tasks that wait for them.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_engine::{ActivityTask, Error, Page, Status, TaskReport};

use crate::rig::{Engine, Rig, one};

const ARN: &str = "arn:aws:states:us-east-1:000000000000:activity:mow";

fn mow() -> Value {
    one(json!({"Type": "Task", "Resource": ARN}))
}

/// An engine with the activity, and a machine with a task of it.
async fn engine(rig: &Rig) -> (Engine, String) {
    let engine = rig.open();
    engine.handle.create_activity("mow".to_owned(), Vec::new()).await.unwrap();
    let machine = engine.create("m", mow()).await;
    (engine, machine)
}

async fn poll(engine: &Engine, patience: Duration) -> Option<ActivityTask> {
    engine.handle.activity_task(ARN, Some("w".to_owned()), patience).await.unwrap()
}

/// The task that comes.
async fn take(engine: &Engine) -> ActivityTask {
    poll(engine, Duration::from_secs(20)).await.expect("it comes")
}

async fn succeed(engine: &Engine, task: &ActivityTask) {
    let output = "\"mown\"".to_owned();
    engine.handle.report_task(&task.token, TaskReport::Succeeded { output }).await.unwrap();
}

#[tokio::test]
async fn what_does_not_exist_is_told_and_takes_no_task() {
    let rig = Rig::new();
    let engine = rig.open();
    for arn in [ARN, "arn:aws:states:eu-west-1:000000000000:activity:mow"] {
        let asked = engine.handle.activity_task(arn, None, Duration::from_secs(20)).await;
        assert!(matches!(asked, Err(Error::ActivityDoesNotExist { .. })), "{asked:?}");
    }
    let record = engine.run(mow(), "{}").await;
    assert_eq!(record.error.as_deref(), Some("States.Runtime"));
    let cause = format!(
        "An error occurred while executing the state 'One' (entered at the event id #2). The activity {ARN} does not exist."
    );
    assert_eq!(record.cause, Some(cause));
    let history = engine.history(&record.summary.arn).await;
    assert_eq!(history, ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]);
}

#[tokio::test]
async fn an_activity_is_created_once_listed_and_deleted() {
    let rig = Rig::new();
    let engine = rig.open();
    let first = engine.handle.create_activity("mow".to_owned(), Vec::new()).await.unwrap();
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(engine.handle.create_activity("mow".to_owned(), Vec::new()).await.unwrap(), first);
    assert_eq!(first.arn, ARN);
    engine.close().await.unwrap();

    let engine = rig.open();
    assert_eq!(engine.handle.describe_activity(ARN).await.unwrap(), first);
    assert_eq!(engine.handle.list_activities(Page::default()).await.unwrap().items, [first]);
    for _ in 0..2 {
        engine.handle.delete_activity(ARN).await.unwrap();
    }
    let gone = engine.handle.describe_activity(ARN).await;
    assert!(matches!(gone, Err(Error::ActivityDoesNotExist { .. })), "{gone:?}");
}

#[tokio::test]
async fn a_worker_takes_a_task_and_ends_it() {
    let rig = Rig::new();
    let (engine, machine) = engine(&rig).await;
    let arn = engine.start(&machine, "one", r#"{"n":1}"#).await;
    let task = take(&engine).await;
    assert_eq!(task.input, r#"{"n":1}"#);
    succeed(&engine, &task).await;
    assert_eq!(engine.wait(&arn).await.output.as_deref(), Some("\"mown\""));
    let events = engine.handle.history(&arn, false, Page::default()).await.unwrap().items;
    assert_eq!(events[3]["activityStartedEventDetails"], json!({"workerName": "w"}));
    assert_eq!(
        engine.history(&arn).await[2..5],
        ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]
    );
}

#[tokio::test]
async fn a_worker_that_has_gone_takes_no_task_and_one_without_a_task_gets_none() {
    let rig = Rig::new();
    let (engine, machine) = engine(&rig).await;
    assert_eq!(poll(&engine, Duration::ZERO).await, None);
    let gone = tokio::time::timeout(Duration::from_millis(1), take(&engine)).await;
    assert!(gone.is_err());
    engine.start(&machine, "one", "{}").await;
    take(&engine).await;
}

#[tokio::test]
async fn tasks_go_out_in_their_order_but_not_those_that_were_stopped() {
    let rig = Rig::new();
    let (engine, machine) = engine(&rig).await;
    let mut arns = Vec::new();
    for name in ["1", "2", "3"] {
        arns.push(engine.start(&machine, name, name).await);
    }
    engine.handle.stop_execution(&arns[0], None, None).await.unwrap();
    assert_eq!(take(&engine).await.input, "2");
    assert_eq!(take(&engine).await.input, "3");
    assert_eq!(poll(&engine, Duration::from_millis(10)).await, None);
}

#[tokio::test]
async fn after_a_crash_tasks_that_nobody_took_wait_again_and_others_for_their_token() {
    let rig = Rig::new();
    let (engine, machine) = engine(&rig).await;
    let taken = engine.start(&machine, "taken", "1").await;
    let task = take(&engine).await;
    let free = engine.start(&machine, "free", "2").await;
    engine.wait_for_event(&free, "ActivityScheduled").await;

    let copy = rig.crashed_copy();
    let revived = copy.open();
    let other = take(&revived).await;
    assert_eq!(other.input, "2");
    assert_eq!(poll(&revived, Duration::from_millis(10)).await, None);
    for (task, arn) in [(&task, &taken), (&other, &free)] {
        succeed(&revived, task).await;
        assert_eq!(revived.wait(arn).await.summary.status, Status::Succeeded);
    }
}

#[tokio::test]
async fn the_time_of_a_task_counts_from_when_a_worker_took_it() {
    let rig = Rig::new();
    let engine = rig.open();
    engine.handle.create_activity("mow".to_owned(), Vec::new()).await.unwrap();
    let mut definition = mow();
    definition["States"]["One"]["TimeoutSeconds"] = json!(10);
    let machine = engine.create("m", definition).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.clock.advance(Duration::from_mins(1));
    engine.handle.nudge();
    let task = take(&engine).await;
    rig.clock.advance(Duration::from_secs(11));
    engine.handle.nudge();
    assert_eq!(engine.wait(&arn).await.error.as_deref(), Some("States.Timeout"));
    assert_eq!(engine.history(&arn).await[4], "ActivityTimedOut");
    let late = engine.handle.report_task(&task.token, TaskReport::Heartbeat).await;
    assert!(matches!(late, Err(Error::TaskTimedOut)), "{late:?}");
}
