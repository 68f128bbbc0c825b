//! What follows from what: one file per state type, and one for what concerns the whole execution.

mod choice;
mod execution;
mod fail;
mod jsonata;
mod limits;
mod map;
mod parallel;
mod pass;
mod redrive;
mod succeed;
mod task;
mod variables;
mod wait;

use serde_json::{Value, json};

/// A machine of one state named `State`, which ends it.
fn only(state: &Value) -> String {
    let mut state = state.clone();
    let is_terminal = ["Succeed", "Fail", "Choice"].iter().any(|one| state["Type"] == *one);
    if !is_terminal && state.get("Next").is_none() {
        state["End"] = json!(true);
    }
    json!({ "StartAt": "State", "States": { "State": state } }).to_string()
}

/// A machine of several states, the first of which starts it.
fn machine(first: &str, states: &Value) -> String {
    json!({ "StartAt": first, "States": states }).to_string()
}
