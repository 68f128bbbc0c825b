//! The Choice state.

use insta::assert_snapshot;
use serde_json::json;

use super::machine;
use crate::script::play;

fn choice(default: bool) -> String {
    let mut state = json!({
        "Type": "Choice",
        "Choices": [
            { "Variable": "$.n", "NumericLessThan": 0, "Next": "Negative" },
            { "Variable": "$.n", "NumericEquals": 0, "Next": "Zero" },
        ],
    });
    if default {
        state["Default"] = json!("Zero");
    }
    let states = json!({
        "Sign": state,
        "Negative": { "Type": "Pass", "Result": "negative", "End": true },
        "Zero": { "Type": "Pass", "Result": "zero", "End": true },
    });
    machine("Sign", &states)
}

#[test]
fn the_first_rule_that_matches_leads_on() {
    assert_snapshot!(play(&choice(false), r#"start {"n":-1}"#), @r#"
    start {"n":-1}
      1 < 0 ExecutionStarted {"n":-1}
      2 < 0 ChoiceStateEntered Sign {"n":-1}
      3 < 2 ChoiceStateExited Sign {"n":-1}
      4 < 3 PassStateEntered Negative {"n":-1}
      5 < 4 PassStateExited Negative "negative"
      6 < 5 ExecutionSucceeded "negative"
    "#);
}

#[test]
fn the_default_is_for_the_rest() {
    assert_snapshot!(play(&choice(true), r#"start {"n":1}"#), @r#"
    start {"n":1}
      1 < 0 ExecutionStarted {"n":1}
      2 < 0 ChoiceStateEntered Sign {"n":1}
      3 < 2 ChoiceStateExited Sign {"n":1}
      4 < 3 PassStateEntered Zero {"n":1}
      5 < 4 PassStateExited Zero "zero"
      6 < 5 ExecutionSucceeded "zero"
    "#);
}

#[test]
fn without_a_default_nothing_matching_is_an_error() {
    assert_snapshot!(play(&choice(false), r#"start {"n":1}"#), @r#"
    start {"n":1}
      1 < 0 ExecutionStarted {"n":1}
      2 < 0 ChoiceStateEntered Sign {"n":1}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'Sign' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state.
    "#);
}

#[test]
fn a_variable_that_is_not_there_is_an_error() {
    assert_snapshot!(play(&choice(true), "start {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 ChoiceStateEntered Sign {}
      3 < 2 ExecutionFailed States.Runtime An error occurred while executing the state 'Sign' (entered at the event id #2). Invalid path '$.n': The choice state's condition path references an invalid value.
    "#);
}
