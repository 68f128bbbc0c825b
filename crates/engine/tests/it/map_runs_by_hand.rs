//! Map runs driven by hand: what comes too late, and what a crash between two writes must not change.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_engine::kernel::{Action, Event};
use stepwell_engine::{Status, store};
use stepwell_machine::{Reason, TaskResult};

use crate::by_hand::Bench;
use crate::rig::{count_down, function, task};

/// A Distributed Map over a file that calls `echo` for each item.
fn reads() -> Value {
    let mut machine = calls();
    machine["States"]["M"]["ItemReader"] = json!({
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "items", "Key": "items.json"}});
    machine
}

/// A Distributed Map over its input that calls `echo` for each item.
fn calls() -> Value {
    json!({"StartAt": "M", "States": {"M": {
        "Type": "Map", "End": true, "ToleratedFailurePercentage": 50, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "T", "States": {
                "T": {"Type": "Task", "Resource": function("echo"), "End": true}}}}}})
}

fn is_close(action: &Action) -> bool {
    matches!(action, Action::CloseItems(1))
}

#[test]
fn items_that_come_after_the_end_of_their_map_run_are_closed() {
    let mut bench = Bench::new(&reads());
    let _answer = bench.start("{}");
    assert!(bench.run_down().iter().any(|action| matches!(action, Action::ReadItems(_))));
    bench.stop();
    assert!(bench.run_down().iter().any(is_close));
    bench.tell(Event::ItemsRead { map_run: 1, skip: 0, items: vec![json!(1)], end: false });
    assert!(bench.run_down().iter().any(is_close), "what was kept since then is closed too");
}

#[test]
fn a_processor_that_cannot_be_read_fails_the_map_run() {
    let bench = Bench::new(&calls()).crash_after(1, "[1,2,3]").unwrap();
    bench.tamper("UPDATE map_run SET state = 99");
    let mut bench = bench.crash();
    bench.settle();
    assert_eq!(bench.status(), Some(Status::Failed));
    assert_eq!(bench.query::<u64>("SELECT count(*) FROM execution WHERE map_run = 1"), 0);
}

/// Its own program, which reads the parent, goes on with it.
#[test]
fn a_map_run_whose_parent_cannot_be_read_is_left_as_it_is() {
    let bench = Bench::new(&calls()).crash_after(1, "[1]").unwrap();
    bench.tamper("UPDATE definition SET text = replace(text, '\"Task\"', '\"Chore\"')");
    let mut bench = bench.crash();
    assert!(bench.settle().is_empty());
    assert_eq!(bench.query::<String>("SELECT status FROM map_run"), "RUNNING");

    bench.tamper("UPDATE definition SET text = replace(text, '\"Chore\"', '\"Task\"')");
    let mut bench = bench.crash();
    let orders = bench.settle();
    bench.finish(&orders[0]);
    bench.settle();
    assert_eq!(bench.status(), Some(Status::Succeeded));
}

/// The turn that takes the end of the Map run in stops at its budget, with a letter left.
#[test]
fn a_map_run_has_ended_in_its_row_when_it_has_for_its_parent() {
    let mut runs = calls();
    runs["States"]["M"].as_object_mut().unwrap().remove("End");
    runs["States"]["M"]["Next"] = json!("Count");
    runs["States"]["M"]["ResultPath"] = Value::Null;
    for (name, state) in count_down()["States"].as_object().unwrap() {
        runs["States"][name] = state.clone();
    }
    runs["States"]["Count"] = json!({"Type": "Pass", "Result": {"n": 3000}, "Next": "Step"});
    let mut bench = Bench::new(&json!({"StartAt": "Both", "States": {"Both": {
        "Type": "Parallel", "End": true, "Branches": [runs, task("echo")]}}}));
    let _answer = bench.start("[]");
    let mut actions = Vec::new();
    while !actions.iter().any(|action| matches!(action, Action::WriteResults(_))) {
        let writes = bench.step();
        bench.commit(&writes);
        actions.extend(writes.into_iter().flat_map(|write| write.actions));
    }
    let output = TaskResult::Succeeded { output: Arc::new(json!([])) };
    bench.tell(Event::ResultsWritten { map_run: 1, attempt: 0, outcome: output });
    for action in &actions {
        if let Action::Dispatch(order) = action {
            bench.finish(order);
        }
    }
    let writes = bench.step();
    bench.commit(&writes);
    let mut bench = bench.crash();
    bench.run_down();
    assert_eq!(bench.query::<String>("SELECT status FROM map_run"), "SUCCEEDED");
}

#[test]
fn why_a_map_run_fails_survives_a_crash_among_its_children() {
    let mut bench = Bench::new(&reads());
    let _answer = bench.start("{}");
    bench.settle();
    bench.tell(Event::ItemsRead {
        map_run: 1,
        skip: 0,
        items: vec![json!(1), json!(2)],
        end: false,
    });
    assert_eq!(bench.settle().len(), 2);
    let error = Some("States.ItemReaderFailed".to_owned());
    let reason = Reason { error, cause: Some("gone".to_owned()) };
    bench.tell(Event::ItemsFailed { map_run: 1, attempt: 0, reason });
    while bench.query::<u64>("SELECT count(*) FROM execution WHERE status = 'ABORTED'") == 0 {
        let writes = bench.step();
        for write in &writes {
            bench.commit(std::slice::from_ref(write));
        }
    }
    let mut bench = bench.crash();
    bench.run_down();
    let found: store::Found = bench.store.archive().unwrap().find(1, "one").unwrap().unwrap();
    assert_eq!(found.status, Status::Failed);
    let error = bench.query::<String>("SELECT error FROM execution_data WHERE execution = 1");
    assert_eq!(error, "States.ItemReaderFailed");
}

/// The Map run is still in memory: its results were on their way out when its parent was stopped.
#[test]
fn a_redriven_map_run_reads_on_behind_its_children_whatever_was_asked_for_before() {
    let mut machine = reads();
    machine["States"]["M"]["ResultWriter"] =
        json!({"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out"}});
    let mut bench = Bench::new(&machine);
    let _answer = bench.start("{}");
    bench.settle();
    let items = vec![json!(1), json!(2)];
    bench.tell(Event::ItemsRead { map_run: 1, skip: 0, items, end: false });
    for order in bench.settle() {
        bench.finish(&order);
    }
    bench.settle();
    let failed = || Event::ItemsFailed {
        map_run: 1,
        attempt: 0,
        reason: Reason { error: Some("States.ItemReaderFailed".to_owned()), cause: None },
    };
    bench.tell(failed());
    let writes = bench.step();
    bench.commit(&writes);
    bench.stop();
    while bench.status() != Some(Status::Aborted) {
        let writes = bench.step();
        bench.commit(&writes);
    }
    let _redriven = bench.redrive("again");
    let asked: Vec<_> = bench.run_down();
    let asked = asked.iter().filter_map(|action| match action {
        Action::ReadItems(order) => Some((order.skip, order.attempt)),
        _ => None,
    });
    assert_eq!(asked.collect::<Vec<_>>(), [(2, 1)]);

    bench.tell(failed());
    let late = TaskResult::Succeeded { output: Arc::new(json!("late")) };
    bench.tell(Event::ResultsWritten { map_run: 1, attempt: 0, outcome: late });
    bench.tell(Event::ItemsRead { map_run: 1, skip: 2, items: vec![json!(3)], end: true });
    for order in bench.settle() {
        bench.finish(&order);
    }
    bench.settle();
    assert_eq!(bench.query::<u64>("SELECT count(*) FROM execution WHERE map_run = 1"), 3);
    assert_eq!(bench.query::<String>("SELECT status FROM map_run"), "SUCCEEDED");
}
