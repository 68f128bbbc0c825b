//! The Fail state.

use insta::assert_snapshot;
use serde_json::json;

use super::only;
use crate::script::play;

#[test]
fn error_and_cause_are_those_of_the_execution() {
    let state = json!({ "Type": "Fail", "Error": "Broken", "Cause": "It was too hot." });
    assert_snapshot!(play(&only(&state), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 FailStateEntered State {}
      3 < 2 ExecutionFailed Broken It was too hot.
    "#);
}

#[test]
fn both_may_be_missing() {
    assert_snapshot!(play(&only(&json!({ "Type": "Fail" })), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 FailStateEntered State {}
      3 < 2 ExecutionFailed
    "#);
}

#[test]
fn both_may_be_read_from_the_input() {
    let state = json!({
        "Type": "Fail",
        "ErrorPath": "$.error",
        "CausePath": "States.Format('Because of {}.', $.what)",
    });
    assert_snapshot!(play(&only(&state), r#"start {"error":"Broken","what":"heat"}"#), @r#"
    start {"error":"Broken","what":"heat"}
      1 < 0 ExecutionStarted {"error":"Broken","what":"heat"}
      2 < 0 FailStateEntered State {"error":"Broken","what":"heat"}
      3 < 2 ExecutionFailed Broken Because of heat.
    "#);
}

#[test]
fn an_error_path_that_finds_nothing_is_an_error_of_its_own() {
    let state = json!({ "Type": "Fail", "ErrorPath": "$.missing" });
    assert_snapshot!(play(&only(&state), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 FailStateEntered State {}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). The JSONPath '$.missing' specified for the field 'ErrorPath' could not be found in the input '{}'
    "#);
}
