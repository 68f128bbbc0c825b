//! The Map state in INLINE mode.

use insta::assert_snapshot;
use serde_json::{Value, json};
use stepwell_machine::{Entry, Input, Limits, apply};

use super::{machine, only};
use crate::script::play;
use crate::world::World;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

fn processor(mut state: Value) -> Value {
    if state["Type"] != "Fail" {
        state["End"] = json!(true);
    }
    json!({ "StartAt": "Each", "States": { "Each": state } })
}

fn tasks() -> Value {
    processor(json!({ "Type": "Task", "Resource": FUNCTION }))
}

#[test]
fn no_items_give_no_results() {
    let state = json!({ "Type": "Map", "ItemProcessor": tasks() });
    assert_snapshot!(play(&only(&state), "start []"), @r#"
    start []
      1 < 0 ExecutionStarted []
      2 < 0 MapStateEntered State []
      3 < 2 MapStateStarted 0
      4 < 3 MapStateSucceeded
      5 < 3 MapStateExited State []
      6 < 5 ExecutionSucceeded []
    "#);
}

#[test]
fn an_iteration_takes_the_place_of_the_one_that_ended() {
    let state = json!({ "Type": "Map", "MaxConcurrency": 2, "ItemProcessor": tasks() });
    let script = "start [1,2,3]\nok 9 \"b\"\nok 16 \"c\"\nok 7 \"a\"";
    assert_snapshot!(play(&only(&state), script), @r#"
    start [1,2,3]
      1 < 0 ExecutionStarted [1,2,3]
      2 < 0 MapStateEntered State [1,2,3]
      3 < 2 MapStateStarted 3
      4 < 3 MapIterationStarted State 0
      5 < 3 MapIterationStarted State 1
      6 < 4 TaskStateEntered Each 1
      7 < 6 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 1
      8 < 5 TaskStateEntered Each 2
      9 < 8 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 2
      > schedule 7 1 by none
      > schedule 9 2 by none
    ok 9 "b"
      10 < 9 LambdaFunctionStarted
      11 < 10 LambdaFunctionSucceeded "b"
      12 < 11 TaskStateExited Each "b"
      13 < 12 MapIterationSucceeded State 1
      14 < 12 MapIterationStarted State 2
      15 < 14 TaskStateEntered Each 3
      16 < 15 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 3
      > schedule 16 3 by none
    ok 16 "c"
      17 < 16 LambdaFunctionStarted
      18 < 17 LambdaFunctionSucceeded "c"
      19 < 18 TaskStateExited Each "c"
      20 < 19 MapIterationSucceeded State 2
    ok 7 "a"
      21 < 7 LambdaFunctionStarted
      22 < 21 LambdaFunctionSucceeded "a"
      23 < 22 TaskStateExited Each "a"
      24 < 23 MapIterationSucceeded State 0
      25 < 24 MapStateSucceeded
      26 < 24 MapStateExited State ["a","b","c"]
      27 < 26 ExecutionSucceeded ["a","b","c"]
    "#);
}

#[test]
fn the_item_selector_sees_the_input_and_the_item() {
    let state = json!({
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": { "i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "x.$": "$.x" },
        "ItemProcessor": processor(json!({ "Type": "Pass" })),
        "ResultPath": "$.items",
    });
    assert_snapshot!(play(&only(&state), "start {\"x\":1,\"items\":[\"a\",\"b\"]}"), @r#"
    start {"x":1,"items":["a","b"]}
      1 < 0 ExecutionStarted {"x":1,"items":["a","b"]}
      2 < 0 MapStateEntered State {"x":1,"items":["a","b"]}
      3 < 2 MapStateStarted 2
      4 < 3 MapIterationStarted State 0
      5 < 3 MapIterationStarted State 1
      6 < 4 PassStateEntered Each {"i":0,"v":"a","x":1}
      7 < 6 PassStateExited Each {"i":0,"v":"a","x":1}
      8 < 7 MapIterationSucceeded State 0
      9 < 5 PassStateEntered Each {"i":1,"v":"b","x":1}
      10 < 9 PassStateExited Each {"i":1,"v":"b","x":1}
      11 < 10 MapIterationSucceeded State 1
      12 < 11 MapStateSucceeded
      13 < 11 MapStateExited State {"x":1,"items":[{"i":0,"v":"a","x":1},{"i":1,"v":"b","x":1}]}
      14 < 13 ExecutionSucceeded {"x":1,"items":[{"i":0,"v":"a","x":1},{"i":1,"v":"b","x":1}]}
    "#);
}

#[test]
fn an_item_that_cannot_be_selected_fails_the_map_state() {
    let state = json!({
        "Type": "Map",
        "ItemSelector": { "v.$": "$$.Map.Item.Value.missing" },
        "ItemProcessor": tasks(),
    });
    assert_snapshot!(play(&only(&state), "start [1,2]"), @r#"
    start [1,2]
      1 < 0 ExecutionStarted [1,2]
      2 < 0 MapStateEntered State [1,2]
      3 < 2 MapStateStarted 2
      4 < 3 MapIterationStarted State 0
      5 < 3 MapIterationStarted State 1
      6 < 4 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). The JSONPath '$$.Map.Item.Value.missing' specified for the field 'v.$' could not be found in the input '[1,2]'
    "#);
}

#[test]
fn a_failed_iteration_gives_up_the_others() {
    let state = json!({ "Type": "Map", "MaxConcurrency": 2, "ItemProcessor": tasks() });
    assert_snapshot!(play(&only(&state), "start [1,2,3]\nfailed 9 Boom it broke\nok 7 1"), @r#"
    start [1,2,3]
      1 < 0 ExecutionStarted [1,2,3]
      2 < 0 MapStateEntered State [1,2,3]
      3 < 2 MapStateStarted 3
      4 < 3 MapIterationStarted State 0
      5 < 3 MapIterationStarted State 1
      6 < 4 TaskStateEntered Each 1
      7 < 6 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 1
      8 < 5 TaskStateEntered Each 2
      9 < 8 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 2
      > schedule 7 1 by none
      > schedule 9 2 by none
    failed 9 Boom it broke
      10 < 9 LambdaFunctionStarted
      11 < 10 LambdaFunctionFailed Boom it broke
      12 < 11 MapIterationFailed State 1
      13 < 11 TaskStateAborted
      14 < 11 MapIterationAborted State 0
      15 < 11 TaskStateAborted
      16 < 11 MapStateFailed
      17 < 16 ExecutionFailed Boom it broke
      > cancel 7
    ok 7 1
    "#);
}

#[test]
fn it_is_tried_again_as_a_whole() {
    let state = json!({
        "Type": "Map",
        "ItemProcessor": processor(json!({ "Type": "Fail", "Error": "Broken" })),
        "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 1 }],
    });
    assert_snapshot!(play(&only(&state), "start [1]\npass 1"), @r#"
    start [1]
      1 < 0 ExecutionStarted [1]
      2 < 0 MapStateEntered State [1]
      3 < 2 MapStateStarted 1
      4 < 3 MapIterationStarted State 0
      5 < 4 FailStateEntered Each 1
      6 < 5 MapIterationFailed State 0
    pass 1
      7 < 5 MapStateStarted 1
      8 < 7 MapIterationStarted State 0
      9 < 8 FailStateEntered Each 1
      10 < 9 MapIterationFailed State 0
      11 < 9 MapStateFailed
      12 < 11 ExecutionFailed Broken
    "#);
}

#[test]
fn a_failure_is_caught_outside() {
    let states = json!({
        "Map": {
            "Type": "Map",
            "ItemProcessor": processor(json!({ "Type": "Fail" })),
            "Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "Caught" }],
            "End": true,
        },
        "Caught": { "Type": "Succeed" },
    });
    assert_snapshot!(play(&machine("Map", &states), "start [1]"), @r#"
    start [1]
      1 < 0 ExecutionStarted [1]
      2 < 0 MapStateEntered Map [1]
      3 < 2 MapStateStarted 1
      4 < 3 MapIterationStarted Map 0
      5 < 4 FailStateEntered Each 1
      6 < 5 MapIterationFailed Map 0
      7 < 5 MapStateFailed
      8 < 7 MapStateExited Map {"Error":null,"Cause":null}
      9 < 8 SucceedStateEntered Caught {"Error":null,"Cause":null}
      10 < 9 SucceedStateExited Caught {"Error":null,"Cause":null}
      11 < 10 ExecutionSucceeded {"Error":null,"Cause":null}
    "#);
}

#[test]
fn items_must_be_an_array() {
    let state = json!({ "Type": "Map", "ItemsPath": "$.items", "ItemProcessor": tasks() });
    assert_snapshot!(play(&only(&state), "start {\"items\":1}"), @r#"
    start {"items":1}
      1 < 0 ExecutionStarted {"items":1}
      2 < 0 MapStateEntered State {"items":1}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). Reference path "$.items" must point to array.
    "#);
    assert_snapshot!(play(&only(&state), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 MapStateEntered State {}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'State' (entered at the event id #2). Invalid path '$.items' : No results for path: $['items']
    "#);
}

#[test]
fn maps_may_be_nested() {
    let inner = json!({
        "StartAt": "Inner",
        "States": {
            "Inner": {
                "Type": "Map",
                "ItemProcessor": {
                    "StartAt": "Leaf",
                    "States": { "Leaf": {
                        "Type": "Pass",
                        "Parameters": { "i.$": "$$.Map.Item.Index" },
                        "End": true,
                    } },
                },
                "End": true,
            },
        },
    });
    let state = json!({ "Type": "Map", "ItemProcessor": inner });
    assert_snapshot!(play(&only(&state), "start [[1],[2,3]]"), @r#"
    start [[1],[2,3]]
      1 < 0 ExecutionStarted [[1],[2,3]]
      2 < 0 MapStateEntered State [[1],[2,3]]
      3 < 2 MapStateStarted 2
      4 < 3 MapIterationStarted State 0
      5 < 3 MapIterationStarted State 1
      6 < 4 MapStateEntered Inner [1]
      7 < 6 MapStateStarted 1
      8 < 7 MapIterationStarted Inner 0
      9 < 5 MapStateEntered Inner [2,3]
      10 < 9 MapStateStarted 2
      11 < 10 MapIterationStarted Inner 0
      12 < 10 MapIterationStarted Inner 1
      13 < 8 PassStateEntered Leaf 1
      14 < 13 PassStateExited Leaf {"i":0}
      15 < 14 MapIterationSucceeded Inner 0
      16 < 15 MapStateSucceeded
      17 < 15 MapStateExited Inner [{"i":0}]
      18 < 17 MapIterationSucceeded State 0
      19 < 11 PassStateEntered Leaf 2
      20 < 19 PassStateExited Leaf {"i":0}
      21 < 20 MapIterationSucceeded Inner 0
      22 < 12 PassStateEntered Leaf 3
      23 < 22 PassStateExited Leaf {"i":1}
      24 < 23 MapIterationSucceeded Inner 1
      25 < 24 MapStateSucceeded
      26 < 24 MapStateExited Inner [{"i":0},{"i":1}]
      27 < 26 MapIterationSucceeded State 1
      28 < 27 MapStateSucceeded
      29 < 27 MapStateExited State [[{"i":0}],[{"i":0},{"i":1}]]
      30 < 29 ExecutionSucceeded [[{"i":0}],[{"i":0},{"i":1}]]
    "#);
}

#[test]
fn a_journal_that_leaves_a_map_with_iterations_under_way_is_damaged() {
    let state = json!({ "Type": "Map", "ItemProcessor": tasks() });
    let mut world = World::new(&only(&state), "[1]");
    let _ = world.decide(Input::Start { limits: Limits::None });
    let entry = |id| {
        let left = json!({ "k": "M", "n": "State", "o": [] });
        json!({ "i": id, "p": 1, "t": 1_700_000_000_000_u64, "e": { "Sx": left } })
    };
    let id = world.entries.last().and_then(|entry| entry.id).expect("an event");
    let entry: Entry = serde_json::from_value(entry(id + 1)).expect("an entry");
    assert!(apply(&mut world.run, &entry).is_err());
}
