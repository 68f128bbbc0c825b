//! State machines and executions: created, started, stopped, and refused.

use serde_json::json;
use stepwell_engine::{
    CreateStateMachine, Error, Options, StartExecution, Status, UpdateStateMachine,
};

use crate::rig::{Rig, count_down, one, task, wait};

fn pass() -> serde_json::Value {
    one(json!({"Type": "Pass"}))
}

#[tokio::test]
async fn an_execution_runs_to_its_end() {
    let engine = Rig::new().open();
    let record = engine.run(pass(), r#"{"a":  1}"#).await;
    assert_eq!(record.summary.status, Status::Succeeded);
    assert_eq!(record.input, r#"{"a":  1}"#, "the input is shown as it was given");
    assert_eq!(record.output.as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(
        engine.history(&record.summary.arn).await,
        ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    );
}

#[tokio::test]
async fn a_failure_is_shown_with_error_and_cause() {
    let engine = Rig::new().open();
    let fail = json!({"StartAt": "F", "States": {
        "F": {"Type": "Fail", "Error": "Oh", "Cause": "no"}}});
    let record = engine.run(fail, "{}").await;
    assert_eq!(record.summary.status, Status::Failed);
    assert_eq!((record.error.as_deref(), record.cause.as_deref()), (Some("Oh"), Some("no")));
    assert_eq!(record.output, None);
}

#[tokio::test]
async fn creating_the_same_again_gives_what_exists() {
    let engine = Rig::new().open();
    let request = CreateStateMachine {
        name: "m".to_owned(),
        definition: pass().to_string(),
        ..Default::default()
    };
    let first = engine.handle.create_state_machine(request.clone()).await.unwrap();
    assert_eq!(engine.handle.create_state_machine(request).await.unwrap(), first);
    let error = engine.try_create("m", wait(1)).await.unwrap_err();
    assert_eq!(error.aws_name(), "StateMachineAlreadyExists");
}

#[tokio::test]
async fn a_bad_definition_is_refused_with_all_findings() {
    let engine = Rig::new().open();
    let bad = json!({"StartAt": "Nowhere", "States": {"One": {"Type": "Pass", "Next": "Gone"}}});
    let Err(Error::InvalidDefinition { diagnostics }) = engine.try_create("m", bad).await else {
        panic!("it is refused");
    };
    assert!(diagnostics.len() >= 2, "{diagnostics:?}");
}

#[tokio::test]
async fn a_resource_that_nobody_serves_is_refused() {
    let engine = Rig::new().open();
    let resource = "arn:aws:states:::sqs:sendMessage";
    let definition = one(json!({"Type": "Task", "Resource": resource, "Parameters": {}}));
    let Err(Error::InvalidDefinition { diagnostics }) = engine.try_create("m", definition).await
    else {
        panic!("it is refused");
    };
    assert_eq!(diagnostics[0].message, format!("the resource `{resource}` is not supported"));
    assert_eq!(diagnostics[0].help.as_deref(), Some("only functions are"));
    assert_eq!(diagnostics[0].location.as_deref(), Some("/States/One/Resource"));
}

#[tokio::test]
async fn bad_names_and_inputs_are_refused() {
    let engine = Rig::new().open();
    assert_eq!(engine.try_create("a b", pass()).await.unwrap_err().aws_name(), "InvalidName");
    let machine = engine.create("m", pass()).await;
    let start = async |arn: &str, name: &str, input: &str| {
        engine.try_start(arn, name, input).await.unwrap_err().aws_name()
    };
    assert_eq!(start(&machine, "a/b", "{}").await, "InvalidName");
    assert_eq!(start(&machine, "a", "{").await, "InvalidExecutionInput");
    assert_eq!(start("m", "a", "{}").await, "InvalidArn");
    let missing = machine.replace(":m", ":other");
    assert_eq!(start(&missing, "a", "{}").await, "StateMachineDoesNotExist");
}

#[tokio::test]
async fn requests_beyond_the_limits_of_aws_are_refused_where_those_are_wanted() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { aws_limits: true, ..rig.options() });
    let machine = engine.create("m", pass()).await;
    let largest = json!("x".repeat(262_142)).to_string();
    let larger = format!("{largest} ");
    let refused = engine.try_start(&machine, "a", &larger).await.unwrap_err();
    assert_eq!(refused.aws_name(), "ValidationException");
    assert!(matches!(refused, Error::TooLong { member: "input", bytes_max: 262_144 }));
    engine.start(&machine, "a", &largest).await;
    let mut long = pass();
    long["Comment"] = json!("x".repeat(1_048_576));
    let refused = engine.try_create("long", long.clone()).await.unwrap_err();
    assert!(matches!(refused, Error::TooLong { member: "definition", .. }));

    let engine = Rig::new().open();
    let machine = engine.create("long", long).await;
    engine.start(&machine, "a", &larger).await;
}

#[tokio::test]
async fn the_same_start_again_is_the_same_execution_while_it_runs() {
    let engine = Rig::new().open();
    let machine = engine.create("m", wait(3_600)).await;
    let arn = engine.start(&machine, "one", r#"{"a":1}"#).await;
    assert_eq!(engine.start(&machine, "one", r#"{"a":1}"#).await, arn);

    let other = engine.try_start(&machine, "one", r#"{"a":2}"#).await.unwrap_err();
    assert_eq!(other.aws_name(), "ExecutionAlreadyExists");
    engine.handle.stop_execution(&arn, None, None).await.unwrap();
    let ended = engine.try_start(&machine, "one", r#"{"a":1}"#).await.unwrap_err();
    assert_eq!(ended.aws_name(), "ExecutionAlreadyExists");
}

#[tokio::test]
async fn a_start_without_a_name_gets_a_uuid() {
    let engine = Rig::new().open();
    let machine = engine.create("m", pass()).await;
    let request = StartExecution { state_machine_arn: machine, name: None, input: "{}".to_owned() };
    let first = engine.handle.start_execution(request.clone()).await.unwrap();
    let second = engine.handle.start_execution(request).await.unwrap();
    assert_ne!(first.execution_arn, second.execution_arn);
    let name = first.execution_arn.rsplit(':').next().unwrap();
    assert_eq!(name.len(), 36, "{name}");
}

#[tokio::test]
async fn stop_ends_what_runs_and_keeps_what_ended() {
    let engine = Rig::new().open();
    let machine = engine.create("m", task("deaf")).await;
    let arn = engine.start(&machine, "one", "{}").await;
    let stop = async || {
        let (error, cause) = (Some("E".to_owned()), Some("C".to_owned()));
        engine.handle.stop_execution(&arn, error, cause).await.unwrap()
    };
    let at = stop().await;
    let record = engine.wait(&arn).await;
    assert_eq!(record.summary.status, Status::Aborted);
    assert_eq!(record.summary.stopped_at, Some(at));
    assert_eq!((record.error.as_deref(), record.cause.as_deref()), (Some("E"), Some("C")));
    assert_eq!(stop().await, at);

    let missing = arn.replace(":one", ":other");
    let error = engine.handle.stop_execution(&missing, None, None).await.unwrap_err();
    assert_eq!(error.aws_name(), "ExecutionDoesNotExist");
}

/// A run-away loop takes turns with everybody else, and hears that it is stopped.
#[tokio::test]
async fn an_endless_loop_starves_nobody() {
    let engine = Rig::new().open();
    let endless = json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Next": "B"},
        "B": {"Type": "Choice", "Default": "A", "Choices": [
            {"Variable": "$.enough", "IsPresent": true, "Next": "C"}]},
        "C": {"Type": "Succeed"}}});
    let machine = engine.create("endless", endless).await;
    let arn = engine.start(&machine, "one", "{}").await;
    let record = engine.run(count_down(), r#"{"n": 3000}"#).await;
    assert_eq!(record.summary.status, Status::Succeeded);
    engine.handle.stop_execution(&arn, None, None).await.unwrap();
    assert_eq!(engine.status(&arn).await, Status::Aborted);
}

#[tokio::test]
async fn a_running_execution_keeps_the_definition_it_started_with() {
    let rig = Rig::new();
    let engine = rig.open();
    let before = json!({"StartAt": "G", "States": {
        "G": {"Type": "Task", "Resource": crate::rig::function("gate"), "Next": "P"},
        "P": {"Type": "Pass", "Result": "old", "End": true}}});
    let machine = engine.create("m", before.clone()).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.functions.wait_for_calls(1).await;

    let change = UpdateStateMachine { definition: Some(pass().to_string()), ..Default::default() };
    let updated = engine.handle.update_state_machine(&machine, change).await.unwrap();
    assert_eq!(updated.revision, 2);
    rig.functions.open_gate();
    let record = engine.wait(&arn).await;
    assert_eq!(record.output.as_deref(), Some(r#""old""#));
    assert_eq!(record.revision, 1);
    let shown = engine.handle.describe_state_machine_for_execution(&arn).await.unwrap();
    assert_eq!(*shown.definition, before.to_string());
}

#[tokio::test]
async fn a_deleted_state_machine_takes_no_starts_and_comes_back_anew() {
    let engine = Rig::new().open();
    let machine = engine.create("m", wait(3_600)).await;
    let arn = engine.start(&machine, "one", "{}").await;
    engine.handle.delete_state_machine(&machine).await.unwrap();
    engine.handle.delete_state_machine(&machine).await.unwrap();

    let error = engine.try_start(&machine, "two", "{}").await.unwrap_err();
    assert_eq!(error.aws_name(), "StateMachineDoesNotExist");
    let error = engine.handle.describe_state_machine(&machine).await.unwrap_err();
    assert_eq!(error.aws_name(), "StateMachineDoesNotExist");
    assert_eq!(engine.status(&arn).await, Status::Running, "what runs goes on");

    engine.create("m", pass()).await;
    let arn = engine.start(&machine, "two", "{}").await;
    assert_eq!(engine.wait(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test]
async fn subscribers_hear_of_starts_and_ends() {
    let engine = Rig::new().open();
    let mut changes = engine.handle.subscribe();
    let record = engine.run(pass(), "{}").await;
    for status in [Status::Running, Status::Succeeded] {
        let change = changes.recv().await.unwrap();
        assert_eq!((&*change.execution_arn, change.status), (&*record.summary.arn, status));
    }
}
