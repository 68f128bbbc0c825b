//! The load: one state machine per kind of trouble that a crash can make, and a few inputs of each.
//!
//! Every output is a function of the input alone, so that two runs of a case can be compared. The tasks call the
//! function that `stepwell serve --test-functions` offers: it writes `value` to a table under the key of the
//! invocation, works for `millis`, and fails while `attempt` (the retry count) is below `failures`.

use std::fmt;

use anyhow::{Context, Result};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

use crate::sfn::Client;

/// Inputs per state machine.
const CASES_PER_MACHINE: usize = 8;

/// One input of one state machine.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    pub(super) machine: &'static str,
    pub(super) input: Value,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.machine, self.input)
    }
}

type Input = fn(&mut ChaCha8Rng) -> Value;
type Definition = fn() -> Value;

const MACHINES: &[(&str, Definition, Input)] = &[
    ("loop", pass_loop, |random| json!({"i": 0, "n": random.random_range(1..60)})),
    (
        "steps",
        steps,
        |random| json!({"value": random.random_range(0..1000), "millis": millis(random)}),
    ),
    ("map", map, |random| json!({"items": items(random, 10)})),
    (
        "parallel",
        parallel,
        |random| json!({"value": random.random_range(0..1000), "millis": millis(random)}),
    ),
    (
        "wait",
        wait,
        |random| json!({"value": 1, "seconds": random.random_range(0..3), "millis": millis(random)}),
    ),
    (
        "retry",
        retry,
        |random| json!({"value": 1, "millis": millis(random), "failures": random.random_range(0..5)}),
    ),
    (
        "catch",
        catch,
        |random| json!({"value": 1, "millis": millis(random), "fail": random.random_bool(0.5)}),
    ),
    ("nested", nested, |random| json!({"items": items(random, 5)})),
];

/// The cases that this seed draws.
pub(super) fn cases(seed: u64) -> Vec<Case> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let machines =
        MACHINES.iter().flat_map(|machine| std::iter::repeat_n(machine, CASES_PER_MACHINE));
    machines.map(|(machine, _, input)| Case { machine, input: input(&mut random) }).collect()
}

/// Creates the state machine of every kind of case.
pub(super) fn create_state_machines(client: &mut Client) -> Result<()> {
    for (name, definition, _) in MACHINES {
        let request = json!({
            "name": name,
            "definition": definition().to_string(),
            "roleArn": "arn:aws:iam::000000000000:role/torture",
        });
        client
            .call("CreateStateMachine", &request)
            .with_context(|| format!("state machine `{name}`"))?;
    }
    Ok(())
}

fn millis(random: &mut ChaCha8Rng) -> u64 {
    random.random_range(0..30)
}

fn items(random: &mut ChaCha8Rng, count_max: usize) -> Vec<Value> {
    let count = random.random_range(0..=count_max);
    (0..count)
        .map(|value| json!({"value": value, "millis": millis(random), "failures": random.random_range(0..2)}))
        .collect()
}

/// A Task state that calls the test function with these parameters besides its usual ones.
fn task(parameters: &Value, next: &str) -> Value {
    let mut payload = json!({"value.$": "$.value", "millis.$": "$.millis"});
    payload
        .as_object_mut()
        .expect("it is one")
        .extend(parameters.as_object().cloned().unwrap_or_default());
    let mut state = json!({
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "stepwell-test-append", "Payload": payload},
        "ResultSelector": {"value.$": "$.Payload.value"},
        "ResultPath": "$.result",
    });
    match next {
        "" => state["End"] = json!(true),
        next => state["Next"] = json!(next),
    }
    state
}

fn failing_task(failures: Value, next: &str) -> Value {
    let mut parameters = json!({"attempt.$": "$$.State.RetryCount"});
    let key = if failures.is_string() { "failures.$" } else { "failures" };
    parameters[key] = failures;
    task(&parameters, next)
}

/// A loop of Choice and Pass that never waits for the world.
fn pass_loop() -> Value {
    json!({"StartAt": "More", "States": {
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.i", "NumericLessThanPath": "$.n", "Next": "Add"}],
            "Default": "Done",
        },
        "Add": {
            "Type": "Pass",
            "Parameters": {"i.$": "States.MathAdd($.i, 1)", "n.$": "$.n"},
            "Next": "More",
        },
        "Done": {"Type": "Succeed"},
    }})
}

/// Five tasks in a row.
fn steps() -> Value {
    json!({"StartAt": "One", "States": {
        "One": task(&json!({}), "Two"),
        "Two": task(&json!({}), "Three"),
        "Three": task(&json!({}), "Four"),
        "Four": task(&json!({}), "Five"),
        "Five": task(&json!({}), ""),
    }})
}

/// An inline Map of two states, a few iterations at a time.
fn map() -> Value {
    json!({"StartAt": "Each", "States": {"Each": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrency": 3,
        "ItemProcessor": {"StartAt": "Append", "States": {
            "Append": task(&json!({}), "Shape"),
            "Shape": {"Type": "Pass", "Parameters": {"seen.$": "$.result.value"}, "End": true},
        }},
        "ResultPath": "$.seen",
        "End": true,
    }}})
}

/// Branches that end at different times.
fn parallel() -> Value {
    json!({"StartAt": "Both", "States": {"Both": {
        "Type": "Parallel",
        "Branches": [
            {"StartAt": "Rest", "States": {
                "Rest": {"Type": "Wait", "Seconds": 1, "Next": "Rested"},
                "Rested": {"Type": "Pass", "Result": "rested", "End": true},
            }},
            {"StartAt": "First", "States": {
                "First": task(&json!({}), "Second"),
                "Second": task(&json!({}), ""),
            }},
            {"StartAt": "Idle", "States": {"Idle": {"Type": "Succeed"}}},
        ],
        "End": true,
    }}})
}

/// A timer between two tasks.
fn wait() -> Value {
    json!({"StartAt": "Before", "States": {
        "Before": task(&json!({}), "Rest"),
        "Rest": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "After"},
        "After": task(&json!({}), ""),
    }})
}

/// A task that fails a few times, with a timer between the attempts; too many failures fail the execution.
fn retry() -> Value {
    let mut state = failing_task(json!("$.failures"), "");
    state["Retry"] = json!([{
        "ErrorEquals": ["Retryable"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 3, "JitterStrategy": "FULL",
    }]);
    json!({"StartAt": "Try", "States": {"Try": state}})
}

/// A task that always fails, once more after a retry, and is caught.
fn catch() -> Value {
    let mut state = failing_task(json!(99), "Unexpected");
    state["Retry"] =
        json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]);
    state["Catch"] =
        json!([{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "Caught"}]);
    json!({"StartAt": "Try", "States": {
        "Try": state,
        "Unexpected": {"Type": "Fail", "Error": "Unexpected", "Cause": "the task did not fail"},
        "Caught": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.fail", "BooleanEquals": true, "Next": "GiveUp"}],
            "Default": "GoOn",
        },
        "GiveUp": {"Type": "Fail", "Error": "GaveUp", "CausePath": "$.error.Cause"},
        "GoOn": task(&json!({}), ""),
    }})
}

/// Retries inside branches inside iterations.
fn nested() -> Value {
    let mut unlucky = failing_task(json!("$.failures"), "");
    unlucky["Retry"] =
        json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}]);
    json!({"StartAt": "Each", "States": {"Each": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {"StartAt": "Both", "States": {"Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Unlucky", "States": {"Unlucky": unlucky}},
                {"StartAt": "Plain", "States": {"Plain": task(&json!({}), "")}},
            ],
            "End": true,
        }}},
        "End": true,
    }}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_cases_again_and_another_seed_others() {
        assert_eq!(cases(7), cases(7));
        assert_ne!(cases(7), cases(8));
    }
}
