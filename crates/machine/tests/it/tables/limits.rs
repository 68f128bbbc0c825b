//! AWS's limits, where an execution is held to them.

use serde_json::{Value, json};
use stepwell_machine::limits::{HISTORY_EVENTS_MAX, PAYLOAD_BYTES_MAX, VARIABLES_BYTES_MAX};
use stepwell_machine::{Entry, Input, Limits, Phase, Run, TaskResult, apply};

use super::{machine, only};
use crate::world::{Ending, World, start};

/// A world that holds its execution to the limits of AWS.
fn limited(definition: &str, input: &str) -> World {
    let mut world = World::new(definition, input);
    world.limits = Limits::Aws;
    world
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

fn failure(world: &World) -> (&str, &str) {
    let Phase::Failed { error: Some(error), cause: Some(cause) } = world.run.phase() else {
        panic!("it did not fail: {:?}", world.run.phase())
    };
    (error, cause)
}

fn events(world: &World) -> Vec<String> {
    world
        .history()
        .iter()
        .map(|event| event["type"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The endless loop of two states.
fn endless() -> String {
    let choice = json!({ "Variable": "$.stop", "IsPresent": true, "Next": "Done" });
    let states = json!({
        "Again?": { "Type": "Choice", "Choices": [choice], "Default": "Again" },
        "Again": { "Type": "Pass", "Next": "Again?" },
        "Done": { "Type": "Succeed" },
    });
    machine("Again?", &states)
}

#[test]
fn a_state_that_gives_too_much_fails_where_it_would_be_left() {
    let pass = only(&json!({ "Type": "Pass", "Parameters": { "a.$": "$.a", "b.$": "$.a" } }));
    let input = json!({ "a": text(PAYLOAD_BYTES_MAX / 2) }).to_string();
    let mut world = limited(&pass, &input);
    world.run_to_end(|_| None);
    let cause = "The state/task 'State' returned a result with a size exceeding the maximum number of \
                 bytes service limit.";
    assert_eq!(failure(&world), ("States.DataLimitExceeded", cause));
    assert_eq!(events(&world), ["ExecutionStarted", "PassStateEntered", "ExecutionFailed"]);

    let mut without = World::new(&pass, &input);
    without.run_to_end(|_| None);
    assert!(matches!(without.run.phase(), Phase::Succeeded { .. }));
}

#[test]
fn parameters_of_a_task_that_are_too_much_are_never_scheduled() {
    let function = "arn:aws:lambda:us-east-1:111111111111:function:f";
    let task = json!({ "Type": "Task", "Resource": function, "Parameters": { "a.$": "$.a", "b.$": "$.a" } });
    let mut world = limited(&only(&task), &json!({ "a": text(PAYLOAD_BYTES_MAX / 2) }).to_string());
    world.run_to_end(|_| panic!("it is not scheduled"));
    assert_eq!(failure(&world).0, "States.DataLimitExceeded");
}

#[test]
fn a_task_that_gives_too_much_fails_and_only_its_name_catches_that() {
    let function = "arn:aws:lambda:us-east-1:111111111111:function:f";
    let run = |caught: &str| {
        let catch = json!([{ "ErrorEquals": [caught], "Next": "Caught" }]);
        let states = json!({
            "Task": { "Type": "Task", "Resource": function, "Catch": catch, "End": true },
            "Caught": { "Type": "Pass", "End": true },
        });
        let mut world = limited(&machine("Task", &states), "{}");
        world.run_to_end(|_| {
            let output = Value::from(text(PAYLOAD_BYTES_MAX)).into();
            Some(Ending {
                after: std::time::Duration::ZERO,
                outcome: TaskResult::Succeeded { output },
            })
        });
        world
    };
    let world = run("States.DataLimitExceeded");
    assert!(events(&world).contains(&"LambdaFunctionFailed".to_owned()));
    let Phase::Succeeded { output } = world.run.phase() else { panic!("it is caught") };
    assert_eq!(output["Error"], "States.DataLimitExceeded");
    assert!(output["Cause"].as_str().is_some_and(|cause| cause.contains(function)));
    assert_eq!(failure(&run("States.ALL")).0, "States.DataLimitExceeded");
}

#[test]
fn the_last_place_of_a_history_is_for_the_end() {
    let mut world = limited(&endless(), "{}");
    world.run_to_end(|_| None);
    let cause = "The execution reached the maximum number of history events (25000).";
    assert_eq!(failure(&world), ("States.Runtime", cause));
    let history = world.history();
    assert_eq!(history.len() as u64, HISTORY_EVENTS_MAX);
    let last = history.last().expect("there are many");
    assert_eq!((&last["id"], &last["previousEventId"]), (&json!(25_000), &json!(24_999)));
}

#[test]
fn a_full_history_ends_every_branch_and_gives_up_its_tasks() {
    let task = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": { "FunctionName": "f" }, "End": true });
    let branches = json!([
        { "StartAt": "Task", "States": { "Task": task } },
        serde_json::from_str::<Value>(&endless()).expect("JSON"),
    ]);
    let mut world = limited(&only(&json!({ "Type": "Parallel", "Branches": branches })), "{}");
    world.run_to_end(|_| None);
    assert_eq!(failure(&world).0, "States.Runtime");
    assert_eq!(world.history().len() as u64, HISTORY_EVENTS_MAX);
    assert!(world.run.outstanding().is_empty());
}

#[test]
fn an_execution_may_succeed_with_the_last_event() {
    let ends_with = |passes: usize| {
        let processor =
            json!({ "StartAt": "Each", "States": { "Each": { "Type": "Pass", "End": true } } });
        let map = json!({ "Type": "Map", "ItemProcessor": processor, "End": true });
        let mut states = json!({ "0": map });
        for n in 1..=passes {
            states[n.to_string()] = json!({ "Type": "Pass", "Next": (n - 1).to_string() });
        }
        let items = json!(vec![0; 6_248]).to_string();
        let mut world = limited(&machine(&passes.to_string(), &states), &items);
        world.run_to_end(|_| None);
        (world.history().len(), matches!(world.run.phase(), Phase::Succeeded { .. }))
    };
    // Two events a Pass state, four an item, six around them.
    assert_eq!(ends_with(0), (24_998, true));
    assert_eq!(ends_with(1), (25_000, true));
    assert_eq!(ends_with(2), (25_000, false));
}

#[test]
fn the_limits_of_the_start_hold_after_a_restart() {
    let definition = endless();
    let mut world = limited(&definition, "{}");
    let decision = world.decide(Input::Start { limits: Limits::Aws });
    assert!(decision.more);
    let mut folded = Run::new(start(&definition, "{}"));
    for entry in &decision.entries {
        apply(&mut folded, entry).expect("the journal is legal");
    }
    assert!(folded == world.run);
    let is_recorded =
        |entry: &Entry| serde_json::to_string(entry).expect("JSON").contains(r#""l":"a""#);
    assert!(is_recorded(&decision.entries[0]));
}

#[test]
fn variables_have_limits_for_one_state_and_for_all() {
    let half = json!({ "a.$": "$.a", "b.$": "$.a" });
    let both = only(&json!({ "Type": "Pass", "Assign": half }));
    let mut world = limited(&both, &json!({ "a": text(PAYLOAD_BYTES_MAX / 2) }).to_string());
    world.run_to_end(|_| None);
    assert_eq!(failure(&world).0, "States.DataLimitExceeded");

    let pieces = VARIABLES_BYTES_MAX / PAYLOAD_BYTES_MAX;
    let mut states = json!({ "Last": { "Type": "Pass", "Assign": { "last": 1 }, "End": true } });
    for piece in 0..pieces {
        let next = if piece + 1 == pieces { "Last".to_owned() } else { format!("S{}", piece + 1) };
        let assign = json!({ format!("v{piece}.$"): "$" });
        states[format!("S{piece}")] = json!({ "Type": "Pass", "Assign": assign, "Next": next });
    }
    let mut world =
        limited(&machine("S0", &states), &json!(text(PAYLOAD_BYTES_MAX - 2)).to_string());
    world.run_to_end(|_| None);
    assert_eq!(failure(&world).0, "States.DataLimitExceeded");
    let last = events(&world);
    assert_eq!(last[last.len() - 2..], ["PassStateEntered", "ExecutionFailed"]);
    assert_eq!(last.iter().filter(|event| *event == "PassStateExited").count(), pieces);
}
