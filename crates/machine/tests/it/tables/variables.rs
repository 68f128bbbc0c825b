//! `Assign`, and who sees the variables that it sets.

use insta::assert_snapshot;
use serde_json::json;

use super::{machine, only};
use crate::script::play;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

#[test]
fn every_expression_of_a_state_sees_the_variables_as_they_were_when_it_was_entered() {
    let states = json!({
        "Set": { "Type": "Pass", "Assign": { "a": 1, "b.$": "$.b" }, "Next": "Swap" },
        "Swap": {
            "Type": "Pass",
            "Parameters": { "a.$": "$a", "second.$": "$b[1]" },
            "Assign": { "a.$": "$b", "b.$": "$a", "own.$": "$.second" },
            "OutputPath": "$a",
            "End": true,
        },
    });
    assert_snapshot!(play(&machine("Set", &states), r#"start {"b":[2,3]}"#), @r#"
    start {"b":[2,3]}
      1 < 0 ExecutionStarted {"b":[2,3]}
      2 < 0 PassStateEntered Set {"b":[2,3]}
      3 < 2 PassStateExited Set {"b":[2,3]} {"a":"1","b":"[2,3]"}
      4 < 3 PassStateEntered Swap {"b":[2,3]}
      5 < 4 PassStateExited Swap 1 {"a":"[2,3]","b":"1","own":"3"}
      6 < 5 ExecutionSucceeded 1
    "#);
}

#[test]
fn a_variable_that_nobody_assigned_fails_the_execution() {
    let state = json!({ "Type": "Pass", "InputPath": "$gone.x" });
    assert_snapshot!(play(&only(&state), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 PassStateEntered State {}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). Invalid path '$gone.x' : No results for path: $gone.x
    "#);
    let state = json!({ "Type": "Pass", "Parameters": { "x.$": "$gone" } });
    assert_snapshot!(play(&only(&state), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 PassStateEntered State {}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). The JSONPath '$gone' specified for the field 'x.$' could not be found in the input '{}'
    "#);
}

#[test]
fn a_task_assigns_from_its_result_and_a_catcher_from_the_error() {
    let states = json!({
        "Work": {
            "Type": "Task",
            "Resource": FUNCTION,
            "ResultSelector": { "rows.$": "$.count" },
            "ResultPath": null,
            "Assign": { "rows.$": "$.count" },
            "Catch": [{
                "ErrorEquals": ["States.ALL"],
                "Assign": { "why.$": "$.Cause" },
                "ResultPath": "$.error",
                "Next": "Done",
            }],
            "Next": "Done",
        },
        "Done": { "Type": "Succeed" },
    });
    let definition = machine("Work", &states);
    assert_snapshot!(play(&definition, "start {}\nok 3 {\"count\":7}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered Work {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 3 {} by none
    ok 3 {"count":7}
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionSucceeded {"count":7}
      6 < 5 TaskStateExited Work {} {"rows":"7"}
      7 < 6 SucceedStateEntered Done {}
      8 < 7 SucceedStateExited Done {}
      9 < 8 ExecutionSucceeded {}
    "#);
    assert_snapshot!(play(&definition, "start {}\nfailed 3 Hot It is."), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered Work {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 3 {} by none
    failed 3 Hot It is.
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionFailed Hot It is.
      6 < 5 TaskStateExited Work {"error":{"Error":"Hot","Cause":"It is."}} {"why":"\"It is.\""}
      7 < 6 SucceedStateEntered Done {"error":{"Error":"Hot","Cause":"It is."}}
      8 < 7 SucceedStateExited Done {"error":{"Error":"Hot","Cause":"It is."}}
      9 < 8 ExecutionSucceeded {"error":{"Error":"Hot","Cause":"It is."}}
    "#);
}

#[test]
fn branches_see_the_variables_around_them_and_keep_their_own() {
    let branch = |name: &str| {
        json!({
            "StartAt": name,
            "States": {
                name: { "Type": "Pass", "Assign": { "own.$": "$outer" }, "Next": format!("{name}2") },
                format!("{name}2"): { "Type": "Pass", "InputPath": "$own", "End": true },
            },
        })
    };
    let states = json!({
        "Set": { "Type": "Pass", "Assign": { "outer": "seen" }, "Next": "Fork" },
        "Fork": {
            "Type": "Parallel",
            "Branches": [branch("Left"), branch("Right")],
            "Assign": { "both.$": "$[1]" },
            "Next": "After",
        },
        "After": { "Type": "Pass", "InputPath": "$own", "End": true },
    });
    assert_snapshot!(play(&machine("Set", &states), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 PassStateEntered Set {}
      3 < 2 PassStateExited Set {} {"outer":"\"seen\""}
      4 < 3 ParallelStateEntered Fork {}
      5 < 4 ParallelStateStarted
      6 < 5 PassStateEntered Left {}
      7 < 6 PassStateExited Left {} {"own":"\"seen\""}
      8 < 7 PassStateEntered Left2 {}
      9 < 8 PassStateExited Left2 "seen"
      10 < 5 PassStateEntered Right {}
      11 < 10 PassStateExited Right {} {"own":"\"seen\""}
      12 < 11 PassStateEntered Right2 {}
      13 < 12 PassStateExited Right2 "seen"
      14 < 13 ParallelStateSucceeded
      15 < 13 ParallelStateExited Fork ["seen","seen"] {"both":"\"seen\""}
      16 < 15 PassStateEntered After ["seen","seen"]
      17 < 16 ExecutionFailed States.Runtime An error occurred while executing the state 'After' (entered at the event id #16). Invalid path '$own' : No results for path: $own
    "#);
}

#[test]
fn a_choice_assigns_what_its_rule_says_and_else_what_it_says_itself() {
    let states = json!({
        "Route": {
            "Type": "Choice",
            "Choices": [{
                "Variable": "$.x", "NumericEquals": 1, "Assign": { "rule": 1 }, "Next": "Done",
            }],
            "Assign": { "rule.$": "$.x" },
            "Default": "Done",
        },
        "Done": { "Type": "Succeed" },
    });
    let definition = machine("Route", &states);
    assert_snapshot!(play(&definition, r#"start {"x":1}"#), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 ChoiceStateEntered Route {"x":1}
      3 < 2 ChoiceStateExited Route {"x":1} {"rule":"1"}
      4 < 3 SucceedStateEntered Done {"x":1}
      5 < 4 SucceedStateExited Done {"x":1}
      6 < 5 ExecutionSucceeded {"x":1}
    "#);
    assert_snapshot!(play(&definition, r#"start {"x":2}"#), @r#"
    start {"x":2}
      1 < 0 ExecutionStarted {"x":2}
      2 < 0 ChoiceStateEntered Route {"x":2}
      3 < 2 ChoiceStateExited Route {"x":2} {"rule":"2"}
      4 < 3 SucceedStateEntered Done {"x":2}
      5 < 4 SucceedStateExited Done {"x":2}
      6 < 5 ExecutionSucceeded {"x":2}
    "#);
}

#[test]
fn a_wait_assigns_when_it_is_over() {
    let state = json!({ "Type": "Wait", "Seconds": 5, "Assign": { "x.$": "$.x" } });
    assert_snapshot!(play(&only(&state), "start {\"x\":1}\npass 5"), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 WaitStateEntered State {"x":1}
    pass 5
      3 < 2 WaitStateExited State {"x":1} {"x":"1"}
      4 < 3 ExecutionSucceeded {"x":1}
    "#);
}
