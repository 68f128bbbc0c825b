//! The Succeed state.

use insta::assert_snapshot;
use serde_json::json;

use super::only;
use crate::script::play;

#[test]
fn it_selects_its_output_and_ends_the_execution() {
    let state = json!({ "Type": "Succeed", "InputPath": "$.a", "OutputPath": "$.b" });
    assert_snapshot!(play(&only(&state), r#"start {"a":{"b":1}}"#), @r#"
    start {"a":{"b":1}}
      1 < 0 ExecutionStarted {"a":{"b":1}}
      2 < 0 SucceedStateEntered State {"a":{"b":1}}
      3 < 2 SucceedStateExited State 1
      4 < 3 ExecutionSucceeded 1
    "#);
}

#[test]
fn an_output_path_that_finds_nothing_fails_the_execution() {
    let state = json!({ "Type": "Succeed", "OutputPath": "$.missing" });
    assert_snapshot!(play(&only(&state), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 SucceedStateEntered State {}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). Invalid path '$.missing' : No results for path: $['missing']
    "#);
}
