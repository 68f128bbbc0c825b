//! Tasks that others end: with the token of a task, across restarts, and jobs whose end a handler waits for.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_engine::{Status, TaskReport};

use crate::rig::{Engine, Rig, one, service};

/// A machine whose task waits for its token.
fn callback(name: &str) -> Value {
    one(json!({
        "Type": "Task",
        "Resource": service(&format!("{name}.waitForTaskToken")),
        "Parameters": {"Token.$": "$$.Task.Token"},
    }))
}

fn token(rig: &Rig) -> String {
    rig.functions.calls()[0].parameters["Token"].as_str().unwrap().to_owned()
}

fn success(output: &str) -> TaskReport {
    TaskReport::Succeeded { output: output.to_owned() }
}

/// The AWS name of the error that a report gets.
async fn refused(engine: &Engine, token: &str, report: TaskReport) -> &'static str {
    engine.handle.report_task(token, report).await.unwrap_err().aws_name()
}

/// An execution that waits for its token.
async fn waiting(engine: &Engine, definition: Value) -> String {
    let machine = engine.create("m", definition).await;
    let arn = engine.start(&machine, "one", "{}").await;
    engine.wait_for_event(&arn, "TaskSubmitted").await;
    arn
}

#[tokio::test]
async fn what_is_no_token_of_an_open_task_is_refused_and_changes_nothing() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = waiting(&engine, callback("echo")).await;
    let token = token(&rig);
    assert_eq!(refused(&engine, "nonsense", TaskReport::Heartbeat).await, "InvalidToken");
    // The last characters are of the secret part; `A` and `Q` differ within the bits that count.
    let forged = format!("{}{}", &token[..token.len() - 8], "AAAAAAA=");
    assert_eq!(refused(&engine, &forged, success("1")).await, "InvalidToken");
    assert_eq!(refused(&engine, &token, success("{")).await, "InvalidOutput");
    assert_eq!(engine.status(&arn).await, Status::Running);

    engine.handle.report_task(&token, success("1")).await.unwrap();
    assert_eq!(engine.wait(&arn).await.output.as_deref(), Some("1"));
    assert_eq!(refused(&engine, &token, success("2")).await, "TaskTimedOut");
}

#[tokio::test]
async fn a_task_is_over_for_its_token_when_the_execution_is_stopped() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = waiting(&engine, callback("echo")).await;
    engine.handle.stop_execution(&arn, None, None).await.unwrap();
    assert_eq!(refused(&engine, &token(&rig), success("1")).await, "TaskTimedOut");
}

#[tokio::test]
async fn a_failure_without_error_and_cause_fails_the_task() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = waiting(&engine, callback("echo")).await;
    let failure = TaskReport::Failed { error: None, cause: None };
    engine.handle.report_task(&token(&rig), failure).await.unwrap();
    let record = engine.wait(&arn).await;
    assert_eq!((record.summary.status, record.error, record.cause), (Status::Failed, None, None));
    assert_eq!(
        engine.history(&arn).await[2..],
        ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskFailed", "ExecutionFailed"]
    );
}

#[tokio::test]
async fn a_token_survives_a_crash_and_its_task_is_not_dispatched_again() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = waiting(&engine, callback("echo")).await;
    let copy = rig.crashed_copy();
    let revived = copy.open();
    revived.handle.report_task(&token(&rig), success("\"late\"")).await.unwrap();
    assert_eq!(revived.wait(&arn).await.output.as_deref(), Some("\"late\""));
    assert!(copy.functions.calls().is_empty());
}

#[tokio::test]
async fn a_heartbeat_lets_the_silence_count_anew() {
    let rig = Rig::new();
    let engine = rig.open();
    let mut definition = callback("echo");
    definition["States"]["One"]["HeartbeatSeconds"] = json!(10);
    let arn = waiting(&engine, definition).await;
    for _ in 0..3 {
        rig.clock.advance(Duration::from_secs(9));
        engine.handle.report_task(&token(&rig), TaskReport::Heartbeat).await.unwrap();
    }
    assert_eq!(engine.status(&arn).await, Status::Running);
    rig.clock.advance(Duration::from_secs(11));
    engine.handle.nudge();
    assert_eq!(engine.wait(&arn).await.error.as_deref(), Some("States.Timeout"));
    assert_eq!(refused(&engine, &token(&rig), TaskReport::Heartbeat).await, "TaskTimedOut");
}

#[tokio::test]
async fn a_word_that_comes_before_the_response_is_kept_across_a_crash() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", callback("gate")).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.functions.wait_for_calls(1).await;
    engine.handle.report_task(&token(&rig), success("7")).await.unwrap();
    assert_eq!(refused(&engine, &token(&rig), success("8")).await, "TaskTimedOut");

    let copy = rig.crashed_copy();
    let revived = copy.open();
    copy.functions.wait_for_calls(1).await;
    assert_eq!(token(&copy), token(&rig), "a token is drawn once");
    copy.functions.open_gate();
    assert_eq!(revived.wait(&arn).await.output.as_deref(), Some("7"));
    let history = revived.history(&arn).await;
    assert!(history.join(" ").contains("TaskSubmitted TaskSucceeded"), "{history:?}");
}

#[tokio::test]
async fn a_job_goes_on_after_a_crash_with_what_was_submitted() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = waiting(&engine, one(json!({"Type": "Task", "Resource": service("job.sync")}))).await;
    let copy = rig.crashed_copy();
    let revived = copy.open();
    copy.functions.wait_for_calls(1).await;
    let call = &copy.functions.calls()[0];
    assert_eq!(call.job.submitted().map(|it| (**it).clone()), Some(json!({"JobId": 1})));
    assert_eq!(call.key.as_str(), format!("{arn}#3"));
    copy.functions.open_gate();
    assert_eq!(revived.wait(&arn).await.summary.status, Status::Succeeded);
    let history = revived.history(&arn).await;
    assert_eq!(history.iter().filter(|event| *event == "TaskSubmitted").count(), 1);
}

#[tokio::test]
async fn a_job_is_given_up_with_its_execution_and_not_with_the_engine() {
    let job = one(json!({"Type": "Task", "Resource": service("job.sync:2")}));
    let rig = Rig::new();
    let engine = rig.open();
    let arn = waiting(&engine, job.clone()).await;
    engine.handle.stop_execution(&arn, None, None).await.unwrap();
    engine.close().await.unwrap();
    assert!(rig.functions.calls()[0].job.is_given_up());

    let rig = Rig::new();
    let engine = rig.open();
    waiting(&engine, job).await;
    engine.close().await.unwrap();
    assert!(!rig.functions.calls()[0].job.is_given_up());
}
