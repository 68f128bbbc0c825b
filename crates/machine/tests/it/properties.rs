//! Random machines in a random world: whatever happens, the journal alone gives the run back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell_machine::{
    Command, DecideContext, Decision, ENTRIES_PER_DECISION, Entry, EventId, Input, Limits, Phase,
    Run, Start, TaskResult, apply, decide,
};

use crate::world::{start, start_time};

/// A state to be, without its name and target.
#[derive(Debug, Clone)]
enum Shape {
    Pass(Value),
    Wait(u64),
    Choice(Vec<Shape>),
    Task { fields: Value, handling: Value },
    Fail,
    Parallel { branches: Vec<Vec<Shape>>, handling: Value },
    Map { body: Vec<Shape>, fields: Value, handling: Value },
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    let leaf = prop_oneof![
        4 => pass(),
        2 => (0..4_u64).prop_map(Shape::Wait),
        4 => task(),
        1 => Just(Shape::Fail),
    ];
    let shape = leaf.prop_recursive(3, 24, 4, |inner| {
        let chain = prop::collection::vec(inner, 1..4);
        prop_oneof![
            (prop::collection::vec(chain.clone(), 1..4), handling())
                .prop_map(|(branches, handling)| Shape::Parallel { branches, handling }),
            (chain.clone(), map_fields(), handling())
                .prop_map(|(body, fields, handling)| Shape::Map { body, fields, handling }),
            chain.prop_map(Shape::Choice),
        ]
    });
    prop::collection::vec(shape, 1..5)
}

fn pass() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(json!({})),
        Just(json!({ "Result": [1, 2, 3] })),
        Just(json!({ "Result": "kept", "ResultPath": "$.kept" })),
        Just(json!({ "Parameters": { "id.$": "States.UUID()", "all.$": "$" } })),
        Just(json!({ "Parameters": { "missing.$": "$.no.such.path" } })),
        Just(json!({ "Parameters": { "context.$": "$$" } })),
        Just(json!({ "OutputPath": "$.kept" })),
        Just(json!({ "InputPath": null })),
    ]
    .prop_map(Shape::Pass)
}

fn task() -> impl Strategy<Value = Shape> {
    let fields = prop_oneof![
        Just(json!({})),
        Just(json!({ "TimeoutSeconds": 3 })),
        Just(json!({ "TimeoutSeconds": 5, "HeartbeatSeconds": 2, "ResultPath": "$.task" })),
        Just(json!({ "Parameters": { "count.$": "$$.State.RetryCount" } })),
    ];
    (fields, handling()).prop_map(|(fields, handling)| Shape::Task { fields, handling })
}

fn map_fields() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({ "ItemsPath": "$$.Execution.Input.items" })),
        Just(json!({ "ItemsPath": "$$.Execution.Input.items", "MaxConcurrency": 1 })),
        Just(json!({
            "ItemsPath": "$$.Execution.Input.items",
            "MaxConcurrency": 2,
            "ItemSelector": { "item.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index" },
            "ResultPath": "$.items",
        })),
        Just(json!({ "ItemsPath": "$$.Execution.Input.none" })),
        Just(json!({ "ItemsPath": "$.perhaps" })),
        Just(json!({
            "ItemsPath": "$$.Execution.Input.items",
            "ItemSelector": { "missing.$": "$.no.such.path" },
        })),
    ]
}

fn handling() -> impl Strategy<Value = Value> {
    let retry = prop_oneof![
        Just(json!([])),
        Just(
            json!([{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "JitterStrategy": "FULL" }])
        ),
        Just(json!([
            { "ErrorEquals": ["Flaky"], "IntervalSeconds": 2, "MaxAttempts": 1 },
            { "ErrorEquals": ["States.Timeout"], "MaxAttempts": 2, "BackoffRate": 1.5 },
        ])),
    ];
    let catch = prop_oneof![
        Just(json!([])),
        Just(json!([{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "" }])),
        Just(json!([{ "ErrorEquals": ["Broken"], "Next": "" }])),
    ];
    (retry, catch).prop_map(|(retry, catch)| json!({ "Retry": retry, "Catch": catch }))
}

/// Writes shapes down as states that lead one to the next.
#[derive(Default)]
struct Writer {
    names: usize,
}

impl Writer {
    fn chain(&mut self, shapes: &[Shape]) -> Value {
        let names: Vec<String> = shapes.iter().map(|_| self.name()).collect();
        let end = self.name();
        let mut states = serde_json::Map::new();
        for (i, shape) in shapes.iter().enumerate() {
            let next = names.get(i + 1).unwrap_or(&end);
            let state = self.state(shape, next, &mut states);
            states.insert(names[i].clone(), state);
        }
        states.insert(end, json!({ "Type": "Pass", "End": true }));
        json!({ "StartAt": names[0], "States": states })
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("S{}", self.names)
    }

    fn state(
        &mut self,
        shape: &Shape,
        next: &str,
        around: &mut serde_json::Map<String, Value>,
    ) -> Value {
        match shape {
            Shape::Pass(fields) => {
                merged(&[json!({ "Type": "Pass", "Next": next }), fields.clone()])
            }
            Shape::Wait(seconds) => json!({ "Type": "Wait", "Seconds": seconds, "Next": next }),
            Shape::Fail => {
                let name = self.name();
                let rule = json!({ "Variable": "$.kept", "IsPresent": false, "Next": name });
                around.insert(name, json!({ "Type": "Fail", "Error": "Broken", "Cause": "why" }));
                json!({ "Type": "Choice", "Choices": [rule], "Default": next })
            }
            Shape::Task { fields, handling } => {
                let resource = "arn:aws:lambda:us-east-1:111111111111:function:f";
                let own = json!({ "Type": "Task", "Resource": resource, "Next": next });
                merged(&[own, fields.clone(), handled(handling, next)])
            }
            Shape::Parallel { branches, handling } => {
                let branches: Vec<Value> = branches.iter().map(|one| self.chain(one)).collect();
                let own = json!({ "Type": "Parallel", "Branches": branches, "Next": next });
                merged(&[own, handled(handling, next)])
            }
            Shape::Map { body, fields, handling } => {
                let own = json!({ "Type": "Map", "ItemProcessor": self.chain(body), "Next": next });
                merged(&[own, fields.clone(), handled(handling, next)])
            }
            Shape::Choice(detour) => {
                let mut chain = self.chain(detour);
                let states = chain["States"].as_object_mut().expect("a chain has states");
                for (name, mut state) in std::mem::take(states) {
                    if state.get("End").is_some() {
                        state = json!({ "Type": "Pass", "Next": next });
                    }
                    around.insert(name, state);
                }
                let rule = json!({
                    "Variable": "$.kept",
                    "IsPresent": true,
                    "Next": chain["StartAt"],
                });
                json!({ "Type": "Choice", "Choices": [rule], "Default": next })
            }
        }
    }
}

fn merged(parts: &[Value]) -> Value {
    let fields = parts.iter().flat_map(|part| part.as_object().cloned().unwrap_or_default());
    Value::Object(fields.collect())
}

fn handled(handling: &Value, next: &str) -> Value {
    let mut handling = handling.clone();
    for catcher in handling["Catch"].as_array_mut().into_iter().flatten() {
        catcher["Next"] = json!(next);
    }
    handling
}

/// Runs an execution, choosing what happens next by a list of numbers.
struct Chance {
    start: Start,
    live: Run,
    journal: Vec<Entry>,
    now: jiff::Timestamp,
    /// Tasks that the commands so far have left open.
    open: BTreeSet<EventId>,
    seed: u64,
}

impl Chance {
    fn new(definition: &Value) -> Self {
        let items = [json!({ "kept": 1 }), json!(2), json!("three")];
        let many: Vec<&Value> = items.iter().cycle().take(300).collect();
        let input = json!({ "items": items, "none": [], "many": many });
        let start = start(&definition.to_string(), &input.to_string());
        let live = Run::new(start.clone());
        let (journal, open) = (Vec::new(), BTreeSet::new());
        Self { start, live, journal, now: start_time(), open, seed: 1 }
    }

    /// Gives an input to the live run and to one that is folded from the journal, and compares.
    fn give(&mut self, input: &Input) -> Decision {
        self.seed += 1;
        let ctx = DecideContext { now: self.now, seed: self.seed, ..DecideContext::default() };
        let mut folded = self.fold();
        assert!(folded == self.live, "the journal gives another run");
        let decision = decide(&mut self.live, input.clone(), &ctx);
        assert_eq!(decision, decide(&mut folded, input.clone(), &ctx), "they decide differently");
        assert!(folded == self.live, "the same decision leads elsewhere");
        self.journal.extend(decision.entries.iter().cloned());
        self.follow(&decision.commands);
        decision
    }

    fn fold(&self) -> Run {
        let journal = serde_json::to_vec(&self.journal).expect("entries serialise");
        let journal: Vec<Entry> = serde_json::from_slice(&journal).expect("entries deserialise");
        let mut run = Run::new(self.start.clone());
        for entry in &journal {
            apply(&mut run, entry).expect("the journal is legal");
        }
        run
    }

    /// Commands and outcomes so far must leave open exactly what the run says is outstanding.
    fn follow(&mut self, commands: &[Command]) {
        for command in commands {
            match command {
                Command::ScheduleTask(task) => assert!(self.open.insert(task.scheduled)),
                Command::StartMapRun(run) => assert!(self.open.insert(run.scheduled)),
                Command::CancelTask { scheduled } => assert!(self.open.remove(scheduled)),
            }
        }
        let outstanding = self.live.outstanding();
        let outstanding: BTreeSet<EventId> = outstanding.iter().map(scheduled).collect();
        assert_eq!(outstanding, self.open, "commands and outstanding tasks differ");
    }

    /// What happens next; nothing once the execution has ended for good.
    fn next(&mut self, dice: u64) -> Option<Input> {
        if *self.live.phase() != Phase::Running {
            let goes_on = self.live.phase().is_redrivable() && !dice.is_multiple_of(4);
            return goes_on.then_some(Input::Redrive { token: None, from: None });
        }
        let open: Vec<EventId> = self.open.iter().copied().collect();
        let wakeup = self.live.next_wakeup();
        assert!(wakeup.is_some() || !open.is_empty(), "the execution is stuck");
        if dice % 61 == 60 {
            return Some(Input::Stop { error: Some("Stopped".to_owned()), cause: None });
        }
        match wakeup {
            Some(at) if open.is_empty() || dice % 5 == 4 => {
                self.now = self.now.max(at);
                Some(Input::TimerFired)
            }
            _ => Some(self.about_task(open[(dice / 16) as usize % open.len()], dice % 16)),
        }
    }

    fn about_task(&mut self, scheduled: EventId, what: u64) -> Input {
        let started_at = self.now;
        self.now += Duration::from_millis(17 * what);
        let failed = |error: &str| TaskResult::Failed { error: error.to_owned(), cause: None };
        let outcome = match what {
            0 | 1 => return Input::TaskStarted { scheduled, at: started_at },
            2 => return Input::TaskHeartbeat { scheduled },
            3 | 4 => failed("Flaky"),
            5 => failed("Broken"),
            6 => {
                return Input::TaskFinished {
                    scheduled: scheduled + 1_000_000,
                    started_at,
                    outcome: failed("Stale"),
                };
            }
            _ => TaskResult::Succeeded { output: json!({ "kept": what }).into() },
        };
        self.open.remove(&scheduled);
        Input::TaskFinished { scheduled, started_at, outcome }
    }
}

fn scheduled(command: &Command) -> EventId {
    match command {
        Command::ScheduleTask(task) => task.scheduled,
        Command::StartMapRun(run) => run.scheduled,
        Command::CancelTask { scheduled } => *scheduled,
    }
}

/// Ids count up, and every event follows from an earlier one.
fn check_history(journal: &[Entry]) {
    let events = journal.iter().filter_map(Entry::to_history_event).collect::<Vec<_>>();
    let mut closed: BTreeMap<u64, usize> = BTreeMap::new();
    for (i, event) in events.iter().enumerate() {
        let id = event["id"].as_u64().expect("an id");
        let previous = event["previousEventId"].as_u64().expect("a previous id");
        assert_eq!(id, i as u64 + 1);
        assert!(previous < id);
        *closed.entry(previous).or_default() += 1;
    }
}

/// Folding the journal again and again takes its time: this many entries are enough.
const ENTRIES_MAX: usize = 4 * ENTRIES_PER_DECISION;

/// Runs shapes as chance will have it, and checks everything on the way.
fn run(shapes: &[Shape], dice: Vec<u64>) -> Chance {
    let definition = Writer::default().chain(shapes);
    let mut chance = Chance::new(&definition);
    let mut input = Some(Input::Start { limits: Limits::None });
    for dice in dice {
        let Some(now) = input.filter(|_| chance.journal.len() < ENTRIES_MAX) else { break };
        let decision = chance.give(&now);
        input = if decision.more { Some(Input::Continue) } else { chance.next(dice) };
    }
    check_history(&chance.journal);
    if *chance.live.phase() != Phase::Running {
        assert_eq!(chance.live.next_wakeup(), None);
        assert!(chance.live.outstanding().is_empty());
    }
    chance
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_journal_gives_the_run_back(
        shapes in shapes(),
        dice in prop::collection::vec(0..4_096_u64, 0..300),
    ) {
        run(&shapes, dice);
    }
}

/// Folds a journal as far as it goes; what is left of the run must still be able to decide.
fn fold_damaged(start: &Start, journal: &[Entry]) {
    let mut run = Run::new(start.clone());
    let ctx = DecideContext {
        now: start_time() + Duration::from_hours(1),
        seed: 1,
        ..DecideContext::default()
    };
    if journal.iter().all(|entry| apply(&mut run, entry).is_ok()) {
        let _ = decide(&mut run, Input::Continue, &ctx);
    }
}

/// Damages a journal in one of the ways that keep its entries readable.
fn damage(journal: &mut Vec<Entry>, at: usize, other: usize, how: u64) {
    let (at, other) = (at % journal.len(), other % journal.len());
    match how {
        0 => {
            journal.remove(at);
        }
        1 => journal.swap(at, other),
        2 => journal[at].frame = other as u64,
        3 => journal[at].event = journal[other].event.clone(),
        _ => journal.truncate(at),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_damaged_journal_is_refused_or_harmless(
        shapes in shapes(),
        dice in prop::collection::vec(0..4_096_u64, 1..20),
        damages in prop::collection::vec((any::<usize>(), any::<usize>(), 0..5_u64), 1..30),
    ) {
        let chance = run(&shapes, dice);
        for (at, other, how) in damages {
            let mut journal = chance.journal.clone();
            damage(&mut journal, at, other, how);
            fold_damaged(&chance.start, &journal);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_batch_may_be_cut_anywhere(
        body in shapes(),
        max_concurrency in prop_oneof![Just(0), Just(100)],
        dice in prop::collection::vec(0..4_096_u64, 6),
    ) {
        let items_path = "$$.Execution.Input.many";
        let fields = json!({ "ItemsPath": items_path, "MaxConcurrency": max_concurrency });
        let shapes = [Shape::Map { body, fields, handling: json!({ "Catch": [] }) }];
        run(&shapes, dice);
    }
}
