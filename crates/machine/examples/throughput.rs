//! How many transitions and items the interpreter does in a second, journal serialisation included.
//!
//! `cargo run --release -p stepwell-machine --example throughput`

#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_machine::{
    DecideContext, ExecutionContext, Input, Payload, Phase, Run, Start, decide,
};

const TRANSITIONS: u64 = 300_000;
const MAPS: u64 = 50;
const ITEMS: u64 = 1_000;

/// Counts down with an intrinsic function: two transitions a turn.
fn countdown() -> Value {
    json!({
        "StartAt": "More?",
        "States": {
            "More?": {
                "Type": "Choice",
                "Choices": [{ "Variable": "$.left", "NumericEquals": 0, "Next": "Done" }],
                "Default": "Count",
            },
            "Count": {
                "Type": "Pass",
                "Parameters": { "left.$": "States.MathAdd($.left, -1)", "name.$": "$.name" },
                "Next": "More?",
            },
            "Done": { "Type": "Succeed" },
        },
    })
}

/// Two states for every item.
fn map() -> Value {
    json!({
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "ItemProcessor": {
                    "StartAt": "First",
                    "States": {
                        "First": { "Type": "Pass", "Next": "Second" },
                        "Second": { "Type": "Pass", "Result": "done", "ResultPath": "$.state", "End": true },
                    },
                },
                "End": true,
            },
        },
    })
}

#[expect(clippy::print_stdout, reason = "the figures are what this is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let input = json!({ "left": TRANSITIONS / 2, "name": "a name of ordinary length" });
    let loop_seconds = measure(&countdown(), &input)?;
    println!("Choice/Pass loop: {:.0} transitions/s", TRANSITIONS as f64 / loop_seconds);

    let items: Vec<Value> = (0..ITEMS).map(|n| json!({ "table": format!("table-{n}") })).collect();
    let input = Value::Array(items);
    let definition = map();
    let mut map_seconds = 0.0;
    for _ in 0..MAPS {
        map_seconds += measure(&definition, &input)?;
    }
    println!("inline Map, 2 states: {:.0} items/s", (MAPS * ITEMS) as f64 / map_seconds);
    Ok(())
}

/// Runs an execution to its end; gives the seconds that decisions and serialisation took.
fn measure(definition: &Value, input: &Value) -> Result<f64, Box<dyn Error>> {
    let mut run = Run::new(start(definition, input)?);
    let ctx = DecideContext { now: Timestamp::UNIX_EPOCH, seed: 1 };
    let (mut next, mut bytes) = (Some(Input::Start), 0);
    let clock = Instant::now();
    while let Some(input) = next.take() {
        let decision = decide(&mut run, input, &ctx);
        bytes += serde_json::to_vec(&decision.entries)?.len();
        next = decision.more.then_some(Input::Continue);
    }
    let seconds = clock.elapsed().as_secs_f64();
    match run.phase() {
        Phase::Succeeded { .. } if bytes > 0 => Ok(seconds),
        other => Err(format!("the execution did not succeed: {other:?}").into()),
    }
}

fn start(definition: &Value, input: &Value) -> Result<Start, Box<dyn Error>> {
    let (machine, diagnostics) = stepwell_asl::parse(&definition.to_string());
    Ok(Start {
        definition: Arc::new(machine.ok_or_else(|| format!("{diagnostics:?}"))?),
        context: ExecutionContext {
            execution_arn: "arn:aws:states:us-east-1:111111111111:execution:m:r".into(),
            execution_name: "r".into(),
            role_arn: "arn:aws:iam::111111111111:role/r".into(),
            start_time: Timestamp::UNIX_EPOCH,
            state_machine_arn: "arn:aws:states:us-east-1:111111111111:stateMachine:m".into(),
            state_machine_name: "m".into(),
        },
        input: Payload::from(Arc::new(input.clone())),
    })
}
