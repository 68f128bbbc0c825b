//! The load: one state machine per kind of trouble that a crash can make, and a few inputs of each.
//!
//! Every output is a function of the input alone, so that two runs of a case can be compared.
//!
//! ```text
//! tasks       the engine by itself, over the function of `stepwell serve --test-functions`: it writes `value` to a
//!             table under the key of the invocation, works for `millis`, and fails while `attempt` (the retry count)
//!             is below `failures`
//! outside     who does the work is somebody else: a process, a worker with a token or at an activity, a queue
//! executions  an execution starts others: nested ones, the children of a Map run
//! redrives    an execution fails until it was redriven often enough
//! stores      objects and items
//! ```
//!
//! A task that leaves an effect outside of that table names it in its parameters: a text that is the ARN of the
//! execution, `#`, and what is unique in it. [`super::effects`] holds these against what arrived.

mod executions;
mod outside;
mod redrives;
mod stores;
mod tasks;

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
    ("loop", tasks::pass_loop, |random| json!({"i": 0, "n": random.random_range(1..60)})),
    ("steps", tasks::steps, work),
    ("map", tasks::map, |random| json!({"items": items(random, 10)})),
    ("parallel", tasks::parallel, work),
    ("wait", tasks::wait, |random| with(work(random), "seconds", random.random_range(0..3))),
    ("retry", tasks::retry, |random| with(work(random), "failures", random.random_range(0..5))),
    ("catch", tasks::catch, |random| with(work(random), "fail", random.random_bool(0.5))),
    ("nested", tasks::nested, |random| json!({"items": items(random, 5)})),
    ("process", outside::process, |random| {
        with(work(random), "failures", random.random_range(0..3))
    }),
    ("callback", outside::callback, |random| {
        let failures = random.random_range(0..3);
        with(with(work(random), "failures", failures), "refuse", random.random_bool(0.3))
    }),
    ("handover", outside::handover, |random| with(work(random), "refuse", random.random_bool(0.3))),
    ("activity", outside::activity, |random| with(work(random), "refuse", random.random_bool(0.3))),
    ("announce", outside::announce, work),
    ("outer", executions::outer, |random| with(work(random), "fail", random.random_bool(0.3))),
    ("map-run", executions::map_run, |random| json!({"items": items(random, 6)})),
    (EXPRESS_CHILDREN, executions::express_map_run, |random| json!({"items": items(random, 6)})),
    ("redrive", redrives::redrive, |random| {
        with(work(random), "failures", random.random_range(0..3))
    }),
    ("redrive-map", redrives::map_run, |random| json!({"items": items(random, 4)})),
    ("keep", stores::keep, work),
];

/// The children of its Map runs are of type EXPRESS.
const EXPRESS_CHILDREN: &str = "map-run-express";

/// An Express state machine: it calls the test function once.
const EXPRESS: &str = "express";
/// Its ARN.
pub(super) const EXPRESS_ARN: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:express";

/// Whether an execution has a history.
pub(super) fn has_history(arn: &str) -> bool {
    !arn.contains(&format!(":execution:{EXPRESS_CHILDREN}/"))
}

/// Whether executions of a state machine are to be redriven until they succeed.
pub(super) fn is_redriven(machine: &str) -> bool {
    matches!(machine, "redrive" | "redrive-map")
}

/// Started by the executions of a case and by nobody else.
const INNER: (&str, Definition) = ("inner", executions::inner);

/// The cases that this seed draws.
pub(super) fn cases(seed: u64) -> Vec<Case> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let machines =
        MACHINES.iter().flat_map(|machine| std::iter::repeat_n(machine, CASES_PER_MACHINE));
    machines.map(|(machine, _, input)| Case { machine, input: input(&mut random) }).collect()
}

/// The ARN of the state machine whose executions are all started by other ones.
pub(super) fn inner_arn() -> String {
    format!("arn:aws:states:us-east-1:000000000000:stateMachine:{}", INNER.0)
}

/// Creates the state machine of every kind of case.
pub(super) fn create_state_machines(client: &mut Client) -> Result<()> {
    let of_cases = MACHINES.iter().map(|(name, definition, _)| (*name, *definition));
    let express: (&str, Definition) = (EXPRESS, tasks::one);
    for (name, definition) in of_cases.chain([INNER, express]) {
        let request = json!({
            "name": name,
            "definition": definition().to_string(),
            "roleArn": "arn:aws:iam::000000000000:role/torture",
            "type": if name == EXPRESS { "EXPRESS" } else { "STANDARD" },
        });
        client
            .call("CreateStateMachine", &request)
            .with_context(|| format!("state machine `{name}`"))?;
    }
    Ok(())
}

/// The input of a case that says no more than what a task works on, and how long.
fn work(random: &mut ChaCha8Rng) -> Value {
    json!({"value": random.random_range(0..1000), "millis": millis(random)})
}

fn with(mut input: Value, name: &str, value: impl Into<Value>) -> Value {
    input[name] = value.into();
    input
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_cases_again_and_another_seed_others() {
        assert_eq!(cases(7), cases(7));
        assert_ne!(cases(7), cases(8));
    }
}
