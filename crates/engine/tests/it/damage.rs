//! Stores that cannot be opened, and what is said about each.

use std::fs;

use stepwell_engine::{ManualEntropy, Options, Reader, Status, StoreError};

use crate::rig::{Rig, tamper, task};

fn open_error(rig: &Rig) -> StoreError {
    let entropy = Box::new(ManualEntropy::new(1));
    let opened = rig.options().build_with(rig.router(), rig.clock.clone(), entropy);
    opened.err().expect("it is refused")
}

#[tokio::test]
async fn a_store_in_use_is_refused_naming_the_process() {
    let rig = Rig::new();
    let engine = rig.open();
    let error = open_error(&rig);
    let StoreError::Locked { pid, .. } = &error else { panic!("{error}") };
    assert_eq!(*pid, std::process::id().to_string());
    engine.close().await.unwrap();
    rig.open().close().await.unwrap();
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let rig = Rig::new();
    let text = "this is my diary, do not overwrite it. ".repeat(50);
    fs::write(rig.store(), &text).unwrap();
    let error = open_error(&rig);
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert_eq!(fs::read_to_string(rig.store()).unwrap(), text);
}

#[test]
fn the_database_of_another_program_is_refused_and_kept() {
    let rig = Rig::new();
    rig.tamper("CREATE TABLE diary (day TEXT)");
    let before = fs::read(rig.store()).unwrap();
    let error = open_error(&rig);
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(fs::read(rig.store()).unwrap(), before);
}

#[tokio::test]
async fn a_newer_store_is_refused_and_kept() {
    let rig = Rig::new();
    rig.open().close().await.unwrap();
    rig.tamper("PRAGMA user_version = 9999");
    let error = open_error(&rig);
    assert!(matches!(error, StoreError::TooNew { found: 9999, .. }), "{error}");
}

#[test]
fn a_directory_that_is_not_there_is_an_error() {
    let rig = Rig::new();
    let options = Options::at(rig.directory.path().join("missing").join("stepwell.db"));
    let error = options.build(rig.router()).err().unwrap();
    assert!(matches!(error, StoreError::Lock { .. }), "{error}");
}

#[test]
fn reading_a_store_that_is_not_there_creates_none() {
    let rig = Rig::new();
    let arns = stepwell_engine::Arns::new("us-east-1", "000000000000");
    let error = Reader::open(&rig.store(), arns).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert!(!rig.store().exists());
}

/// A store with an execution that has an open task, as a crash leaves it.
async fn with_an_open_task() -> (Rig, String) {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", task("deaf")).await;
    let arn = engine.start(&machine, "one", "{}").await;
    (rig.crashed_copy(), arn)
}

#[tokio::test]
async fn a_journal_with_a_gap_stops_the_engine() {
    let (rig, _) = with_an_open_task().await;
    rig.tamper("DELETE FROM journal");
    let error = open_error(&rig).to_string();
    assert!(error.contains("has 0 entries instead of"), "{error}");
}

#[tokio::test]
async fn a_garbled_journal_stops_the_engine() {
    let (rig, _) = with_an_open_task().await;
    rig.tamper("UPDATE journal SET entries = x'5b7b5d'");
    let error = open_error(&rig).to_string();
    assert!(error.contains("journal entries that are no entries"), "{error}");
    assert!(error.contains("restore it from a backup"), "{error}");
}

#[tokio::test]
async fn a_journal_of_a_newer_format_stops_the_engine() {
    let (rig, _) = with_an_open_task().await;
    rig.tamper("UPDATE journal SET format = 99");
    let error = open_error(&rig).to_string();
    assert!(error.contains("unknown format 99"), "{error}");
}

/// A definition that a newer program refuses holds up its own executions and nothing else, until they are stopped.
#[tokio::test]
async fn an_execution_whose_definition_is_refused_waits_until_it_is_stopped() {
    let (rig, arn) = with_an_open_task().await;
    tamper(&rig.store(), "UPDATE definition SET text = '{}'");
    let engine = rig.open();
    let record = engine.run(task("echo"), "{}").await;
    assert!(!record.summary.status.is_running());
    assert!(engine.status(&arn).await.is_running());

    let error = || Some("Given.Up".to_owned());
    let at = engine.handle.stop_execution(&arn, error(), None).await.unwrap();
    let stopped = engine.wait(&arn).await;
    assert_eq!(stopped.summary.status, Status::Aborted);
    assert_eq!(stopped.summary.stopped_at, Some(at));
    assert_eq!(stopped.error, error());
    let history =
        ["ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "ExecutionAborted"];
    assert_eq!(engine.history(&arn).await, history);
    engine.close().await.unwrap();
    assert!(!rig.open().status(&arn).await.is_running());
}

/// Definitions that earlier versions accepted mean what they meant then.
#[tokio::test]
async fn a_definition_that_was_accepted_once_goes_on() {
    let machine = |state: &str| format!(r#"{{"StartAt": "S", "States": {{"S": {state}}}}}"#);
    let rig = Rig::new();
    let engine = rig.open();
    let arn =
        engine.create("m", serde_json::from_str(&machine(r#"{"Type": "Succeed"}"#)).unwrap()).await;
    engine.close().await.unwrap();
    for (name, state, output) in [
        (
            "backslashes",
            r#"{"Type": "Pass", "Parameters": {"a.$": "States.Format('\\d{}\\n', 1)", "b.$": "States.Array('\\w')"},
                "End": true}"#,
            r#"{"a":"\\d1\\n","b":["\\w"]}"#,
        ),
        (
            "combined",
            r#"{"Type": "Choice", "Choices": [{"Or": [{"Variable": "$.no", "IsPresent": false}], "Variable": "$.no",
                "IsPresent": true, "Next": "T"}]}, "T": {"Type": "Pass", "Result": 1, "End": true}"#,
            "1",
        ),
        (
            "twins",
            r#"{"Type": "Pass", "Parameters": {"a": 1, "a.$": "$.n"}, "End": true}"#,
            r#"{"a":2}"#,
        ),
        (
            "nowhere",
            r#"{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $exists($states.result) %}", "End": true}"#,
            "false",
        ),
    ] {
        let text = machine(state);
        let (refused, _) = stepwell_asl::parse(&text);
        assert!(refused.is_none(), "{text}");
        tamper(
            &rig.store(),
            &format!("UPDATE definition SET text = '{}'", text.replace('\'', "''")),
        );
        let engine = rig.open();
        let execution = engine.start(&arn, name, r#"{"n":2}"#).await;
        assert_eq!(engine.wait(&execution).await.output.as_deref(), Some(output));
        engine.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_backup_is_a_store() {
    let rig = Rig::new();
    let engine = rig.open();
    let record = engine.run(task("echo"), "{}").await;
    let copy = Rig::new();
    engine.handle.backup(&copy.store()).await.unwrap();
    let error = engine.handle.backup(&copy.store()).await.unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");

    let engine = copy.open();
    let copied = engine.handle.describe_execution(&record.summary.arn).await.unwrap();
    assert_eq!(copied, record);
}

/// Entries that are readable each but cannot follow each other: a bug, and the affair of one execution.
#[tokio::test]
async fn an_execution_whose_entries_cannot_follow_each_other_waits_until_it_is_stopped() {
    let (rig, arn) = with_an_open_task().await;
    rig.tamper(
        "UPDATE journal SET entries = CAST((
             SELECT json_group_array(json_extract(CAST(entries AS TEXT), '$[' || (key * 0) || ']'))
             FROM json_each(CAST(entries AS TEXT))) AS BLOB)",
    );
    let engine = rig.open();
    let error = engine.handle.wait(&arn).await.unwrap_err();
    assert!(error.to_string().contains("illegal journal entry"), "{error}");
    let record = engine.run(task("echo"), "{}").await;
    assert!(!record.summary.status.is_running());
    engine.handle.stop_execution(&arn, None, None).await.unwrap();
    assert_eq!(engine.wait(&arn).await.summary.status, Status::Aborted);
}
