//! Random state machines and what is done with them, from a seed alone.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Map, Value, json};

use crate::functions::arn;

/// What the clients of a run want.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) machines: Vec<Machine>,
    pub(crate) starts: Vec<StartRequest>,
}

/// A state machine.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) definition: String,
    /// How much of its transitions does not depend on who is faster.
    pub(crate) order: Order,
    /// Whether it ends only when it is stopped.
    pub(crate) endless: bool,
}

/// What two runs of the same execution have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// The same transitions in the same order.
    Sequential,
    /// The same transitions, those of branches in any order.
    Interleaved,
    /// The same transitions outside of branches: a branch that fails cuts off others wherever they are.
    Racing,
}

/// One execution to start.
#[derive(Debug)]
pub(crate) struct StartRequest {
    pub(crate) machine: usize,
    pub(crate) order: Order,
    pub(crate) endless: bool,
    pub(crate) name: String,
    pub(crate) input: String,
}

impl Load {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let machines: Vec<Machine> =
            (0..random.random_range(2..6)).map(|index| machine(index, &mut random)).collect();
        let count = random.random_range(4..16);
        let starts = (0..count).map(|index| start(index, &machines, &mut random)).collect();
        Self { machines, starts }
    }
}

fn start(index: usize, machines: &[Machine], random: &mut ChaCha8Rng) -> StartRequest {
    let machine = random.random_range(0..machines.len());
    let name = format!("e{index}");
    let items: Vec<u32> = (0..random.random_range(0..6)).collect();
    // White space that no serializer would write: the input is kept as it was given.
    let input = format!(r#"{{"id": "{name}",  "n": {}, "items": {items:?}}}"#, index * 10);
    let Machine { order, endless, .. } = machines[machine];
    StartRequest { machine, order, endless, name, input }
}

fn machine(index: usize, random: &mut ChaCha8Rng) -> Machine {
    let mut builder = Builder { states: Map::new(), order: Order::Sequential, nested: false };
    let endless = random.random_range(0..8) == 0;
    // An endless one does nothing before, so that it is the same whenever it is stopped.
    let count = if endless { 0 } else { random.random_range(1..6) };
    for segment in 0..count {
        builder.segment(&format!("S{segment}"), &format!("S{}", segment + 1), random);
    }
    let last = if endless {
        json!({"Type": "Wait", "Timestamp": "9999-01-01T00:00:00Z", "End": true})
    } else if random.random_range(0..6) == 0 {
        json!({"Type": "Fail", "Error": "Planned", "Cause": "it was meant to fail"})
    } else {
        json!({"Type": "Succeed"})
    };
    builder.states.insert(format!("S{count}"), last);
    Machine {
        name: format!("m{index}"),
        definition: json!({"StartAt": "S0", "States": builder.states}).to_string(),
        order: builder.order,
        endless,
    }
}

/// Builds a chain of segments; each is entered at its own name and leads to the name of the next.
struct Builder {
    states: Map<String, Value>,
    order: Order,
    nested: bool,
}

impl Builder {
    fn segment(&mut self, name: &str, next: &str, random: &mut ChaCha8Rng) {
        match random.random_range(0..if self.nested { 5 } else { 11 }) {
            0 => self.pass_loop(name, next, random.random_range(1..400)),
            1 => self.put(name, next, task("add", name)),
            2 => self.put(name, next, flaky(name, random)),
            3 => self.put(name, next, caught(name, next, "broken", "Broken")),
            4 => {
                let seconds = random.random_range(0..100);
                self.put(name, next, json!({"Type": "Wait", "Seconds": seconds}));
            }
            5 => {
                let mut state = caught(name, next, "never", "States.Timeout");
                state["TimeoutSeconds"] = json!(random.random_range(1..60));
                self.put(name, next, state);
            }
            6 => self.map(name, next, random),
            7 => self.parallel(name, next, random),
            8 => self.put(name, next, frail(name)),
            9 => self.frail_parallel(name, next, random),
            _ => self.race(name, next, random),
        }
    }

    fn put(&mut self, name: &str, next: &str, mut state: Value) {
        if next.is_empty() {
            state["End"] = json!(true);
        } else {
            state["Next"] = json!(next);
        }
        self.states.insert(name.to_owned(), state);
    }

    fn pass_loop(&mut self, name: &str, next: &str, count: u32) {
        let (step, more) = (format!("{name}Step"), format!("{name}More"));
        let (done, left) = (
            format!("{name}Done"),
            json!({
            "id.$": "$.id", "n.$": "States.MathAdd($.n, 1)", "items.$": "$.items",
            "left.$": "States.MathAdd($.left, -1)"}),
        );
        self.put(name, &step, json!({"Type": "Pass", "Result": count, "ResultPath": "$.left"}));
        self.put(&step, &more, json!({"Type": "Pass", "Parameters": left}));
        let choice = json!({"Type": "Choice", "Default": done, "Choices": [
            {"Variable": "$.left", "NumericGreaterThan": 0, "Next": step}]});
        self.states.insert(more, choice);
        self.put(&done, next, json!({"Type": "Pass"}));
    }

    fn map(&mut self, name: &str, next: &str, random: &mut ChaCha8Rng) {
        self.order = self.order.max(Order::Interleaved);
        let state = json!({
            "Type": "Map", "ItemsPath": "$.items", "ResultPath": "$.map",
            "MaxConcurrency": random.random_range(0..4),
            "ItemSelector": {
                "id.$": format!("States.Format('{{}}/{name}/{{}}', $.id, $$.Map.Item.Index)"),
                "n.$": "$$.Map.Item.Value", "items": []},
            "ItemProcessor": branch(&format!("{name}I"), random),
        });
        self.put(name, next, state);
    }

    fn parallel(&mut self, name: &str, next: &str, random: &mut ChaCha8Rng) {
        self.order = self.order.max(Order::Interleaved);
        let branches: Vec<Value> = (0..random.random_range(1..4))
            .map(|index| branch(&format!("{name}B{index}"), random))
            .collect();
        let state = json!({"Type": "Parallel", "Branches": branches, "ResultPath": "$.parallel"});
        self.put(name, next, state);
    }

    /// A Parallel state of which one branch fails until the execution is redriven.
    fn frail_parallel(&mut self, name: &str, next: &str, random: &mut ChaCha8Rng) {
        self.order = Order::Racing;
        let failing = format!("{name}BF");
        let mut state = frail(&failing);
        state["End"] = json!(true);
        let branches = json!([
            {"StartAt": failing, "States": {failing.as_str(): state}},
            branch(&format!("{name}B1"), random)]);
        let state = json!({"Type": "Parallel", "Branches": branches, "ResultPath": "$.frail"});
        self.put(name, next, state);
    }

    /// A Parallel state of which one branch always fails.
    fn race(&mut self, name: &str, next: &str, random: &mut ChaCha8Rng) {
        self.order = Order::Racing;
        let failing = format!("{name}BF");
        let mut state = task("broken", &failing);
        state["End"] = json!(true);
        let branches = json!([
            {"StartAt": failing, "States": {failing.as_str(): state}},
            branch(&format!("{name}B1"), random)]);
        let state = json!({
            "Type": "Parallel", "Branches": branches, "ResultPath": "$.race",
            "Catch": [{"ErrorEquals": ["Broken"], "ResultPath": "$.error", "Next": next}]});
        self.put(name, next, state);
    }
}

fn branch(prefix: &str, random: &mut ChaCha8Rng) -> Value {
    let mut builder = Builder { states: Map::new(), order: Order::Sequential, nested: true };
    let count = random.random_range(1..4);
    for index in 0..count {
        let next =
            if index + 1 == count { String::new() } else { format!("{prefix}N{}", index + 1) };
        let name = format!("{prefix}N{index}");
        // A caught error and a loop lead on by name, so that the last state is always a plain one.
        if next.is_empty() {
            builder.put(&name, "", task("add", &name));
        } else {
            builder.segment(&name, &next, random);
        }
    }
    json!({"StartAt": format!("{prefix}N0"), "States": builder.states})
}

fn task(function: &str, name: &str) -> Value {
    json!({
        "Type": "Task", "Resource": arn(function), "ResultPath": "$.n",
        "Parameters": {"effect.$": format!("States.Format('{{}}/{name}', $.id)"), "n.$": "$.n"},
    })
}

/// A task that fails until the execution is redriven.
fn frail(name: &str) -> Value {
    let mut state = task("frail", name);
    state["Parameters"]["redrives.$"] = json!("$$.Execution.RedriveCount");
    state
}

fn flaky(name: &str, random: &mut ChaCha8Rng) -> Value {
    let mut state = task("flaky", name);
    state["Parameters"]["retry.$"] = json!("$$.State.RetryCount");
    state["Parameters"]["failures"] = json!(random.random_range(0..3));
    let jitter = if random.random() { "FULL" } else { "NONE" };
    state["Retry"] =
        json!([{"ErrorEquals": ["Flaky"], "MaxAttempts": 5, "JitterStrategy": jitter}]);
    state
}

fn caught(name: &str, next: &str, function: &str, error: &str) -> Value {
    let mut state = task(function, name);
    state["Catch"] = json!([{"ErrorEquals": [error], "ResultPath": "$.error", "Next": next}]);
    state
}
