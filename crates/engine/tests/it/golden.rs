//! Stores that earlier versions wrote open and go on, for ever. A new format of the store gets a file of its own.

use std::time::Duration;

use stepwell_engine::Status;

use crate::rig::Rig;

const FORMAT_1: &str = include_str!("golden/store-1.sql");

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
