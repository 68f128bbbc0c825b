//! The Wait state.

use insta::assert_snapshot;
use serde_json::json;

use super::only;
use crate::script::play;

#[test]
fn it_goes_on_when_the_seconds_are_over() {
    let state = json!({ "Type": "Wait", "Seconds": 3 });
    assert_snapshot!(play(&only(&state), "start {}\npass 2\npass 1"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 WaitStateEntered State {}
    pass 2
    pass 1
      3 < 2 WaitStateExited State {}
      4 < 3 ExecutionSucceeded {}
    "#);
}

#[test]
fn it_goes_on_at_once_if_the_time_has_passed() {
    let state = json!({ "Type": "Wait", "Timestamp": "2016-03-14T01:59:00Z" });
    assert_snapshot!(play(&only(&state), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 WaitStateEntered State {}
      3 < 2 WaitStateExited State {}
      4 < 3 ExecutionSucceeded {}
    "#);
}

#[test]
fn a_timestamp_is_never_anticipated() {
    let state = json!({ "Type": "Wait", "TimestampPath": "$.at" });
    let script = r#"
        start {"at":"2024-07-15T12:00:05.000000001Z"}
        pass 5
        pass 1
    "#;
    assert_snapshot!(play(&only(&state), script), @r#"
    start {"at":"2024-07-15T12:00:05.000000001Z"}
      1 < 0 ExecutionStarted {"at":"2024-07-15T12:00:05.000000001Z"}
      2 < 0 WaitStateEntered State {"at":"2024-07-15T12:00:05.000000001Z"}
    pass 5
    pass 1
      3 < 2 WaitStateExited State {"at":"2024-07-15T12:00:05.000000001Z"}
      4 < 3 ExecutionSucceeded {"at":"2024-07-15T12:00:05.000000001Z"}
    "#);
}

#[test]
fn seconds_must_be_a_number_that_is_not_negative() {
    let state = json!({ "Type": "Wait", "SecondsPath": "$.seconds" });
    for (input, snapshot) in [
        (r#"start {"seconds":-1}"#, "negative"),
        (r#"start {"seconds":"1"}"#, "text"),
        ("start {}", "missing"),
    ] {
        let text = play(&only(&state), input);
        assert!(text.contains("ExecutionFailed States.Runtime"), "{snapshot}: {text}");
    }
}

#[test]
fn a_wait_beyond_the_end_of_time_is_harmless() {
    let state = json!({ "Type": "Wait", "SecondsPath": "$.seconds" });
    let script = format!("start {{\"seconds\":{}}}\npass 5\nstop", u64::MAX);
    assert_snapshot!(play(&only(&state), &script), @r#"
    start {"seconds":18446744073709551615}
      1 < 0 ExecutionStarted {"seconds":18446744073709551615}
      2 < 0 WaitStateEntered State {"seconds":18446744073709551615}
    pass 5
    stop
      3 < 0 ExecutionAborted
    "#);
}
