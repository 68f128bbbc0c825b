//! The Parallel state.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{machine, only};
use crate::script::play;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

fn branch(name: &str, mut state: Value) -> Value {
    if state["Type"] != "Fail" {
        state["End"] = json!(true);
    }
    json!({ "StartAt": name, "States": { name: state } })
}

fn task(name: &str) -> Value {
    branch(name, json!({ "Type": "Task", "Resource": FUNCTION }))
}

#[test]
fn results_keep_the_order_of_the_branches() {
    let state =
        json!({ "Type": "Parallel", "Branches": [task("A"), task("B")], "ResultPath": "$.r" });
    assert_snapshot!(play(&only(&state), "start {\"x\":1}\nok 7 \"b\"\nok 5 \"a\""), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 ParallelStateEntered State {"x":1}
      3 < 2 ParallelStateStarted
      4 < 3 TaskStateEntered A {"x":1}
      5 < 4 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"x":1}
      6 < 3 TaskStateEntered B {"x":1}
      7 < 6 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"x":1}
      > schedule 5 {"x":1} by none
      > schedule 7 {"x":1} by none
    ok 7 "b"
      8 < 7 LambdaFunctionStarted
      9 < 8 LambdaFunctionSucceeded "b"
      10 < 9 TaskStateExited B "b"
    ok 5 "a"
      11 < 5 LambdaFunctionStarted
      12 < 11 LambdaFunctionSucceeded "a"
      13 < 12 TaskStateExited A "a"
      14 < 13 ParallelStateSucceeded
      15 < 13 ParallelStateExited State {"x":1,"r":["a","b"]}
      16 < 15 ExecutionSucceeded {"x":1,"r":["a","b"]}
    "#);
}

#[test]
fn parameters_are_the_input_of_every_branch() {
    let state = json!({
        "Type": "Parallel",
        "Parameters": { "id.$": "$.x" },
        "ResultSelector": { "first.$": "$[0].id" },
        "Branches": [branch("A", json!({ "Type": "Pass" })), branch("B", json!({ "Type": "Pass" }))],
    });
    assert_snapshot!(play(&only(&state), "start {\"x\":1}"), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 ParallelStateEntered State {"x":1}
      3 < 2 ParallelStateStarted
      4 < 3 PassStateEntered A {"id":1}
      5 < 4 PassStateExited A {"id":1}
      6 < 3 PassStateEntered B {"id":1}
      7 < 6 PassStateExited B {"id":1}
      8 < 7 ParallelStateSucceeded
      9 < 7 ParallelStateExited State {"first":1}
      10 < 9 ExecutionSucceeded {"first":1}
    "#);
}

#[test]
fn a_failed_branch_gives_up_the_others() {
    let inner = json!({ "Type": "Map", "ItemProcessor": task("Each") });
    let state = json!({
        "Type": "Parallel",
        "Branches": [
            task("A"),
            branch("W", json!({ "Type": "Wait", "Seconds": 60 })),
            branch("M", inner),
            branch("P", json!({ "Type": "Pass" })),
        ],
    });
    assert_snapshot!(play(&only(&state), "start [1,2]\nfailed 5 Boom it broke"), @r#"
    start [1,2]
      1 < 0 ExecutionStarted [1,2]
      2 < 0 ParallelStateEntered State [1,2]
      3 < 2 ParallelStateStarted
      4 < 3 TaskStateEntered A [1,2]
      5 < 4 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f [1,2]
      6 < 3 WaitStateEntered W [1,2]
      7 < 3 MapStateEntered M [1,2]
      8 < 7 MapStateStarted 2
      9 < 8 MapIterationStarted M 0
      10 < 8 MapIterationStarted M 1
      11 < 3 PassStateEntered P [1,2]
      12 < 11 PassStateExited P [1,2]
      13 < 9 TaskStateEntered Each 1
      14 < 13 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 1
      15 < 10 TaskStateEntered Each 2
      16 < 15 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 2
      > schedule 5 [1,2] by none
      > schedule 14 1 by none
      > schedule 16 2 by none
    failed 5 Boom it broke
      17 < 5 LambdaFunctionStarted
      18 < 17 LambdaFunctionFailed Boom it broke
      19 < 18 TaskStateAborted
      20 < 18 WaitStateAborted
      21 < 18 MapIterationAborted M 0
      22 < 18 TaskStateAborted
      23 < 18 MapIterationAborted M 1
      24 < 18 TaskStateAborted
      25 < 18 MapStateAborted
      26 < 18 ParallelStateFailed
      27 < 26 ExecutionFailed Boom it broke
      > cancel 14
      > cancel 16
    "#);
}

#[test]
fn it_is_tried_again_as_a_whole() {
    let state = json!({
        "Type": "Parallel",
        "Branches": [task("A"), task("B")],
        "Retry": [{ "ErrorEquals": ["Boom"], "MaxAttempts": 1 }],
    });
    let script = "start {}\nok 5 1\nfailed 7 Boom\npass 1\nok 16 1\nok 18 2";
    assert_snapshot!(play(&only(&state), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 ParallelStateEntered State {}
      3 < 2 ParallelStateStarted
      4 < 3 TaskStateEntered A {}
      5 < 4 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      6 < 3 TaskStateEntered B {}
      7 < 6 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 5 {} by none
      > schedule 7 {} by none
    ok 5 1
      8 < 5 LambdaFunctionStarted
      9 < 8 LambdaFunctionSucceeded 1
      10 < 9 TaskStateExited A 1
    failed 7 Boom
      11 < 7 LambdaFunctionStarted
      12 < 11 LambdaFunctionFailed Boom
      13 < 12 TaskStateAborted
    pass 1
      14 < 12 ParallelStateStarted
      15 < 14 TaskStateEntered A {}
      16 < 15 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      17 < 14 TaskStateEntered B {}
      18 < 17 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 16 {} by none
      > schedule 18 {} by none
    ok 16 1
      19 < 16 LambdaFunctionStarted
      20 < 19 LambdaFunctionSucceeded 1
      21 < 20 TaskStateExited A 1
    ok 18 2
      22 < 18 LambdaFunctionStarted
      23 < 22 LambdaFunctionSucceeded 2
      24 < 23 TaskStateExited B 2
      25 < 24 ParallelStateSucceeded
      26 < 24 ParallelStateExited State [1,2]
      27 < 26 ExecutionSucceeded [1,2]
    "#);
}

#[test]
fn a_failure_is_caught_outside() {
    let states = json!({
        "Both": {
            "Type": "Parallel",
            "Branches": [
                branch("F", json!({ "Type": "Fail", "Error": "Broken" })),
                branch("P", json!({ "Type": "Pass" })),
            ],
            "Catch": [{ "ErrorEquals": ["Broken"], "ResultPath": "$.why", "Next": "Caught" }],
            "End": true,
        },
        "Caught": { "Type": "Succeed" },
    });
    assert_snapshot!(play(&machine("Both", &states), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 ParallelStateEntered Both {}
      3 < 2 ParallelStateStarted
      4 < 3 FailStateEntered F {}
      5 < 4 ParallelStateFailed
      6 < 5 ParallelStateExited Both {"why":{"Error":"Broken","Cause":""}}
      7 < 6 SucceedStateEntered Caught {"why":{"Error":"Broken","Cause":""}}
      8 < 7 SucceedStateExited Caught {"why":{"Error":"Broken","Cause":""}}
      9 < 8 ExecutionSucceeded {"why":{"Error":"Broken","Cause":""}}
    "#);
}

#[test]
fn a_failure_goes_out_through_every_level() {
    let inner = json!({ "Type": "Parallel", "Branches": [task("A"), task("B")] });
    let state = json!({ "Type": "Parallel", "Branches": [branch("Inner", inner), task("C")] });
    assert_snapshot!(play(&only(&state), "start {}\nfailed 9 Boom"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 ParallelStateEntered State {}
      3 < 2 ParallelStateStarted
      4 < 3 ParallelStateEntered Inner {}
      5 < 4 ParallelStateStarted
      6 < 3 TaskStateEntered C {}
      7 < 6 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      8 < 5 TaskStateEntered A {}
      9 < 8 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      10 < 5 TaskStateEntered B {}
      11 < 10 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 7 {} by none
      > schedule 9 {} by none
      > schedule 11 {} by none
    failed 9 Boom
      12 < 9 LambdaFunctionStarted
      13 < 12 LambdaFunctionFailed Boom
      14 < 13 TaskStateAborted
      15 < 13 TaskStateAborted
      16 < 13 ParallelStateFailed
      17 < 16 ParallelStateAborted
      18 < 16 TaskStateAborted
      19 < 16 ParallelStateFailed
      20 < 19 ExecutionFailed Boom
      > cancel 11
      > cancel 7
    "#);
}

/// Two branches, the first of which cannot be evaluated.
fn with_a_missing_path(catch: &Value) -> String {
    let missing = json!({ "Type": "Pass", "Parameters": { "a.$": "$.missing" } });
    let states = json!({
        "Both": {
            "Type": "Parallel",
            "Branches": [branch("A", missing), task("B")],
            "Catch": catch,
            "End": true,
        },
        "Caught": { "Type": "Succeed" },
    });
    machine("Both", &states)
}

#[test]
fn a_runtime_error_ends_the_execution_where_it_is() {
    let catch = json!([{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }]);
    assert_snapshot!(play(&with_a_missing_path(&catch), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 ParallelStateEntered Both {}
      3 < 2 ParallelStateStarted
      4 < 3 PassStateEntered A {}
      5 < 4 ExecutionFailed States.Runtime An error occurred while executing the state 'A' (entered at the event id #4). The JSONPath '$.missing' specified for the field 'a.$' could not be found in the input '{}'
    "#);
}

#[test]
fn a_runtime_error_that_is_named_can_be_caught() {
    let catch =
        json!([{ "ErrorEquals": ["States.Runtime"], "ResultPath": null, "Next": "Caught" }]);
    assert_snapshot!(play(&with_a_missing_path(&catch), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 ParallelStateEntered Both {}
      3 < 2 ParallelStateStarted
      4 < 3 PassStateEntered A {}
      5 < 4 ParallelStateFailed
      6 < 5 ParallelStateExited Both {}
      7 < 6 SucceedStateEntered Caught {}
      8 < 7 SucceedStateExited Caught {}
      9 < 8 ExecutionSucceeded {}
    "#);
}
