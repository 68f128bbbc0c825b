//! How an execution goes on after an end without success.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{machine, only};
use crate::script::play;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

fn task(fields: &Value) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": FUNCTION });
    let fields = fields.as_object().expect("fields");
    state.as_object_mut().expect("a state").extend(fields.clone());
    state
}

fn branch(name: &str, mut state: Value) -> Value {
    state["End"] = json!(true);
    json!({ "StartAt": name, "States": { name: state } })
}

#[test]
fn what_runs_or_succeeded_is_not_redriven() {
    let pass = json!({ "Type": "Pass" });
    assert_snapshot!(play(&only(&pass), "start {}\nredrive"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 PassStateEntered State {}
      3 < 2 PassStateExited State {}
      4 < 3 ExecutionSucceeded {}
    redrive
    "#);
    assert_snapshot!(play(&only(&task(&json!({}))), "start {}\nredrive"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 3 {} by none
    redrive
    "#);
}

#[test]
fn a_failed_task_is_scheduled_again_with_all_its_retries() {
    let retry =
        json!({ "Retry": [{ "ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 1 }] });
    let script = "start {}\nfailed 3 E\npass 1\nfailed 6 E\nredrive\nfailed 11 E\npass 1\nok 14 1";
    assert_snapshot!(play(&only(&task(&retry)), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 3 {} by none
    failed 3 E
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionFailed E
    pass 1
      6 < 5 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 6 {} by none
    failed 6 E
      7 < 6 LambdaFunctionStarted
      8 < 7 LambdaFunctionFailed E
      9 < 8 ExecutionFailed E
    redrive
      10 < 9 ExecutionRedriven 1
      11 < 10 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 11 {} by none
    failed 11 E
      12 < 11 LambdaFunctionStarted
      13 < 12 LambdaFunctionFailed E
    pass 1
      14 < 13 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 14 {} by none
    ok 14 1
      15 < 14 LambdaFunctionStarted
      16 < 15 LambdaFunctionSucceeded 1
      17 < 16 TaskStateExited State 1
      18 < 17 ExecutionSucceeded 1
    "#);
}

#[test]
fn a_task_is_scheduled_again_after_a_stop_and_its_old_outcome_means_nothing() {
    let script = "start {}\nstarted 3\nstop\nredrive\nok 3 1\nok 7 2";
    assert_snapshot!(play(&only(&task(&json!({ "TimeoutSeconds": 9 }))), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 9 {}
      > schedule 3 {} by 12:00:09
    started 3
      4 < 3 LambdaFunctionStarted
    stop
      5 < 0 ExecutionAborted
      > cancel 3
    redrive
      6 < 5 ExecutionRedriven 1
      7 < 6 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 9 {}
      > schedule 7 {} by 12:00:09
    ok 3 1
    ok 7 2
      8 < 7 LambdaFunctionStarted
      9 < 8 LambdaFunctionSucceeded 2
      10 < 9 TaskStateExited State 2
      11 < 10 ExecutionSucceeded 2
    "#);
}

#[test]
fn the_time_of_the_execution_counts_from_the_redrive() {
    let states = json!({ "State": { "Type": "Wait", "Seconds": 20, "End": true } });
    let definition = json!({ "StartAt": "State", "TimeoutSeconds": 10, "States": states });
    let script = "start {}\npass 30\nredrive\npass 9\npass 1\nredrive";
    assert_snapshot!(play(&definition.to_string(), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 WaitStateEntered State {}
    pass 30
      3 < 0 ExecutionTimedOut States.Timeout
    redrive
      4 < 3 ExecutionRedriven 1
    pass 9
    pass 1
      5 < 0 ExecutionTimedOut States.Timeout
    redrive
      6 < 5 ExecutionRedriven 2
    "#);
}

#[test]
fn a_wait_for_a_time_that_has_passed_is_over() {
    let wait = json!({ "Type": "Wait", "Timestamp": "2024-07-15T12:00:10Z" });
    assert_snapshot!(play(&only(&wait), "start {}\nstop\npass 20\nredrive"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 WaitStateEntered State {}
    stop
      3 < 0 ExecutionAborted
    pass 20
    redrive
      4 < 3 ExecutionRedriven 1
      5 < 4 WaitStateExited State {}
      6 < 5 ExecutionSucceeded {}
    "#);
}

#[test]
fn a_fail_state_is_entered_again_and_fails_again() {
    let fail = json!({ "Type": "Fail", "Error": "E" });
    assert_snapshot!(play(&only(&fail), "start {}\nredrive\nredrive"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 FailStateEntered State {}
      3 < 2 ExecutionFailed E
    redrive
      4 < 3 ExecutionRedriven 1
      5 < 4 FailStateEntered State {}
      6 < 5 ExecutionFailed E
    redrive
      7 < 6 ExecutionRedriven 2
      8 < 7 FailStateEntered State {}
      9 < 8 ExecutionFailed E
    "#);
}

#[test]
fn a_choice_is_made_again() {
    let states = json!({
        "State": { "Type": "Choice", "Choices": [
            { "Variable": "$.x", "NumericEquals": 1, "Next": "One" }] },
        "One": { "Type": "Succeed" } });
    assert_snapshot!(play(&machine("State", &states), "start {\"x\":2}\nredrive"), @r#"
    start {"x":2}
      1 < 0 ExecutionStarted {"x":2}
      2 < 0 ChoiceStateEntered State {"x":2}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state.
    redrive
      4 < 3 ExecutionRedriven 1
      5 < 4 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state.
    "#);
}

#[test]
fn the_context_object_tells_of_the_redrive() {
    let states = json!({
        "State": task(&json!({ "Parameters": {
            "count.$": "$$.Execution.RedriveCount", "all.$": "$$.Execution" }, "End": true })) });
    assert_snapshot!(play(&machine("State", &states), "start {}\npass 5\nfailed 3 E\nredrive"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"count":0,"all":{"Id":"arn:aws:states:us-east-1:111111111111:execution:m-1:run-1","Input":{},"StartTime":"2024-07-15T12:00:00.000Z","Name":"run-1","RoleArn":"arn:aws:iam::111111111111:role/machine-role","RedriveCount":0}}
      > schedule 3 {"count":0,"all":{"Id":"arn:aws:states:us-east-1:111111111111:execution:m-1:run-1","Input":{},"StartTime":"2024-07-15T12:00:00.000Z","Name":"run-1","RoleArn":"arn:aws:iam::111111111111:role/machine-role","RedriveCount":0}} by none
    pass 5
    failed 3 E
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionFailed E
      6 < 5 ExecutionFailed E
    redrive
      7 < 6 ExecutionRedriven 1
      8 < 7 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"count":1,"all":{"Id":"arn:aws:states:us-east-1:111111111111:execution:m-1:run-1","Input":{},"StartTime":"2024-07-15T12:00:00.000Z","Name":"run-1","RoleArn":"arn:aws:iam::111111111111:role/machine-role","RedriveCount":1,"RedriveTime":"2024-07-15T12:00:05.000Z"}}
      > schedule 8 {"count":1,"all":{"Id":"arn:aws:states:us-east-1:111111111111:execution:m-1:run-1","Input":{},"StartTime":"2024-07-15T12:00:00.000Z","Name":"run-1","RoleArn":"arn:aws:iam::111111111111:role/machine-role","RedriveCount":1,"RedriveTime":"2024-07-15T12:00:05.000Z"}} by none
    "#);
}

#[test]
fn branches_that_succeeded_keep_their_results() {
    let inner = json!({ "Type": "Parallel", "Branches": [branch("C", task(&json!({}))), branch("D", task(&json!({})))] });
    let state = json!({ "Type": "Parallel", "Branches": [
        branch("A", task(&json!({}))), branch("B", inner), branch("E", json!({ "Type": "Wait", "Seconds": 5 }))] });
    let script = "start {}\nok 5 \"a\"\nok 10 \"c\"\nfailed 12 E\nredrive\nok 28 \"d\"\npass 5";
    assert_snapshot!(play(&only(&state), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 ParallelStateEntered State {}
      3 < 2 ParallelStateStarted
      4 < 3 TaskStateEntered A {}
      5 < 4 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      6 < 3 ParallelStateEntered B {}
      7 < 6 ParallelStateStarted
      8 < 3 WaitStateEntered E {}
      9 < 7 TaskStateEntered C {}
      10 < 9 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      11 < 7 TaskStateEntered D {}
      12 < 11 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 5 {} by none
      > schedule 10 {} by none
      > schedule 12 {} by none
    ok 5 "a"
      13 < 5 LambdaFunctionStarted
      14 < 13 LambdaFunctionSucceeded "a"
      15 < 14 TaskStateExited A "a"
    ok 10 "c"
      16 < 10 LambdaFunctionStarted
      17 < 16 LambdaFunctionSucceeded "c"
      18 < 17 TaskStateExited C "c"
    failed 12 E
      19 < 12 LambdaFunctionStarted
      20 < 19 LambdaFunctionFailed E
      21 < 20 TaskStateAborted
      22 < 20 ParallelStateFailed
      23 < 22 ParallelStateAborted
      24 < 22 WaitStateAborted
      25 < 22 ParallelStateFailed
      26 < 25 ExecutionFailed E
    redrive
      27 < 26 ExecutionRedriven 1
      28 < 27 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 28 {} by none
    ok 28 "d"
      29 < 28 LambdaFunctionStarted
      30 < 29 LambdaFunctionSucceeded "d"
      31 < 30 TaskStateExited D "d"
      32 < 31 ParallelStateSucceeded
      33 < 31 ParallelStateExited B ["c","d"]
    pass 5
      34 < 27 WaitStateExited E {}
      35 < 34 ParallelStateSucceeded
      36 < 34 ParallelStateExited State ["a",["c","d"],{}]
      37 < 36 ExecutionSucceeded ["a",["c","d"],{}]
    "#);
}

#[test]
fn iterations_that_did_not_succeed_or_start_go_on() {
    let state = json!({ "Type": "Map", "MaxConcurrency": 2, "ItemProcessor": branch("T", task(&json!({}))) });
    let script = "start [1,2,3,4]\nok 7 \"one\"\nfailed 9 E\nredrive\nok 27 \"three\"\nok 26 \"two\"\nok 34 \"four\"";
    assert_snapshot!(play(&only(&state), script), @r#"
    start [1,2,3,4]
      1 < 0 ExecutionStarted [1,2,3,4]
      2 < 0 MapStateEntered State [1,2,3,4]
      3 < 2 MapStateStarted 4
      4 < 3 MapIterationStarted State 0
      5 < 3 MapIterationStarted State 1
      6 < 4 TaskStateEntered T 1
      7 < 6 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 1
      8 < 5 TaskStateEntered T 2
      9 < 8 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 2
      > schedule 7 1 by none
      > schedule 9 2 by none
    ok 7 "one"
      10 < 7 LambdaFunctionStarted
      11 < 10 LambdaFunctionSucceeded "one"
      12 < 11 TaskStateExited T "one"
      13 < 12 MapIterationSucceeded State 0
      14 < 12 MapIterationStarted State 2
      15 < 14 TaskStateEntered T 3
      16 < 15 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 3
      > schedule 16 3 by none
    failed 9 E
      17 < 9 LambdaFunctionStarted
      18 < 17 LambdaFunctionFailed E
      19 < 18 MapIterationFailed State 1
      20 < 18 TaskStateAborted
      21 < 18 MapIterationAborted State 2
      22 < 18 TaskStateAborted
      23 < 18 MapStateFailed
      24 < 23 ExecutionFailed E
      > cancel 16
    redrive
      25 < 24 ExecutionRedriven 1
      26 < 25 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 2
      27 < 25 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 3
      > schedule 26 2 by none
      > schedule 27 3 by none
    ok 27 "three"
      28 < 27 LambdaFunctionStarted
      29 < 28 LambdaFunctionSucceeded "three"
      30 < 29 TaskStateExited T "three"
      31 < 30 MapIterationSucceeded State 2
      32 < 30 MapIterationStarted State 3
      33 < 32 TaskStateEntered T 4
      34 < 33 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 4
      > schedule 34 4 by none
    ok 26 "two"
      35 < 26 LambdaFunctionStarted
      36 < 35 LambdaFunctionSucceeded "two"
      37 < 36 TaskStateExited T "two"
      38 < 37 MapIterationSucceeded State 1
    ok 34 "four"
      39 < 34 LambdaFunctionStarted
      40 < 39 LambdaFunctionSucceeded "four"
      41 < 40 TaskStateExited T "four"
      42 < 41 MapIterationSucceeded State 3
      43 < 42 MapStateSucceeded
      44 < 42 MapStateExited State ["one","two","three","four"]
      45 < 44 ExecutionSucceeded ["one","two","three","four"]
    "#);
}

#[test]
fn frames_of_a_caught_failure_are_forgotten() {
    let states = json!({
        "P": { "Type": "Parallel", "Branches": [branch("A", task(&json!({}))), branch("B", task(&json!({})))],
            "Catch": [{ "ErrorEquals": ["E"], "Next": "C" }], "End": true },
        "C": task(&json!({ "End": true })) });
    let script = "start {}\nfailed 7 E\nfailed 15 F\nredrive\nok 20 1";
    assert_snapshot!(play(&machine("P", &states), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 ParallelStateEntered P {}
      3 < 2 ParallelStateStarted
      4 < 3 TaskStateEntered A {}
      5 < 4 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      6 < 3 TaskStateEntered B {}
      7 < 6 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 5 {} by none
      > schedule 7 {} by none
    failed 7 E
      8 < 7 LambdaFunctionStarted
      9 < 8 LambdaFunctionFailed E
      10 < 9 TaskStateAborted
      11 < 9 TaskStateAborted
      12 < 9 ParallelStateFailed
      13 < 12 ParallelStateExited P {"Error":"E","Cause":""}
      14 < 13 TaskStateEntered C {"Error":"E","Cause":""}
      15 < 14 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"Error":"E","Cause":""}
      > cancel 5
      > schedule 15 {"Error":"E","Cause":""} by none
    failed 15 F
      16 < 15 LambdaFunctionStarted
      17 < 16 LambdaFunctionFailed F
      18 < 17 ExecutionFailed F
    redrive
      19 < 18 ExecutionRedriven 1
      20 < 19 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"Error":"E","Cause":""}
      > schedule 20 {"Error":"E","Cause":""} by none
    ok 20 1
      21 < 20 LambdaFunctionStarted
      22 < 21 LambdaFunctionSucceeded 1
      23 < 22 TaskStateExited C 1
      24 < 23 ExecutionSucceeded 1
    "#);
}

#[test]
fn an_output_that_cannot_be_computed_is_tried_once_more() {
    let state = json!({ "Type": "Parallel", "Branches": [branch("A", json!({ "Type": "Pass" }))], "ResultSelector": { "x.$": "$.no" } });
    assert_snapshot!(play(&only(&state), "start {}\nredrive"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 ParallelStateEntered State {}
      3 < 2 ParallelStateStarted
      4 < 3 PassStateEntered A {}
      5 < 4 PassStateExited A {}
      6 < 5 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). The JSONPath '$.no' specified for the field 'x.$' could not be found in the input '[{}]'
    redrive
      7 < 6 ExecutionRedriven 1
      8 < 7 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). The JSONPath '$.no' specified for the field 'x.$' could not be found in the input '[{}]'
    "#);
}

#[test]
fn a_map_run_is_redriven() {
    let state = json!({ "Type": "Map", "Label": "L", "ItemProcessor": {
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
        "StartAt": "T", "States": { "T": { "Type": "Pass", "End": true } } } });
    let script = "start [1]\nmap failed 4 States.ExceedToleratedFailureThreshold\nredrive\nstop\nredrive\nmap ok 12 [1]";
    assert_snapshot!(play(&only(&state), script), @r#"
    start [1]
      1 < 0 ExecutionStarted [1]
      2 < 0 MapStateEntered State [1]
      3 < 2 MapStateStarted 1
      4 < 3 MapRunStarted
      > start Map run 4
    map failed 4 States.ExceedToleratedFailureThreshold
      5 < 4 MapRunFailed States.ExceedToleratedFailureThreshold
      6 < 5 MapStateFailed
      7 < 6 ExecutionFailed States.ExceedToleratedFailureThreshold
    redrive
      8 < 7 ExecutionRedriven 1
      9 < 8 MapRunRedriven 1
      > redrive Map run 9: 1
    stop
      10 < 0 ExecutionAborted
      > cancel 9
    redrive
      11 < 10 ExecutionRedriven 2
      12 < 11 MapRunRedriven 2
      > redrive Map run 12: 2
    map ok 12 [1]
      13 < 12 MapRunSucceeded
      14 < 13 MapStateSucceeded
      15 < 13 MapStateExited State [1]
      16 < 15 ExecutionSucceeded [1]
    "#);
}

#[test]
fn a_map_run_that_could_not_select_its_items_is_started_anew() {
    let state = json!({ "Type": "Map", "Label": "L", "ItemProcessor": {
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
        "StartAt": "T", "States": { "T": { "Type": "Pass", "End": true } } } });
    assert_snapshot!(play(&only(&state), "start [1]\nmap failed 4 States.Runtime\nredrive"), @r#"
    start [1]
      1 < 0 ExecutionStarted [1]
      2 < 0 MapStateEntered State [1]
      3 < 2 MapStateStarted 1
      4 < 3 MapRunStarted
      > start Map run 4
    map failed 4 States.Runtime
      5 < 4 MapRunFailed States.Runtime
      6 < 5 MapStateFailed
      7 < 6 ExecutionFailed States.Runtime
    redrive
      8 < 7 ExecutionRedriven 1
      9 < 8 MapStateStarted 1
      10 < 9 MapRunStarted
      > start Map run 10
    "#);
}

#[test]
fn a_map_run_that_was_not_started_is_started() {
    let state = json!({ "Type": "Map", "Label": "L", "ToleratedFailureCountPath": "$[0]", "ItemProcessor": {
        "ProcessorConfig": { "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" },
        "StartAt": "T", "States": { "T": { "Type": "Pass", "End": true } } } });
    assert_snapshot!(play(&only(&state), "start [\"x\"]\nredrive"), @r#"
    start ["x"]
      1 < 0 ExecutionStarted ["x"]
      2 < 0 MapStateEntered State ["x"]
      3 < 2 MapStateStarted 1
      4 < 3 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). The ToleratedFailureCountPath field refers to value "x" which is not a valid integer: $[0]
    redrive
      5 < 4 ExecutionRedriven 1
      6 < 5 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). The ToleratedFailureCountPath field refers to value "x" which is not a valid integer: $[0]
    "#);
}

#[test]
fn it_goes_on_from_another_state_with_another_input() {
    let states = json!({
        "A": { "Type": "Pass", "Assign": { "kept": 1 }, "Next": "B" },
        "B": task(&json!({ "Next": "C" })),
        "C": { "Type": "Pass", "Parameters": { "kept.$": "$kept", "all.$": "$" }, "End": true } });
    let script = "start {}\nfailed 5 E\nredrive C {\"edited\": true}";
    assert_snapshot!(play(&machine("A", &states), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 PassStateEntered A {}
      3 < 2 PassStateExited A {} {"kept":"1"}
      4 < 3 TaskStateEntered B {}
      5 < 4 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 5 {} by none
    failed 5 E
      6 < 5 LambdaFunctionStarted
      7 < 6 LambdaFunctionFailed E
      8 < 7 ExecutionFailed E
    redrive C {"edited": true}
      9 < 8 ExecutionRedriven 1
      10 < 9 PassStateEntered C {"edited": true}
      11 < 10 PassStateExited C {"kept":1,"all":{"edited":true}}
      12 < 11 ExecutionSucceeded {"kept":1,"all":{"edited":true}}
    "#);
}
