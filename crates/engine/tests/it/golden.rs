//! Stores that earlier versions wrote open and go on, for ever. A new format of the store gets a file of its own.

use std::time::Duration;

use stepwell_engine::{Page, StartExecution, Status, TaskReport};

use crate::rig::Rig;

const FORMAT_1: &str = include_str!("golden/store-1.sql");
const FORMAT_2: &str = include_str!("golden/store-2.sql");
const FORMAT_3: &str = include_str!("golden/store-3.sql");
const FORMAT_4: &str = include_str!("golden/store-4.sql");

/// Its machine calls `gate`, waits for a minute and succeeds.
#[tokio::test]
async fn a_store_of_format_1_opens_and_goes_on() {
    let rig = Rig::new();
    rig.tamper(FORMAT_1);
    rig.clock.advance(Duration::from_mins(1));
    let engine = rig.open();
    let arn = |name| format!("arn:aws:states:us-east-1:000000000000:execution:old:{name}");

    let ended = engine.handle.describe_execution(&arn("ended")).await.unwrap();
    assert_eq!(ended.summary.status, Status::Succeeded);
    assert_eq!(ended.input, "{\"n\":  1}");
    assert_eq!(ended.output.as_deref(), Some(r#"{"n":1,"called":{"n":1}}"#));
    let history = engine.history(&arn("ended")).await;
    assert_eq!(history.last().map(String::as_str), Some("ExecutionSucceeded"));
    assert_eq!(history.len(), 11, "{history:?}");

    rig.functions.wait_for_calls(1).await;
    assert_eq!(rig.functions.keys(), [format!("{}#3", arn("calling"))]);
    rig.functions.open_gate();
    engine.wait_for_event(&arn("calling"), "WaitStateEntered").await;
    rig.clock.advance(Duration::from_mins(1));
    engine.handle.nudge();
    for name in ["waiting", "calling"] {
        let record = engine.wait(&arn(name)).await;
        assert_eq!(record.output.as_deref(), Some(r#"{"called":{}}"#), "{name}");
    }
    assert_eq!(rig.functions.calls().len(), 1, "what waited is not called again");
}

/// An alias of its machine has started an execution that waits at the activity `mow`; the first of two children of a Map
/// run is at `gate`.
#[tokio::test]
async fn a_store_of_format_2_opens_and_goes_on() {
    let rig = Rig::new();
    rig.tamper(FORMAT_2);
    let engine = rig.open();
    let arn = |kind, name| format!("arn:aws:states:us-east-1:000000000000:{kind}:{name}");

    let mow = arn("activity", "mow");
    let worker = engine.handle.activity_task(&mow, None, Duration::from_secs(20));
    let task = worker.await.unwrap().expect("a task waits");
    let report = TaskReport::Succeeded { output: "\"mown\"".to_owned() };
    engine.handle.report_task(&task.token, report).await.unwrap();
    let mown = engine.wait(&arn("execution", "garden:mowing")).await;
    assert_eq!(mown.output.as_deref(), Some("\"mown\""));
    assert_eq!(mown.summary.alias_arn, Some(arn("stateMachine", "garden:live")));
    assert_eq!(mown.summary.version_arn, Some(arn("stateMachine", "garden:1")));

    let parent = arn("execution", "beds:digging");
    for child in 1..=2 {
        rig.functions.wait_for_calls(child).await;
        rig.functions.open_gate();
    }
    assert_eq!(engine.wait(&parent).await.output.as_deref(), Some("[1,2]"));
    let runs = engine.handle.list_map_runs(&parent, Page::default()).await.unwrap().items;
    let run = engine.handle.describe_map_run(&runs[0].arn).await.unwrap();
    assert_eq!((run.status, run.executions.succeeded), (Status::Succeeded, 2));
}

/// One of its machines is an Express one.
#[tokio::test]
async fn a_store_of_format_3_opens_and_goes_on() {
    let rig = Rig::new();
    rig.tamper(FORMAT_3);
    let engine = rig.open();
    let arn = |name| format!("arn:aws:states:us-east-1:000000000000:stateMachine:{name}");
    let request =
        |name| StartExecution { state_machine_arn: arn(name), name: None, input: "{}".to_owned() };
    let ended = engine.handle.start_sync_execution(request("quick")).await.unwrap();
    assert_eq!(ended.output.as_deref(), Some("1"));
    let again = "arn:aws:states:us-east-1:000000000000:execution:frail:again";
    assert_eq!(engine.handle.describe_execution(again).await.unwrap().summary.redrives, 1);
    let error = engine.handle.start_sync_execution(request("slow")).await.unwrap_err();
    assert_eq!(error.aws_name(), "StateMachineTypeNotSupported");
}

/// The first of three children without a journal has ended, the others were at `gate`.
#[tokio::test]
async fn a_store_of_format_4_opens_and_goes_on() {
    let rig = Rig::new();
    rig.tamper(FORMAT_4);
    let engine = rig.open();
    rig.functions.wait_for_calls(2).await;
    let parent = "arn:aws:states:us-east-1:000000000000:execution:beds:digging";
    let gates = async {
        while engine.status(parent).await.is_running() {
            rig.functions.open_gate();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gates).await.unwrap();
    assert_eq!(engine.wait(parent).await.output.as_deref(), Some("[1,2,3]"));
    let runs = engine.handle.list_map_runs(parent, Page::default()).await.unwrap().items;
    let run = engine.handle.describe_map_run(&runs[0].arn).await.unwrap();
    assert_eq!((run.executions.succeeded, run.executions.total()), (3, 3));
    assert_eq!(rig.functions.calls().len(), 2, "what had ended does not run again");
}
