//! States in the query language JSONata.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::machine;
use crate::script::play;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

/// A machine of one JSONata state, which ends it.
fn only(state: &Value) -> String {
    let mut definition: Value = serde_json::from_str(&super::only(state)).expect("JSON");
    definition["QueryLanguage"] = json!("JSONata");
    definition.to_string()
}

#[test]
fn a_task_has_arguments_and_leaves_its_result_if_it_has_no_output() {
    let state = json!({
        "Type": "Task",
        "Resource": FUNCTION,
        "Arguments": { "x": "{% $states.input.x + 1 %}" },
        "TimeoutSeconds": "{% $states.input.x %}",
        "Assign": { "was": "{% $states.input.x %}", "is": "{% $states.result %}" },
    });
    assert_snapshot!(play(&only(&state), "start {\"x\":4}\nok 3 7"), @r#"
    start {"x":4}
      1 < 0 ExecutionStarted {"x":4}
      2 < 0 TaskStateEntered State {"x":4}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 4 {"x":5}
      > schedule 3 {"x":5} by 12:00:04
    ok 3 7
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionSucceeded 7
      6 < 5 TaskStateExited State 7 {"is":"7","was":"4"}
      7 < 6 ExecutionSucceeded 7
    "#);
}

#[test]
fn a_failed_output_leaves_an_event_and_can_be_caught() {
    let states = json!({
        "Work": {
            "Type": "Task",
            "QueryLanguage": "JSONata",
            "Resource": FUNCTION,
            "Output": { "list": ["{% $states.result.gone %}"] },
            "Catch": [{
                "ErrorEquals": ["States.QueryEvaluationError"],
                "Assign": { "name": "{% $states.errorOutput.Error %}" },
                "Output": "{% $states.input.x %}",
                "Next": "Done",
            }],
            "Next": "Done",
        },
        "Done": { "Type": "Succeed" },
    });
    assert_snapshot!(play(&machine("Work", &states), "start {\"x\":1}\nok 3 {}"), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 TaskStateEntered Work {"x":1}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"x":1}
      > schedule 3 {"x":1} by none
    ok 3 {}
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionSucceeded {}
      6 < 5 EvaluationFailed States.QueryEvaluationError An error occurred while executing the state 'Work' (entered at the event id #2). The JSONata expression '$states.result.gone' specified for the field 'Output/list[0]' returned nothing (undefined). Output/list[0]
      7 < 6 TaskStateExited Work 1 {"name":"\"States.QueryEvaluationError\""}
      8 < 7 SucceedStateEntered Done 1
      9 < 8 SucceedStateExited Done 1
      10 < 9 ExecutionSucceeded 1
    "#);
}

#[test]
fn a_catcher_that_cannot_be_evaluated_fails_with_its_own_error() {
    let states = json!({
        "Work": {
            "Type": "Task",
            "QueryLanguage": "JSONata",
            "Resource": FUNCTION,
            "Catch": [{
                "ErrorEquals": ["States.ALL"],
                "Output": "{% $gone %}",
                "Next": "Done",
            }],
            "Next": "Done",
        },
        "Done": { "Type": "Succeed" },
    });
    assert_snapshot!(play(&machine("Work", &states), "start {}\nfailed 3 Hot It is."), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered Work {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 3 {} by none
    failed 3 Hot It is.
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionFailed Hot It is.
      6 < 5 EvaluationFailed States.QueryEvaluationError An error occurred while executing the state 'Work' (entered at the event id #2). The JSONata expression '$gone' specified for the field 'Catch[0]/Output' returned nothing (undefined). Catch[0]/Output
      7 < 6 ExecutionFailed States.QueryEvaluationError An error occurred while executing the state 'Work' (entered at the event id #2). The JSONata expression '$gone' specified for the field 'Catch[0]/Output' returned nothing (undefined).
    "#);
}

#[test]
fn a_failed_evaluation_can_be_retried() {
    let state = json!({
        "Type": "Parallel",
        "Arguments": "{% $gone %}",
        "Branches": [{ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } }],
        "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 1 }],
    });
    assert_snapshot!(play(&only(&state), "start {}\npass 1"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 ParallelStateEntered State {}
      3 < 0 EvaluationFailed States.QueryEvaluationError An error occurred while executing the state 'State' (entered at the event id #2). The JSONata expression '$gone' specified for the field 'Arguments' returned nothing (undefined). Arguments
    pass 1
      4 < 3 EvaluationFailed States.QueryEvaluationError An error occurred while executing the state 'State' (entered at the event id #2). The JSONata expression '$gone' specified for the field 'Arguments' returned nothing (undefined). Arguments
      5 < 4 ParallelStateFailed
      6 < 5 ExecutionFailed States.QueryEvaluationError An error occurred while executing the state 'State' (entered at the event id #2). The JSONata expression '$gone' specified for the field 'Arguments' returned nothing (undefined).
    "#);
}

#[test]
fn an_item_selector_that_fails_fails_the_map() {
    let state = json!({
        "Type": "Map",
        "Items": [1, 2],
        "MaxConcurrency": "{% 1 %}",
        "ItemSelector": "{% $states.context.Map.Item.Value = 1 ? 'one' : $gone %}",
        "ItemProcessor": { "StartAt": "Each", "States": { "Each": { "Type": "Succeed" } } },
    });
    assert_snapshot!(play(&only(&state), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 MapStateEntered State {}
      3 < 2 MapStateStarted 2
      4 < 3 MapIterationStarted State 0
      5 < 4 SucceedStateEntered Each "one"
      6 < 5 SucceedStateExited Each "one"
      7 < 6 MapIterationSucceeded State 0
      8 < 6 MapIterationStarted State 1
      9 < 8 EvaluationFailed States.QueryEvaluationError An error occurred while executing the state 'State' (entered at the event id #2). The JSONata expression '$states.context.Map.Item.Value = 1 ? 'one' : $gone' specified for the field 'ItemSelector' returned nothing (undefined). ItemSelector
      10 < 9 MapIterationFailed State 1
      11 < 9 MapStateFailed
      12 < 11 ExecutionFailed States.QueryEvaluationError An error occurred while executing the state 'State' (entered at the event id #2). The JSONata expression '$states.context.Map.Item.Value = 1 ? 'one' : $gone' specified for the field 'ItemSelector' returned nothing (undefined).
    "#);
}

#[test]
fn fields_that_take_another_type_say_so() {
    let rules = json!([{ "Condition": "{% 1 %}", "Next": "Done" }]);
    for state in [
        json!({ "Type": "Choice", "Choices": rules }),
        json!({ "Type": "Wait", "Seconds": "{% 'soon' %}", "Next": "Done" }),
        json!({ "Type": "Wait", "Timestamp": "{% 5 %}", "Next": "Done" }),
        json!({ "Type": "Task", "Resource": FUNCTION, "HeartbeatSeconds": "{% null %}", "Next": "Done" }),
    ] {
        let mut state = state;
        state["QueryLanguage"] = json!("JSONata");
        let states = json!({ "First": state, "Done": { "Type": "Succeed" } });
        refuses_the_type(&machine("First", &states));
    }
    refuses_the_type(&only(&json!({ "Type": "Fail", "Cause": "{% [1] %}" })));
}

#[track_caller]
fn refuses_the_type(definition: &str) {
    let played = play(definition, "start {}");
    assert!(played.contains("3 < 0 EvaluationFailed States.QueryEvaluationError"), "{played}");
    assert!(played.contains("returned an unexpected result type. Expected"), "{played}");
}

#[test]
fn a_wait_takes_whole_seconds() {
    let state = json!({ "Type": "Wait", "Seconds": "{% $states.input %}" });
    assert_snapshot!(play(&only(&state), "start 2\npass 2"), @r#"
    start 2
      1 < 0 ExecutionStarted 2
      2 < 0 WaitStateEntered State 2
    pass 2
      3 < 2 WaitStateExited State 2
      4 < 3 ExecutionSucceeded 2
    "#);
    assert_snapshot!(play(&only(&state), "start 1.5"), @r#"
    start 1.5
      1 < 0 ExecutionStarted 1.5
      2 < 0 WaitStateEntered State 1.5
      3 < 0 EvaluationFailed States.QueryEvaluationError An error occurred while executing the state 'State' (entered at the event id #2). The Seconds field must be a non-negative integer but was: 1.5 Seconds
      4 < 3 ExecutionFailed States.QueryEvaluationError An error occurred while executing the state 'State' (entered at the event id #2). The Seconds field must be a non-negative integer but was: 1.5
    "#);
}

#[test]
fn the_rule_of_a_choice_has_an_output_of_its_own() {
    let states = json!({
        "Route": {
            "Type": "Choice",
            "QueryLanguage": "JSONata",
            "Choices": [
                { "Condition": "{% $states.input = 1 %}", "Output": "one", "Next": "Done" },
                { "Condition": "{% $states.input = 2 %}", "Next": "Done" },
            ],
            "Output": "other",
            "Default": "Done",
        },
        "Done": { "Type": "Succeed" },
    });
    let definition = machine("Route", &states);
    let end = |input: &str| {
        let played = play(&definition, &format!("start {input}"));
        played.lines().last().expect("an end").trim().to_owned()
    };
    assert_eq!(end("1"), "6 < 5 ExecutionSucceeded \"one\"");
    assert_eq!(end("2"), "6 < 5 ExecutionSucceeded 2");
    assert_eq!(end("3"), "6 < 5 ExecutionSucceeded \"other\"");
}

#[test]
fn whole_floats_are_whole_and_what_is_too_large_is_refused() {
    let wait = json!({ "Type": "Wait", "Seconds": "{% $states.input %}" });
    let played = play(&only(&wait), "start 2.0\npass 2");
    assert!(played.contains("ExecutionSucceeded 2"), "{played}");
    let map = |field: &str| {
        let processor =
            json!({ "StartAt": "In", "States": { "In": { "Type": "Pass", "End": true } } });
        let mut map = json!({ "Type": "Map", "Items": [], "ItemProcessor": processor });
        map[field] = json!("{% $states.input %}");
        map
    };
    for (state, input, why) in [
        (wait, "100000000", "Seconds field must be at most 99999999"),
        (map("MaxConcurrency"), "4294967296", "MaxConcurrency field must be at most 4294967295"),
        (map("ToleratedFailureCount"), "-1", "ToleratedFailureCount field must be from 0 to"),
        (
            map("ToleratedFailurePercentage"),
            "100.5",
            "ToleratedFailurePercentage field must be from 0 to 100",
        ),
    ] {
        let played = play(&only(&state), &format!("start {input}"));
        assert!(played.contains("EvaluationFailed States.QueryEvaluationError"), "{played}");
        assert!(played.contains(why), "{played}");
    }
}

#[test]
fn a_role_that_is_no_text_is_refused() {
    let role = json!({ "RoleArn": "{% 5 %}" });
    let state = json!({ "Type": "Task", "Resource": FUNCTION, "Credentials": role });
    let played = play(&only(&state), "start {}");
    assert!(played.contains("The RoleArn field must be a string but was: 5"), "{played}");
}

#[test]
fn a_fail_has_its_error_from_an_expression() {
    let state = json!({ "Type": "Fail", "Error": "{% $states.input.name %}", "Cause": "{% 'No ' & $states.input.what %}" });
    assert_snapshot!(play(&only(&state), r#"start {"name":"Broken","what":"heat"}"#), @r#"
    start {"name":"Broken","what":"heat"}
      1 < 0 ExecutionStarted {"name":"Broken","what":"heat"}
      2 < 0 FailStateEntered State {"name":"Broken","what":"heat"}
      3 < 2 ExecutionFailed Broken No heat
    "#);
}

#[test]
fn the_catcher_of_a_parallel_assigns_and_gives_an_output() {
    let branch = json!({ "StartAt": "In", "States": { "In": { "Type": "Fail", "Error": "Broken", "Cause": "heat" } } });
    assert_snapshot!(play(&caught(&json!({ "Type": "Parallel", "Branches": [branch] })), "start {\"x\":1}"), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 ParallelStateEntered Work {"x":1}
      3 < 2 ParallelStateStarted
      4 < 3 FailStateEntered In {"x":1}
      5 < 4 ParallelStateFailed
      6 < 5 ParallelStateExited Work {"cause":"heat","x":1} {"name":"\"Broken\""}
      7 < 6 SucceedStateEntered Done {"cause":"heat","x":1}
      8 < 7 SucceedStateExited Done {"name":"Broken","was":{"cause":"heat","x":1}}
      9 < 8 ExecutionSucceeded {"name":"Broken","was":{"cause":"heat","x":1}}
    "#);
}

#[test]
fn the_catcher_of_a_map_assigns_and_gives_an_output() {
    let processor = json!({ "StartAt": "In", "States": { "In": { "Type": "Fail", "Error": "Broken", "Cause": "heat" } } });
    assert_snapshot!(play(&caught(&json!({ "Type": "Map", "Items": [1], "ItemProcessor": processor })), "start {\"x\":1}"), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 MapStateEntered Work {"x":1}
      3 < 2 MapStateStarted 1
      4 < 3 MapIterationStarted Work 0
      5 < 4 FailStateEntered In 1
      6 < 5 MapIterationFailed Work 0
      7 < 5 MapStateFailed
      8 < 7 MapStateExited Work {"cause":"heat","x":1} {"name":"\"Broken\""}
      9 < 8 SucceedStateEntered Done {"cause":"heat","x":1}
      10 < 9 SucceedStateExited Done {"name":"Broken","was":{"cause":"heat","x":1}}
      11 < 10 ExecutionSucceeded {"name":"Broken","was":{"cause":"heat","x":1}}
    "#);
}

/// A machine whose only state of work fails, is caught, and shows what its Catcher made of that.
fn caught(work: &Value) -> String {
    let mut work = work.clone();
    work["Catch"] = json!([{
        "ErrorEquals": ["Broken"],
        "Assign": { "name": "{% $states.errorOutput.Error %}" },
        "Output": { "cause": "{% $states.errorOutput.Cause %}", "x": "{% $states.input.x %}" },
        "Next": "Done",
    }]);
    work["Next"] = json!("Done");
    let done = json!({ "Type": "Succeed", "Output": { "name": "{% $name %}", "was": "{% $states.input %}" } });
    let mut definition: Value =
        serde_json::from_str(&machine("Work", &json!({ "Work": work, "Done": done })))
            .expect("JSON");
    definition["QueryLanguage"] = json!("JSONata");
    definition.to_string()
}
