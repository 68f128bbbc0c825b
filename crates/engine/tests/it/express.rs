//! Express executions: in memory, for five minutes at most, and nothing of them on disk.

use std::time::Duration;

use serde_json::{Value, json};
use stepwell_asl::WorkflowType;
use stepwell_engine::{
    CreateStateMachine, Error, ExecutionFilter, Options, Page, StartExecution, Status,
    SyncExecution, UpdateStateMachine,
};
use tokio::task::JoinHandle;

use crate::rig::{Engine, Rig, count_down, function, one, service, task, wait};

impl Engine {
    async fn create_express(&self, name: &str, definition: Value) -> Result<String, Error> {
        let request = CreateStateMachine {
            name: name.to_owned(),
            workflow: WorkflowType::Express,
            definition: definition.to_string(),
            ..Default::default()
        };
        Ok(self.handle.create_state_machine(request).await?.arn)
    }

    /// Creates an Express state machine and waits for an execution of it.
    async fn run_sync(&self, definition: Value, input: &str) -> SyncExecution {
        let machine = self.create_express("m", definition).await.unwrap();
        self.handle.start_sync_execution(request(&machine, input)).await.unwrap()
    }

    /// Waits until so many Express executions run.
    async fn wait_until_express(&self, count: u64) {
        while self.handle.stats().express_executions != count {
            tokio::task::yield_now().await;
        }
    }

    /// Starts an execution that somebody waits for.
    fn start_sync(&self, machine: &str) -> JoinHandle<Result<SyncExecution, Error>> {
        let (handle, request) = (self.handle.clone(), request(machine, "{}"));
        tokio::spawn(async move { handle.start_sync_execution(request).await })
    }
}

fn request(state_machine_arn: &str, input: &str) -> StartExecution {
    let state_machine_arn = state_machine_arn.to_owned();
    StartExecution { state_machine_arn, name: Some("one".to_owned()), input: input.to_owned() }
}

#[tokio::test]
async fn what_only_the_other_type_can_do_is_refused() {
    let engine = Rig::new().open();
    let standard = engine.create("standard", wait(1)).await;
    let error = engine.handle.start_sync_execution(request(&standard, "{}")).await.unwrap_err();
    assert_eq!(error.aws_name(), "StateMachineTypeNotSupported");
    let missing = standard.replace("standard", "none");
    let error = engine.handle.start_sync_execution(request(&missing, "{}")).await.unwrap_err();
    assert_eq!(error.aws_name(), "StateMachineDoesNotExist");

    let express = engine.create_express("m", wait(1)).await.unwrap();
    let filter = ExecutionFilter { state_machine_arn: Some(express.clone()), ..Default::default() };
    let error = engine.handle.list_executions(filter, Page::default()).await.unwrap_err();
    assert_eq!(error.aws_name(), "StateMachineTypeNotSupported");
    let started = engine.handle.start_execution(request(&express, "{}")).await.unwrap();
    let arn = &started.execution_arn;
    let error = engine.handle.describe_execution(arn).await.unwrap_err();
    assert_eq!(error.aws_name(), "InvalidArn");
    let error = engine.handle.stop_execution(arn, None, None).await.unwrap_err();
    assert_eq!(error.aws_name(), "InvalidArn");
    let error = engine.handle.start_execution(request(&express, "{")).await.unwrap_err();
    assert_eq!(error.aws_name(), "InvalidExecutionInput");
}

#[tokio::test]
async fn a_definition_that_waits_for_others_is_refused_however_it_comes() {
    let engine = Rig::new().open();
    let job = one(json!({"Type": "Task", "Resource": service("job.sync")}));
    let error = engine.create_express("m", job.clone()).await.unwrap_err();
    assert_eq!(error.aws_name(), "InvalidDefinition");
    let arn = engine.create_express("m", wait(1)).await.unwrap();
    let change = UpdateStateMachine { definition: Some(job.to_string()), ..Default::default() };
    let error = engine.handle.update_state_machine(&arn, change.clone()).await.unwrap_err();
    assert_eq!(error.aws_name(), "InvalidDefinition");
    let standard = engine.create("standard", wait(1)).await;
    engine.handle.update_state_machine(&standard, change).await.unwrap();
}

#[tokio::test]
async fn the_type_stays_through_updates_and_restarts_and_is_part_of_what_is_compared() {
    let rig = Rig::new();
    let engine = rig.open();
    let arn = engine.create_express("m", wait(1)).await.unwrap();
    let error = engine.try_create("m", wait(1)).await.unwrap_err();
    assert_eq!(error.aws_name(), "StateMachineAlreadyExists");
    assert_eq!(engine.create_express("m", wait(1)).await.unwrap(), arn);
    let definition = Some(task("echo").to_string());
    let change = UpdateStateMachine { definition, ..Default::default() };
    engine.handle.update_state_machine(&arn, change).await.unwrap();
    engine.close().await.unwrap();

    let engine = rig.open();
    let record = engine.handle.describe_state_machine(&arn).await.unwrap();
    assert_eq!(record.workflow, WorkflowType::Express);
    let listed = engine.handle.list_state_machines(Page::default()).await.unwrap().items;
    assert_eq!(listed[0].workflow, WorkflowType::Express);
    let ended = engine.handle.start_sync_execution(request(&arn, "[1]")).await.unwrap();
    assert_eq!(ended.output.as_deref(), Some("[1]"));

    engine.handle.delete_state_machine(&arn).await.unwrap();
    engine.create("m", wait(1)).await;
    let record = engine.handle.describe_state_machine(&arn).await.unwrap();
    assert_eq!(record.workflow, WorkflowType::Standard, "it is another one");
}

#[tokio::test]
async fn an_execution_that_is_waited_for_tells_how_it_ended() {
    let engine = Rig::new().open();
    let ended = engine.run_sync(task("echo"), "{\"n\":  1}").await;
    let arn = "arn:aws:states:us-east-1:000000000000:express:m:one:";
    assert!(ended.execution_arn.starts_with(arn), "{}", ended.execution_arn);
    assert_eq!(ended.execution_arn.len(), arn.len() + 36);
    assert_eq!(ended.state_machine_arn, "arn:aws:states:us-east-1:000000000000:stateMachine:m");
    assert_eq!((ended.status, ended.name.as_str()), (Status::Succeeded, "one"));
    assert_eq!(ended.input, "{\"n\":  1}");
    assert_eq!(ended.output.as_deref(), Some(r#"{"n":1}"#));
    assert_eq!(ended.error, None);
}

#[tokio::test]
async fn a_failure_is_retried_and_caught_as_ever() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = one(json!({"Type": "Task", "Resource": function("fails"),
        "Retry": [{"ErrorEquals": ["Custom"], "IntervalSeconds": 60, "MaxAttempts": 1}]}));
    let machine = engine.create_express("m", machine).await.unwrap();
    let running = engine.start_sync(&machine);
    rig.functions.wait_for_calls(1).await;
    rig.until_retried(&engine, 2, Duration::from_mins(1)).await;
    let ended = running.await.unwrap().unwrap();
    assert_eq!(ended.status, Status::Failed);
    assert_eq!((ended.error.as_deref(), ended.cause.as_deref()), (Some("Custom"), Some("why")));
    assert_eq!(ended.output, None);
}

impl Rig {
    /// Moves the clock and looks at it until a function was called so often.
    async fn until_retried(&self, engine: &Engine, calls: usize, by: Duration) {
        self.clock.advance(by);
        while self.functions.calls().len() < calls {
            engine.handle.nudge();
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn after_five_minutes_it_is_timed_out_whatever_it_does() {
    let rig = Rig::new();
    let engine = rig.open();
    for (name, definition) in [("waits", wait(600)), ("works", task("obedient"))] {
        let machine = engine.create_express(name, definition).await.unwrap();
        let mut running = engine.start_sync(&machine);
        engine.wait_until_express(1).await;
        rig.clock.advance(Duration::from_mins(5));
        let ended = loop {
            engine.handle.nudge();
            tokio::select! {
                biased;
                ended = &mut running => break ended.unwrap().unwrap(),
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(ended.status, Status::TimedOut, "{name}");
    }
}

#[tokio::test]
async fn any_number_may_have_the_same_name() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create_express("m", task("gate")).await.unwrap();
    let first = engine.handle.start_execution(request(&machine, "{}")).await.unwrap();
    let second = engine.handle.start_execution(request(&machine, "{}")).await.unwrap();
    assert_ne!(first.execution_arn, second.execution_arn);
    rig.functions.wait_for_calls(2).await;
    let keys = rig.functions.keys();
    assert!(keys.contains(&format!("{}#3", first.execution_arn)), "{keys:?}");
    assert!(keys.contains(&format!("{}#3", second.execution_arn)), "{keys:?}");
}

#[tokio::test]
async fn an_alias_starts_the_version_that_it_routes_to() {
    let engine = Rig::new().open();
    let machine = engine.create_express("m", one(json!({"Type": "Pass", "Result": 1}))).await;
    let machine = machine.unwrap();
    engine.handle.publish_version(&machine, None, None).await.unwrap();
    let definition = Some(one(json!({"Type": "Pass", "Result": 2})).to_string());
    let change = UpdateStateMachine { definition, ..Default::default() };
    engine.handle.update_state_machine(&machine, change).await.unwrap();
    let routes = [(format!("{machine}:1"), 100)];
    engine.handle.create_alias("live".to_owned(), None, &routes).await.unwrap();
    for (arn, output) in [(format!("{machine}:live"), "1"), (machine, "2")] {
        let ended = engine.handle.start_sync_execution(request(&arn, "{}")).await.unwrap();
        assert_eq!(ended.output.as_deref(), Some(output), "{arn}");
    }
}

#[tokio::test]
async fn one_more_than_may_run_is_refused_and_has_a_place_later() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { express_executions_max: 1, ..rig.options() });
    let machine = engine.create_express("m", task("gate")).await.unwrap();
    let running = engine.start_sync(&machine);
    rig.functions.wait_for_calls(1).await;
    let error = engine.handle.start_execution(request(&machine, "{}")).await.unwrap_err();
    assert_eq!(error.aws_name(), "ExecutionLimitExceeded");
    rig.functions.open_gate();
    assert_eq!(running.await.unwrap().unwrap().status, Status::Succeeded);
    rig.functions.open_gate();
    let ended = engine.start_sync(&machine).await.unwrap().unwrap();
    assert_eq!(ended.status, Status::Succeeded);
}

#[tokio::test]
async fn it_goes_on_when_nobody_waits_for_it_any_more() {
    let rig = Rig::new();
    let engine = rig.open();
    let definition = json!({"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": function("gate"), "Next": "B"},
        "B": {"Type": "Task", "Resource": function("echo"), "End": true}}});
    let machine = engine.create_express("m", definition).await.unwrap();
    let running = engine.start_sync(&machine);
    rig.functions.wait_for_calls(1).await;
    running.abort();
    rig.functions.open_gate();
    rig.functions.wait_for_calls(2).await;
}

#[tokio::test]
async fn a_long_loop_lets_others_have_their_turn() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { shutdown_grace_seconds: 0, ..rig.options() });
    let endless = engine.create_express("endless", count_down()).await.unwrap();
    engine.handle.start_execution(request(&endless, "{\"n\": 1000000000}")).await.unwrap();
    let ended = engine.run_sync(count_down(), "{\"n\": 2000}").await;
    assert_eq!(ended.output.as_deref(), Some(r#"{"n":0}"#));
    engine.close().await.unwrap();
}

#[tokio::test]
async fn nothing_of_it_survives_a_crash() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create_express("m", task("gate")).await.unwrap();
    let other = engine.create("other", task("gate")).await;
    engine.handle.start_execution(request(&machine, "{}")).await.unwrap();
    engine.start(&other, "two", "{}").await;
    rig.functions.wait_for_calls(2).await;

    let copy = rig.crashed_copy();
    let again = copy.open();
    copy.functions.wait_for_calls(1).await;
    assert!(copy.functions.keys()[0].contains(":execution:other:two#"));
    let all = again.handle.list_executions(ExecutionFilter::default(), Page::default()).await;
    assert_eq!(all.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_shutdown_lets_it_end_within_the_grace() {
    let rig = Rig::new();
    let engine = rig.open();
    let machine = engine.create_express("m", task("gate")).await.unwrap();
    let running = engine.start_sync(&machine);
    rig.functions.wait_for_calls(1).await;
    let handle = engine.handle.clone();
    engine.stop.cancel();
    let refused = async {
        while handle.start_execution(request(&machine, "{}")).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    refused.await;
    rig.functions.open_gate();
    engine.running.await.unwrap().unwrap();
    assert_eq!(running.await.unwrap().unwrap().status, Status::Succeeded);
}

/// Half of the grace is for tasks of Standard executions, which save what they have come to.
#[tokio::test]
async fn one_that_does_not_end_leaves_standard_executions_time_to_save() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { shutdown_grace_seconds: 10, ..rig.options() });
    let express = engine.create_express("m", task("deaf")).await.unwrap();
    let standard = engine.create("s", task("saver")).await;
    engine.handle.start_execution(request(&express, "{}")).await.unwrap();
    let arn = engine.start(&standard, "one", "{}").await;
    rig.functions.wait_for_calls(2).await;
    engine.close().await.unwrap();

    let engine = rig.open();
    assert_eq!(engine.wait(&arn).await.output.as_deref(), Some(r#""saved""#));
    assert_eq!(rig.functions.calls().len(), 2, "it is not called again");
}

#[tokio::test]
async fn a_shutdown_cuts_off_what_goes_on_after_the_grace() {
    let rig = Rig::new();
    let engine = rig.open_with(Options { shutdown_grace_seconds: 0, ..rig.options() });
    let machine = engine.create_express("m", task("deaf")).await.unwrap();
    let running = engine.start_sync(&machine);
    rig.functions.wait_for_calls(1).await;
    engine.close().await.unwrap();
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.aws_name(), "ServiceUnavailable");
}
