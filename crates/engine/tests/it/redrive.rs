//! Redrives: who may go on, where, and what is shown of it.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_engine::{
    Error, ExecutionFilter, ExecutionRecord, NotRedrivable, Options, Page, RedriveExecution, Status,
};

use crate::rig::{Engine, Rig, count_down, function, task, wait};

const DAY: Duration = Duration::from_hours(24);

fn plain(arn: &str) -> RedriveExecution {
    RedriveExecution { execution_arn: arn.to_owned(), ..RedriveExecution::default() }
}

fn at_any_age(arn: &str) -> RedriveExecution {
    RedriveExecution { at_any_age: true, ..plain(arn) }
}

fn with_token(arn: &str, token: &str) -> RedriveExecution {
    RedriveExecution { client_token: Some(token.to_owned()), ..plain(arn) }
}

async fn refusal(engine: &Engine, request: RedriveExecution) -> NotRedrivable {
    match engine.handle.redrive_execution(request).await {
        Err(Error::ExecutionNotRedrivable { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

/// What the description says, which must be what a request is told.
async fn shown(engine: &Engine, arn: &str) -> NotRedrivable {
    let record = engine.handle.describe_execution(arn).await.unwrap();
    record.redrivable(engine.handle.now()).unwrap_err()
}

async fn failed(engine: &Engine, name: &str) -> ExecutionRecord {
    let machine = engine.create("m", task("frail")).await;
    let arn = engine.start(&machine, name, "{}").await;
    let record = engine.wait(&arn).await;
    assert_eq!((record.summary.status, record.error.as_deref()), (Status::Failed, Some("Custom")));
    record
}

#[tokio::test]
async fn what_runs_or_succeeded_or_does_not_exist_is_not_redriven() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("w", wait(60)).await;
    let arn = engine.start(&machine, "one", "{}").await;
    for request in [plain(&arn), at_any_age(&arn)] {
        assert_eq!(refusal(&engine, request).await, NotRedrivable::Status(Status::Running));
    }
    assert_eq!(
        shown(&engine, &arn).await.to_string(),
        "Execution is RUNNING and cannot be redriven"
    );
    let ended = engine.run(count_down(), r#"{"n": 1}"#).await.summary.arn;
    for request in [at_any_age(&ended), with_token(&ended, "t")] {
        assert_eq!(refusal(&engine, request).await, NotRedrivable::Status(Status::Succeeded));
    }
    let missing = engine.handle.redrive_execution(plain(&format!("{arn}x"))).await;
    assert!(matches!(missing, Err(Error::ExecutionDoesNotExist { .. })), "{missing:?}");
}

#[tokio::test]
async fn after_fourteen_days_only_who_wants_it_at_any_age_redrives() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = failed(&engine, "one").await.summary.arn;
    rig.clock.advance(14 * DAY);
    let record = engine.handle.describe_execution(&arn).await.unwrap();
    assert_eq!(record.redrivable(engine.handle.now()), Ok(()));
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(refusal(&engine, plain(&arn)).await, NotRedrivable::EndedLongAgo);
    assert_eq!(shown(&engine, &arn).await.to_string(), "Execution redrivable period exceeded");
    rig.functions.mend();
    engine.handle.redrive_execution(at_any_age(&arn)).await.unwrap();
    assert_eq!(engine.wait(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test]
async fn who_was_open_for_more_than_a_year_is_not_redriven() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { retention_days: 0, ..rig.options() });
    let machine = engine.create("w", wait(40_000_000)).await;
    let arn = engine.start(&machine, "one", "{}").await;
    rig.clock.advance(366 * DAY);
    engine.handle.stop_execution(&arn, None, None).await.unwrap();
    engine.wait(&arn).await;
    assert_eq!(refusal(&engine, plain(&arn)).await, NotRedrivable::OpenTooLong);
    assert_eq!(shown(&engine, &arn).await, NotRedrivable::OpenTooLong);
}

/// The job that deletes it asks nobody.
#[tokio::test]
async fn what_is_about_to_be_forgotten_is_not_redriven() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { retention_days: 1, ..rig.options() });
    let arn = failed(&engine, "one").await.summary.arn;
    rig.clock.advance(Duration::from_hours(23));
    assert_eq!(refusal(&engine, at_any_age(&arn)).await, NotRedrivable::EndedLongAgo);
}

#[tokio::test]
async fn what_a_deleted_state_machine_ran_is_not_redriven() {
    let rig = Rig::new();
    let engine = rig.open();
    let record = failed(&engine, "one").await;
    engine.handle.delete_state_machine(&record.summary.state_machine_arn).await.unwrap();
    let arn = record.summary.arn;
    assert_eq!(refusal(&engine, plain(&arn)).await, NotRedrivable::StateMachineDeleted);
    assert_eq!(shown(&engine, &arn).await.to_string(), "State machine is in DELETING status");
}

#[tokio::test]
async fn a_full_history_has_no_room_for_a_redrive() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { aws_limits: true, ..rig.options() });
    let record = engine.run(count_down(), r#"{"n": 1000000}"#).await;
    assert_eq!(record.error.as_deref(), Some("States.Runtime"));
    let arn = record.summary.arn;
    assert_eq!(refusal(&engine, at_any_age(&arn)).await, NotRedrivable::HistoryFull);
    assert_eq!(shown(&engine, &arn).await.to_string(), "Execution history event limit exceeded");
}

#[tokio::test]
async fn a_redriven_execution_goes_on_in_its_history_and_is_told_of_again() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = failed(&engine, "one").await.summary.arn;
    // What changes of the state machine meanwhile does not matter.
    engine
        .handle
        .update_state_machine(
            &arn.replace(":execution:", ":stateMachine:").replace(":one", ""),
            stepwell_engine::UpdateStateMachine {
                definition: Some(wait(1).to_string()),
                ..Default::default()
            },
        )
        .await
        .unwrap();
    rig.functions.mend();
    rig.clock.advance(DAY);
    let mut changes = engine.handle.subscribe();
    let at = engine.handle.redrive_execution(plain(&arn)).await.unwrap();
    assert_eq!(at, engine.handle.now());
    let record = engine.wait(&arn).await;
    assert_eq!(record.output.as_deref(), Some("{}"));
    assert_eq!((record.error, record.cause), (None, None));
    assert_eq!((record.summary.redrives, record.summary.redriven_at), (1, Some(at)));
    assert_eq!(record.summary.stopped_at, Some(at));
    let history = engine.history(&arn).await;
    assert_eq!(
        history[4..],
        [
            "LambdaFunctionFailed",
            "ExecutionFailed",
            "ExecutionRedriven",
            "LambdaFunctionScheduled",
            "LambdaFunctionStarted",
            "LambdaFunctionSucceeded",
            "TaskStateExited",
            "ExecutionSucceeded"
        ]
    );
    let told = [changes.recv().await.unwrap().status, changes.recv().await.unwrap().status];
    assert_eq!(told, [Status::Running, Status::Succeeded]);
    assert_eq!(rig.functions.keys()[1..], [format!("{arn}#8")]);
}

#[tokio::test]
async fn the_same_token_gets_the_same_answer_for_a_quarter_of_an_hour() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = failed(&engine, "one").await.summary.arn;
    let first = engine.handle.redrive_execution(with_token(&arn, "a")).await.unwrap();
    engine.wait(&arn).await;
    rig.clock.advance(Duration::from_mins(15));
    assert_eq!(engine.handle.redrive_execution(with_token(&arn, "a")).await.unwrap(), first);
    let second = engine.handle.redrive_execution(with_token(&arn, "b")).await.unwrap();
    assert_ne!(second, first);
    engine.wait(&arn).await;
    rig.clock.advance(Duration::from_secs(1));
    let third = engine.handle.redrive_execution(with_token(&arn, "a")).await.unwrap();
    assert_ne!(third, first);
    assert_eq!(engine.wait(&arn).await.summary.redrives, 3);
}

#[tokio::test]
async fn a_redrive_that_was_answered_survives_the_end_of_the_process() {
    let rig = Rig::new();
    let engine = rig.open();
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": function("frail"), "Next": "B"},
        "B": {"Type": "Task", "Resource": function("gate"), "End": true}}});
    let machine = engine.create("m", definition).await;
    let arn = engine.start(&machine, "one", "{}").await;
    engine.wait(&arn).await;
    rig.functions.mend();
    let at = engine.handle.redrive_execution(with_token(&arn, "a")).await.unwrap();
    engine.wait_for_event(&arn, "TaskStateExited").await;

    let copy = rig.crashed_copy();
    let again = copy.open();
    let record = again.handle.describe_execution(&arn).await.unwrap();
    assert_eq!((record.summary.status, record.summary.redriven_at), (Status::Running, Some(at)));
    assert_eq!(record.error, None);
    assert_eq!(again.handle.redrive_execution(with_token(&arn, "a")).await.unwrap(), at);
    copy.functions.wait_for_calls(1).await;
    copy.functions.open_gate();
    assert_eq!(again.wait(&arn).await.summary.status, Status::Succeeded);
}

#[tokio::test]
async fn lists_tell_who_was_redriven() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", task("frail")).await;
    for name in ["a", "b", "c"] {
        let arn = engine.start(&machine, name, "{}").await;
        engine.wait(&arn).await;
    }
    let arn = format!("{}:b", machine.replace(":stateMachine:", ":execution:"));
    engine.handle.redrive_execution(plain(&arn)).await.unwrap();
    engine.wait(&arn).await;
    let names = async |state_machine_arn: Option<&String>, redriven| {
        let filter = ExecutionFilter {
            state_machine_arn: state_machine_arn.cloned(),
            redriven,
            ..ExecutionFilter::default()
        };
        let found = engine.handle.list_executions(filter, Page::default()).await.unwrap();
        found.items.into_iter().map(|one| one.name).collect::<String>()
    };
    for of in [None, Some(&machine)] {
        assert_eq!(names(of, Some(true)).await, "b");
        assert_eq!(names(of, Some(false)).await, "ca");
        assert_eq!(names(of, None).await, "cba");
    }
}

fn chain() -> Value {
    json!({"StartAt": "A", "States": {
        "A": {"Type": "Pass", "Result": {"a": 1}, "Next": "B"},
        "B": {"Type": "Parallel", "Next": "C", "ResultPath": null, "Branches": [
            {"StartAt": "In", "States": {"In": {"Type": "Pass", "End": true}}}]},
        "C": {"Type": "Task", "Resource": function("frail"), "Next": "D"},
        "D": {"Type": "Pass", "End": true}}})
}

#[tokio::test]
async fn it_goes_on_from_a_named_state_with_an_edited_input() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = engine.run(chain(), "{}").await.summary.arn;
    let from = |state: Option<&str>, input: Option<&str>| RedriveExecution {
        from: state.map(str::to_owned),
        input: input.map(str::to_owned),
        ..plain(&arn)
    };
    for (state, input, why) in [
        (Some("In"), None, "The execution has no state 'In' outside of other states."),
        (Some("X"), Some("{}"), "The execution has no state 'X' outside of other states."),
        (Some("D"), None, "The state 'D' was never entered: give its input."),
    ] {
        let refused = engine.handle.redrive_execution(from(state, input)).await.unwrap_err();
        assert_eq!(
            (refused.aws_name(), refused.to_string().as_str()),
            ("ValidationException", why)
        );
    }
    let refused = engine.handle.redrive_execution(from(None, Some("{"))).await.unwrap_err();
    assert_eq!(refused.aws_name(), "InvalidExecutionInput");
    assert_eq!(engine.wait(&arn).await.summary.redrives, 0);

    for (state, input, output) in [
        (Some("B"), None, None),
        (None, Some(r#"{"c": 3}"#), None),
        (Some("D"), Some(r#"{"d": 4}"#), Some(r#"{"d":4}"#)),
    ] {
        engine.handle.redrive_execution(from(state, input)).await.unwrap();
        assert_eq!(engine.wait(&arn).await.output.as_deref(), output, "{state:?}");
    }
    let history = engine.history(&arn).await;
    let after = history.iter().position(|event| event == "ExecutionRedriven").unwrap();
    assert_eq!(history[after + 1], "ParallelStateEntered");
    let inputs: Vec<Value> =
        rig.functions.calls().iter().map(|it| (*it.parameters).clone()).collect();
    assert_eq!(inputs, [json!({"a": 1}), json!({"a": 1}), json!({"c": 3})]);
}

/// A Distributed Map over the function `name`.
fn distributed(kind: &str, name: &str, fields: &Value) -> Value {
    let mut map = json!({"Type": "Map", "End": true, "Label": "each", "ItemProcessor": {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind},
        "StartAt": "P", "States": {
            "P": {"Type": "Pass", "Next": "T"},
            "T": {"Type": "Task", "Resource": function(name), "End": true}}}});
    for (name, value) in fields.as_object().unwrap() {
        map[name] = value.clone();
    }
    json!({"StartAt": "Map", "States": {"Map": map}})
}

#[tokio::test]
async fn a_map_run_goes_on_with_the_children_that_failed_and_those_that_never_started() {
    let rig = Rig::new();
    let engine = rig.open();
    let definition = distributed("STANDARD", "frail", &json!({"MaxConcurrency": 2}));
    let record = engine.run(definition, "[1, 2, 3, 4, 5]").await;
    assert_eq!(record.error.as_deref(), Some("States.ExceedToleratedFailureThreshold"));
    let arn = record.summary.arn;
    let runs = || async { engine.handle.list_map_runs(&arn, Page::default()).await.unwrap().items };
    let run = runs().await[0].arn.clone();
    let before = engine.handle.describe_map_run(&run).await.unwrap();
    assert_eq!((before.status, before.redrives), (Status::Failed, 0));
    let tried = before.executions.total();
    assert!(tried < 5, "{before:?}");
    let children = |redriven| ExecutionFilter {
        map_run_arn: Some(run.clone()),
        redriven: Some(redriven),
        ..ExecutionFilter::default()
    };
    let child = engine.handle.list_executions(children(false), Page::default()).await.unwrap();
    let reason = refusal(&engine, plain(&child.items[0].arn)).await;
    assert_eq!(reason, NotRedrivable::ChildOfMapRun);

    rig.functions.mend();
    let at = engine.handle.redrive_execution(plain(&arn)).await.unwrap();
    assert_eq!(engine.wait(&arn).await.output.as_deref(), Some("[1,2,3,4,5]"));
    let after = engine.handle.describe_map_run(&run).await.unwrap();
    assert_eq!((runs().await.len(), after.status), (1, Status::Succeeded));
    assert_eq!((after.redrives, after.redriven_at), (1, Some(at)));
    assert_eq!((after.executions.succeeded, after.executions.total()), (5, 5));
    let history = engine.history(&arn).await;
    let tail = ["ExecutionRedriven", "MapRunRedriven", "MapRunSucceeded", "MapStateSucceeded"];
    assert_eq!(history[7..11], tail);
    let again = engine.handle.list_executions(children(true), Page::default()).await.unwrap();
    assert_eq!(again.items.len() as u64, tried);
    let child = engine.history(&again.items[0].arn).await;
    assert_eq!(child.iter().filter(|event| *event == "PassStateEntered").count(), 1, "{child:?}");
}

#[tokio::test]
async fn express_children_start_from_their_first_state() {
    let rig = Rig::new();
    let engine = rig.open();
    let record = engine.run(distributed("EXPRESS", "frail", &json!({})), "[1]").await;
    let arn = record.summary.arn;
    rig.functions.mend();
    engine.handle.redrive_execution(plain(&arn)).await.unwrap();
    assert_eq!(engine.wait(&arn).await.output.as_deref(), Some("[1]"));
    let run = engine.handle.list_map_runs(&arn, Page::default()).await.unwrap().items.remove(0);
    let filter = ExecutionFilter { map_run_arn: Some(run.arn), ..ExecutionFilter::default() };
    let children = engine.handle.list_executions(filter, Page::default()).await.unwrap().items;
    assert_eq!((children[0].status, children[0].redrives), (Status::Succeeded, 1));
    assert_eq!(rig.functions.calls().len(), 2);
    let keys = rig.functions.keys();
    assert_ne!(keys[0], keys[1], "another attempt");
    let child = engine.handle.describe_execution(&children[0].arn).await.unwrap();
    assert_eq!((child.input.as_str(), child.output.as_deref()), ("1", Some("1")));
    let error = engine.handle.history(&child.summary.arn, false, Page::default()).await;
    assert_eq!(error.unwrap_err().aws_name(), "InvalidArn", "there is no history");
}

/// Its children are still being stopped when it goes on.
#[tokio::test]
async fn a_map_run_goes_on_while_its_children_are_being_stopped() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create("m", distributed("STANDARD", "gate", &json!({}))).await;
    let arn = engine.start(&machine, "one", "[1, 2, 3]").await;
    rig.functions.wait_for_calls(3).await;
    engine.handle.stop_execution(&arn, None, None).await.unwrap();
    engine.handle.redrive_execution(plain(&arn)).await.unwrap();
    let gates = async {
        while engine.status(&arn).await.is_running() {
            rig.functions.open_gate();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gates).await.unwrap();
    assert_eq!(engine.wait(&arn).await.output.as_deref(), Some("[1,2,3]"));
    let run = engine.handle.list_map_runs(&arn, Page::default()).await.unwrap().items.remove(0);
    let run = engine.handle.describe_map_run(&run.arn).await.unwrap();
    assert_eq!((run.executions.succeeded, run.executions.total()), (3, 3));
}

#[tokio::test]
async fn children_wait_for_their_turn_as_pending_redrive() {
    let rig = Rig::new();
    let engine = rig.open();
    let fields = json!({"MaxConcurrency": 1, "ToleratedFailureCount": 2});
    let arn = engine.run(distributed("STANDARD", "frail-gate", &fields), "[1, 2, 3]").await;
    let arn = arn.summary.arn;
    rig.functions.mend();
    engine.handle.redrive_execution(plain(&arn)).await.unwrap();
    rig.functions.wait_for_calls(4).await;
    let run = engine.handle.list_map_runs(&arn, Page::default()).await.unwrap().items.remove(0).arn;
    let counts = engine.handle.describe_map_run(&run).await.unwrap().executions;
    assert_eq!((counts.running, counts.pending_redrive, counts.failed), (1, 2, 0));
    let listed = async |status, pending_redrive| {
        let map_run_arn = Some(run.clone());
        let filter =
            ExecutionFilter { map_run_arn, status, pending_redrive, ..ExecutionFilter::default() };
        engine.handle.list_executions(filter, Page::default()).await.unwrap().items
    };
    let pending = listed(None, true).await;
    assert!(pending.len() == 2 && pending.iter().all(|child| child.is_pending_redrive));
    assert_eq!(listed(Some(Status::Failed), false).await.len(), 0);
    assert_eq!(listed(None, false).await.len(), 3);

    let copy = rig.crashed_copy();
    let again = copy.open();
    copy.functions.mend();
    for calls in 1..=3 {
        copy.functions.wait_for_calls(calls).await;
        copy.functions.open_gate();
    }
    assert_eq!(again.wait(&arn).await.output.as_deref(), Some("[1,2,3]"));
    let counts = again.handle.describe_map_run(&run).await.unwrap().executions;
    assert_eq!((counts.succeeded, counts.pending_redrive), (3, 0));
}
