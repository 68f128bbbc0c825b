//! The Pass state.

use insta::assert_snapshot;
use serde_json::json;

use super::only;
use crate::script::play;

#[test]
fn a_result_goes_where_the_result_path_says() {
    let state = json!({ "Type": "Pass", "Result": { "b": 2 }, "ResultPath": "$.a" });
    assert_snapshot!(play(&only(&state), r#"start {"x":1}"#), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 PassStateEntered State {"x":1}
      3 < 2 PassStateExited State {"x":1,"a":{"b":2}}
      4 < 3 ExecutionSucceeded {"x":1,"a":{"b":2}}
    "#);
}

#[test]
fn a_path_that_finds_nothing_fails_the_execution() {
    let state = json!({ "Type": "Pass", "Parameters": { "a.$": "$.missing" } });
    assert_snapshot!(play(&only(&state), r#"start {"x":1}"#), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 PassStateEntered State {"x":1}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). The JSONPath '$.missing' specified for the field 'a.$' could not be found in the input '{"x":1}'
    "#);
}

#[test]
fn the_input_keeps_its_text_until_the_first_state_is_entered() {
    let state = json!({ "Type": "Pass" });
    assert_snapshot!(play(&only(&state), "start [1,  2.50]"), @r#"
    start [1,  2.50]
      1 < 0 ExecutionStarted [1,  2.50]
      2 < 0 PassStateEntered State [1,  2.50]
      3 < 2 PassStateExited State [1,2.5]
      4 < 3 ExecutionSucceeded [1,2.5]
    "#);
}

#[test]
fn the_context_object_is_there() {
    let state = json!({ "Type": "Pass", "InputPath": "$$" });
    assert_snapshot!(play(&only(&state), r#"start {"x":1}"#), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 PassStateEntered State {"x":1}
      3 < 2 PassStateExited State {"Execution":{"Id":"arn:aws:states:us-east-1:111111111111:execution:m-1:run-1","Input":{"x":1},"StartTime":"2024-07-15T12:00:00.000Z","Name":"run-1","RoleArn":"arn:aws:iam::111111111111:role/machine-role","RedriveCount":0},"StateMachine":{"Id":"arn:aws:states:us-east-1:111111111111:stateMachine:m-1","Name":"m-1"},"State":{"Name":"State","EnteredTime":"2024-07-15T12:00:00.000Z"}}
      4 < 3 ExecutionSucceeded {"Execution":{"Id":"arn:aws:states:us-east-1:111111111111:execution:m-1:run-1","Input":{"x":1},"StartTime":"2024-07-15T12:00:00.000Z","Name":"run-1","RoleArn":"arn:aws:iam::111111111111:role/machine-role","RedriveCount":0},"StateMachine":{"Id":"arn:aws:states:us-east-1:111111111111:stateMachine:m-1","Name":"m-1"},"State":{"Name":"State","EnteredTime":"2024-07-15T12:00:00.000Z"}}
    "#);
}
