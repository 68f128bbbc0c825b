//! The Task state.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::{machine, only};
use crate::script::play;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

fn task(fields: &Value) -> Value {
    let mut state = json!({ "Type": "Task", "Resource": FUNCTION });
    for (name, value) in fields.as_object().into_iter().flatten() {
        state[name.as_str()] = value.clone();
    }
    state
}

/// A task whose failures are caught by a state that shows them.
fn caught(fields: &Value) -> String {
    let mut state = task(fields);
    state["Next"] = json!("Done");
    let states = json!({
        "State": state,
        "Done": { "Type": "Succeed" },
        "Caught": { "Type": "Pass", "End": true },
    });
    machine("State", &states)
}

#[test]
fn a_result_is_selected_and_placed() {
    let state = task(&json!({
        "Parameters": { "n.$": "$.n" },
        "ResultSelector": { "twice.$": "$.value" },
        "ResultPath": "$.result",
    }));
    assert_snapshot!(play(&only(&state), "start {\"n\":1}\nstarted 3\nok 3 {\"value\":2}"), @r#"
    start {"n":1}
      1 < 0 ExecutionStarted {"n":1}
      2 < 0 TaskStateEntered State {"n":1}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"n":1}
      > schedule 3 {"n":1} by none
    started 3
      4 < 3 LambdaFunctionStarted
    ok 3 {"value":2}
      5 < 4 LambdaFunctionSucceeded {"value":2}
      6 < 5 TaskStateExited State {"n":1,"result":{"twice":2}}
      7 < 6 ExecutionSucceeded {"n":1,"result":{"twice":2}}
    "#);
}

#[test]
fn a_start_that_nobody_reported_is_recorded_with_the_result() {
    assert_snapshot!(play(&only(&task(&json!({}))), "start {}\nok 3 null"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 3 {} by none
    ok 3 null
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionSucceeded null
      6 < 5 TaskStateExited State null
      7 < 6 ExecutionSucceeded null
    "#);
}

#[test]
fn a_failure_without_a_catcher_fails_the_execution() {
    let script = "start {}\nstarted 3\nstarted 3\nfailed 3 Boom it broke";
    assert_snapshot!(play(&only(&task(&json!({}))), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 3 {} by none
    started 3
      4 < 3 LambdaFunctionStarted
    started 3
    failed 3 Boom it broke
      5 < 4 LambdaFunctionFailed Boom it broke
      6 < 5 ExecutionFailed Boom it broke
    "#);
}

#[test]
fn service_integrations_show_what_was_called() {
    let state = task(&json!({
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": { "FunctionName": "f" },
        "TimeoutSeconds": 10,
        "HeartbeatSeconds": 5,
    }));
    assert_snapshot!(play(&only(&state), "start {}\nstarted 3\nfailed 3 Boom it broke"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 TaskScheduled lambda invoke 10 5 {"FunctionName":"f"}
      > schedule 3 {"FunctionName":"f"} by 12:00:10
    started 3
      4 < 3 TaskStarted lambda invoke
    failed 3 Boom it broke
      5 < 4 TaskFailed lambda invoke Boom it broke
      6 < 5 ExecutionFailed Boom it broke
    "#);
}

#[test]
fn retriers_count_on_their_own_and_the_first_that_is_for_the_error_decides() {
    let state = task(&json!({
        "Parameters": { "retries.$": "$$.State.RetryCount" },
        "Retry": [
            { "ErrorEquals": ["A"], "IntervalSeconds": 2, "MaxAttempts": 1 },
            { "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 3.0, "MaxAttempts": 2 },
        ],
    }));
    let script = "
        start {}
        failed 3 B
        pass 1
        failed 6 A
        pass 1
        pass 1
        failed 9 B
        pass 3
        failed 12 A
    ";
    assert_snapshot!(play(&only(&state), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"retries":0}
      > schedule 3 {"retries":0} by none
    failed 3 B
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionFailed B
    pass 1
      6 < 5 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"retries":1}
      > schedule 6 {"retries":1} by none
    failed 6 A
      7 < 6 LambdaFunctionStarted
      8 < 7 LambdaFunctionFailed A
    pass 1
    pass 1
      9 < 8 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"retries":2}
      > schedule 9 {"retries":2} by none
    failed 9 B
      10 < 9 LambdaFunctionStarted
      11 < 10 LambdaFunctionFailed B
    pass 3
      12 < 11 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"retries":3}
      > schedule 12 {"retries":3} by none
    failed 12 A
      13 < 12 LambdaFunctionStarted
      14 < 13 LambdaFunctionFailed A
      15 < 14 ExecutionFailed A
    "#);
}

#[test]
fn a_new_visit_of_the_state_has_all_its_retries_again() {
    let states = json!({
        "Try": {
            "Type": "Task",
            "Resource": FUNCTION,
            "Parameters": { "retries.$": "$$.State.RetryCount" },
            "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 1 }],
            "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Try" }],
            "End": true,
        },
    });
    let script = "start {}\nfailed 3 A\npass 1\nfailed 6 A\nfailed 11 A\npass 1";
    assert_snapshot!(play(&machine("Try", &states), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered Try {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"retries":0}
      > schedule 3 {"retries":0} by none
    failed 3 A
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionFailed A
    pass 1
      6 < 5 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"retries":1}
      > schedule 6 {"retries":1} by none
    failed 6 A
      7 < 6 LambdaFunctionStarted
      8 < 7 LambdaFunctionFailed A
      9 < 8 TaskStateExited Try {"Error":"A","Cause":""}
      10 < 9 TaskStateEntered Try {"Error":"A","Cause":""}
      11 < 10 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"retries":0}
      > schedule 11 {"retries":0} by none
    failed 11 A
      12 < 11 LambdaFunctionStarted
      13 < 12 LambdaFunctionFailed A
    pass 1
      14 < 13 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"retries":1}
      > schedule 14 {"retries":1} by none
    "#);
}

#[test]
fn a_catcher_puts_the_error_where_its_result_path_says() {
    let definition = caught(&json!({
        "Catch": [
            { "ErrorEquals": ["Other"], "Next": "Done" },
            { "ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "Caught" },
        ],
    }));
    assert_snapshot!(play(&definition, "start {\"x\":1}\nfailed 3 Boom it broke"), @r#"
    start {"x":1}
      1 < 0 ExecutionStarted {"x":1}
      2 < 0 TaskStateEntered State {"x":1}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"x":1}
      > schedule 3 {"x":1} by none
    failed 3 Boom it broke
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionFailed Boom it broke
      6 < 5 TaskStateExited State {"x":1,"error":{"Error":"Boom","Cause":"it broke"}}
      7 < 6 PassStateEntered Caught {"x":1,"error":{"Error":"Boom","Cause":"it broke"}}
      8 < 7 PassStateExited Caught {"x":1,"error":{"Error":"Boom","Cause":"it broke"}}
      9 < 8 ExecutionSucceeded {"x":1,"error":{"Error":"Boom","Cause":"it broke"}}
    "#);
}

#[test]
fn a_result_path_that_does_not_fit_can_be_caught() {
    let definition = caught(&json!({
        "ResultPath": "$.a.b",
        "Catch": [{ "ErrorEquals": ["States.ResultPathMatchFailure"], "Next": "Caught" }],
    }));
    assert_snapshot!(play(&definition, "start {\"a\":1}\nok 3 2"), @r#"
    start {"a":1}
      1 < 0 ExecutionStarted {"a":1}
      2 < 0 TaskStateEntered State {"a":1}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {"a":1}
      > schedule 3 {"a":1} by none
    ok 3 2
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionSucceeded 2
      6 < 5 TaskStateExited State {"Error":"States.ResultPathMatchFailure","Cause":"An error occurred while executing the state 'State' (entered at the event id #2). Unable to apply ReferencePath $.a.b to input {\"a\":1}"}
      7 < 6 PassStateEntered Caught {"Error":"States.ResultPathMatchFailure","Cause":"An error occurred while executing the state 'State' (entered at the event id #2). Unable to apply ReferencePath $.a.b to input {\"a\":1}"}
      8 < 7 PassStateExited Caught {"Error":"States.ResultPathMatchFailure","Cause":"An error occurred while executing the state 'State' (entered at the event id #2). Unable to apply ReferencePath $.a.b to input {\"a\":1}"}
      9 < 8 ExecutionSucceeded {"Error":"States.ResultPathMatchFailure","Cause":"An error occurred while executing the state 'State' (entered at the event id #2). Unable to apply ReferencePath $.a.b to input {\"a\":1}"}
    "#);
}

#[test]
fn a_timeout_cancels_the_task_and_its_late_result_is_ignored() {
    let definition = caught(&json!({
        "TimeoutSeconds": 5,
        "Catch": [{ "ErrorEquals": ["States.Timeout"], "ResultPath": "$.error", "Next": "Caught" }],
    }));
    assert_snapshot!(play(&definition, "start {}\nstarted 3\npass 5\nok 3 {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 5 {}
      > schedule 3 {} by 12:00:05
    started 3
      4 < 3 LambdaFunctionStarted
    pass 5
      5 < 4 LambdaFunctionTimedOut States.Timeout
      6 < 5 TaskStateExited State {"error":{"Error":"States.Timeout","Cause":""}}
      7 < 6 PassStateEntered Caught {"error":{"Error":"States.Timeout","Cause":""}}
      8 < 7 PassStateExited Caught {"error":{"Error":"States.Timeout","Cause":""}}
      9 < 8 ExecutionSucceeded {"error":{"Error":"States.Timeout","Cause":""}}
      > cancel 3
    ok 3 {}
    "#);
}

#[test]
fn a_heartbeat_puts_off_the_end() {
    let definition = caught(&json!({
        "TimeoutSeconds": 10,
        "HeartbeatSeconds": 3,
        "Catch": [{ "ErrorEquals": ["States.HeartbeatTimeout"], "Next": "Caught" }],
    }));
    let script = "start {}\nstarted 3\npass 2\nalive 3\npass 2\nalive 3\npass 3";
    assert_snapshot!(play(&definition, script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 10 3 {}
      > schedule 3 {} by 12:00:10
    started 3
      4 < 3 LambdaFunctionStarted
    pass 2
    alive 3
    pass 2
    alive 3
    pass 3
      5 < 4 LambdaFunctionTimedOut States.Timeout
      6 < 5 TaskStateExited State {"Error":"States.Timeout","Cause":""}
      7 < 6 PassStateEntered Caught {"Error":"States.Timeout","Cause":""}
      8 < 7 PassStateExited Caught {"Error":"States.Timeout","Cause":""}
      9 < 8 ExecutionSucceeded {"Error":"States.Timeout","Cause":""}
      > cancel 3
    "#);
}

#[test]
fn a_heartbeat_does_not_put_off_the_timeout() {
    let state = task(&json!({ "TimeoutSeconds": 4, "HeartbeatSeconds": 3 }));
    let script = "start {}\nstarted 3\npass 2\nalive 3\npass 2";
    assert_snapshot!(play(&only(&state), script), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 4 3 {}
      > schedule 3 {} by 12:00:04
    started 3
      4 < 3 LambdaFunctionStarted
    pass 2
    alive 3
    pass 2
      5 < 4 LambdaFunctionTimedOut States.Timeout
      6 < 5 ExecutionFailed States.Timeout
      > cancel 3
    "#);
}

#[test]
fn limits_may_be_read_from_the_input() {
    let state = task(&json!({ "TimeoutSecondsPath": "$.limit" }));
    assert_snapshot!(play(&only(&state), "start {\"limit\":2}\npass 2"), @r#"
    start {"limit":2}
      1 < 0 ExecutionStarted {"limit":2}
      2 < 0 TaskStateEntered State {"limit":2}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 2 {"limit":2}
      > schedule 3 {"limit":2} by 12:00:02
    pass 2
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionTimedOut States.Timeout
      6 < 5 ExecutionFailed States.Timeout
      > cancel 3
    "#);
    assert_snapshot!(play(&only(&state), "start {\"limit\":\"soon\"}"), @r#"
    start {"limit":"soon"}
      1 < 0 ExecutionStarted {"limit":"soon"}
      2 < 0 TaskStateEntered State {"limit":"soon"}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). The TimeoutSecondsPath parameter does not reference a positive integer: $.limit == "soon"
    "#);
}

#[test]
fn the_time_of_an_activity_counts_from_its_start() {
    let state = task(&json!({
        "Resource": "arn:aws:states:us-east-1:111111111111:activity:a",
        "TimeoutSeconds": 5,
    }));
    assert_snapshot!(play(&only(&state), "start {}\npass 9\nstarted 3\npass 4\npass 1"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 ActivityScheduled arn:aws:states:us-east-1:111111111111:activity:a 5 {}
      > schedule 3 {} by none
    pass 9
    started 3
      4 < 3 ActivityStarted
    pass 4
    pass 1
      5 < 4 ActivityTimedOut States.Timeout
      6 < 5 ExecutionFailed States.Timeout
      > cancel 3
    "#);
}

#[test]
fn a_result_that_the_journal_could_not_give_back_is_refused() {
    let deep = format!("{}{}", "[".repeat(101), "]".repeat(101));
    let text = play(&only(&task(&json!({}))), &format!("start {{}}\nok 3 {deep}"));
    assert_snapshot!(text.replace(&deep, "DEEP"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 3 {} by none
    ok 3 DEEP
      4 < 3 LambdaFunctionStarted
      5 < 4 LambdaFunctionFailed States.Runtime The data is nested deeper than 100 levels.
      6 < 5 ExecutionFailed States.Runtime The data is nested deeper than 100 levels.
    "#);
}
