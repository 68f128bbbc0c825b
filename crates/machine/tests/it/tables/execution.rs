//! What concerns the whole execution: its limits, its end, its journal.

use insta::assert_snapshot;
use serde_json::{Value, json};
use stepwell_machine::{
    DecideContext, ENTRIES_PER_DECISION, Entry, Event, Input, InvalidPayload, Limits, Payload,
    Phase, Run, TaskResult, apply, decide,
};

use super::only;
use crate::script::play;
use crate::world::{World, start, start_time};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111111111111:function:f";

fn with_timeout(state: &Value, seconds: u64) -> String {
    let mut definition: Value = serde_json::from_str(&only(state)).expect("JSON");
    definition["TimeoutSeconds"] = json!(seconds);
    definition.to_string()
}

#[test]
fn the_timeout_of_the_machine_ends_everything() {
    let state = json!({ "Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 60 });
    assert_snapshot!(play(&with_timeout(&state, 5), "start {}\npass 4\npass 1\nok 3 {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f 60 {}
      > schedule 3 {} by 12:01:00
    pass 4
    pass 1
      4 < 0 ExecutionTimedOut States.Timeout
      > cancel 3
    ok 3 {}
    "#);
}

#[test]
fn a_stop_cancels_what_is_open() {
    let state = json!({ "Type": "Task", "Resource": FUNCTION });
    assert_snapshot!(play(&only(&state), "start {}\nstop Unwanted nobody asked for it\nok 3 {}"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 TaskStateEntered State {}
      3 < 2 LambdaFunctionScheduled arn:aws:lambda:us-east-1:111111111111:function:f {}
      > schedule 3 {} by none
    stop Unwanted nobody asked for it
      4 < 0 ExecutionAborted Unwanted nobody asked for it
      > cancel 3
    ok 3 {}
    "#);
    assert_snapshot!(play(&only(&json!({ "Type": "Wait", "Seconds": 9 })), "start {}\nstop"), @r#"
    start {}
      1 < 0 ExecutionStarted {}
      2 < 0 WaitStateEntered State {}
    stop
      3 < 0 ExecutionAborted
    "#);
}

#[test]
fn inputs_that_do_not_apply_have_no_consequences() {
    let definition = only(&json!({ "Type": "Task", "Resource": FUNCTION }));
    let mut world = World::new(&definition, "{}");
    let outcome = TaskResult::Succeeded { output: json!({}).into() };
    let finished = |scheduled| Input::TaskFinished {
        scheduled,
        started_at: start_time(),
        outcome: outcome.clone(),
    };
    let before_the_start = [Input::Continue, Input::TimerFired, finished(1)];
    let under_way = [
        Input::Start { limits: Limits::None },
        Input::Continue,
        Input::TimerFired,
        finished(1),
        finished(99),
    ];
    for input in before_the_start {
        assert!(world.decide(input).entries.is_empty());
    }
    assert!(!world.decide(Input::Start { limits: Limits::None }).entries.is_empty());
    for input in under_way {
        assert!(world.decide(input).entries.is_empty());
    }
    assert!(!world.decide(finished(3)).entries.is_empty());
    for input in [
        Input::Start { limits: Limits::None },
        finished(3),
        Input::Stop { error: None, cause: None },
    ] {
        assert!(world.decide(input).entries.is_empty());
    }
}

#[test]
fn ten_thousand_waits_start_and_end_in_batches() {
    let wait = json!({ "Type": "Wait", "Seconds": 5, "End": true });
    let processor = json!({ "StartAt": "Each", "States": { "Each": wait } });
    let definition = only(&json!({ "Type": "Map", "ItemProcessor": processor }));
    let items: Vec<u32> = (0..10_000).collect();
    let mut world = World::new(&definition, &json!(items).to_string());
    let mut batches = 1;
    let mut input = Input::Start { limits: Limits::None };
    loop {
        let decision = world.decide(input);
        assert!(decision.entries.len() < ENTRIES_PER_DECISION + 10);
        input = if decision.more {
            Input::Continue
        } else if let Some(at) = world.run.next_wakeup() {
            world.now = at;
            Input::TimerFired
        } else {
            break;
        };
        batches += 1;
    }
    assert_eq!(*world.run.phase(), Phase::Succeeded { output: json!(items).into() });
    assert!(batches < 100, "{batches} batches");
}

#[test]
fn data_that_the_journal_could_not_give_back_fails_the_execution() {
    let states = json!({
        "Deeper": { "Type": "Pass", "Parameters": { "in.$": "$" }, "Next": "Enough?" },
        "Enough?": {
            "Type": "Choice",
            "Choices": [{ "Variable": "$.enough", "IsPresent": true, "Next": "Enough" }],
            "Default": "Deeper",
        },
        "Enough": { "Type": "Succeed" },
    });
    let mut world = World::new(&super::machine("Deeper", &states), "{}");
    let decision = world.decide(Input::Start { limits: Limits::None });
    assert!(!decision.more);
    let Phase::Failed { error, cause } = world.run.phase() else { panic!("it goes on for ever") };
    assert_eq!(error.as_deref(), Some("States.Runtime"));
    assert!(cause.as_deref().is_some_and(|cause| cause.ends_with("deeper than 100 levels.")));
}

#[test]
fn an_input_is_json_of_reasonable_depth() {
    let deep = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(Payload::parse(&deep(100)).is_ok());
    assert!(matches!(Payload::parse(&deep(101)), Err(InvalidPayload::TooDeep)));
    assert!(matches!(Payload::parse("{"), Err(InvalidPayload::NotJson(_))));
    assert!(matches!(Payload::parse(" "), Err(InvalidPayload::Empty)));
}

#[test]
fn a_journal_with_a_gap_is_refused() {
    let definition = only(&json!({ "Type": "Pass" }));
    let mut world = World::new(&definition, "{}");
    let entries = world.decide(Input::Start { limits: Limits::None }).entries;
    for missing in 0..entries.len() - 1 {
        let mut run = Run::new(start(&definition, "{}"));
        let mut others = entries.iter().enumerate().filter(|(i, _)| *i != missing);
        assert!(others.any(|(_, entry)| apply(&mut run, entry).is_err()), "without {missing}");
    }
}

#[test]
fn an_entry_that_does_not_belong_is_refused() {
    let definition = only(&json!({ "Type": "Wait", "Seconds": 1 }));
    let mut run = Run::new(start(&definition, "{}"));
    let ctx = DecideContext { now: start_time(), seed: 0, ..DecideContext::default() };
    let last = decide(&mut run, Input::Start { limits: Limits::None }, &ctx)
        .entries
        .pop()
        .expect("it waits");
    let stray = Entry { id: None, event: Event::TaskHeartbeat, ..last.clone() };
    assert!(apply(&mut run, &stray).is_err());
    let stray = Entry { frame: 7, ..last };
    assert!(apply(&mut run, &stray).is_err());
}

/// The persisted form. A change that breaks this test needs a new `EntryFormat` in the engine's `store/format.rs`.
#[test]
fn the_journal_keeps_its_format() {
    let processor = json!({
        "StartAt": "Each",
        "States": { "Each": { "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": { "FunctionName": "f" }, "TimeoutSeconds": 1, "End": true } },
    });
    let definition = only(&json!({
        "Type": "Map",
        "ItemProcessor": processor,
        "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 1 }],
    }));
    let mut world = World::new(&definition, "[1 ]");
    world.run_to_end(|_| None);
    let lines: Vec<String> =
        world.entries.iter().map(|entry| serde_json::to_string(entry).expect("JSON")).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    {"i":1,"t":1721044800000,"e":{"Es":{"i":{"t":"[1 ]"},"r":"arn:aws:iam::111111111111:role/machine-role"}}}
    {"i":2,"t":1721044800000,"e":{"Se":{"s":0,"k":"M","n":"State","i":{"t":"[1 ]"}}}}
    {"i":3,"p":2,"t":1721044800000,"e":{"Ms":{"l":1}}}
    {"i":4,"p":3,"t":1721044800000,"e":{"Is":{"x":0,"n":"State"}}}
    {"i":5,"p":4,"t":1721044800000,"f":1,"e":{"Se":{"s":1,"k":"T","n":"Each","i":{"v":1}}}}
    {"i":6,"p":5,"t":1721044800000,"f":1,"e":{"Tq":{"r":{"s":["lambda","invoke"]},"i":{"FunctionName":"f"},"g":"us-east-1","d":1}}}
    {"i":7,"p":6,"t":1721044800000,"f":1,"e":{"Ts":{"r":{"s":["lambda","invoke"]}}}}
    {"i":8,"p":7,"t":1721044801000,"f":1,"e":{"Tt":{"r":{"s":["lambda","invoke"]},"b":"t"}}}
    {"i":9,"p":8,"t":1721044801000,"f":1,"e":{"If":{"x":0,"n":"State"}}}
    {"i":10,"p":8,"t":1721044801000,"f":1,"e":{"Sa":{"k":"T"}}}
    {"p":8,"t":1721044801000,"e":{"Rs":{"n":0,"u":1721044802000}}}
    {"i":11,"p":8,"t":1721044802000,"e":{"Ms":{"l":1}}}
    {"i":12,"p":11,"t":1721044802000,"e":{"Is":{"x":0,"n":"State"}}}
    {"i":13,"p":12,"t":1721044802000,"f":2,"e":{"Se":{"s":1,"k":"T","n":"Each","i":{"v":1}}}}
    {"i":14,"p":13,"t":1721044802000,"f":2,"e":{"Tq":{"r":{"s":["lambda","invoke"]},"i":{"FunctionName":"f"},"g":"us-east-1","d":1}}}
    {"i":15,"p":14,"t":1721044802000,"f":2,"e":{"Ts":{"r":{"s":["lambda","invoke"]}}}}
    {"i":16,"p":15,"t":1721044803000,"f":2,"e":{"Tt":{"r":{"s":["lambda","invoke"]},"b":"t"}}}
    {"i":17,"p":16,"t":1721044803000,"f":2,"e":{"If":{"x":0,"n":"State"}}}
    {"i":18,"p":16,"t":1721044803000,"f":2,"e":{"Sa":{"k":"T"}}}
    {"i":19,"p":16,"t":1721044803000,"e":"Mf"}
    {"i":20,"p":19,"t":1721044803000,"e":{"Ef":{"e":"States.Timeout"}}}
    "#);
}
