//! Map runs driven by hand: what comes too late, and what a crash between two writes must not change.

use std::sync::Arc;

use serde_json::{Value, json};
use stepwell_engine::kernel::{Action, Event};
use stepwell_engine::store::Record;
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

/// Its children cannot be read either.
#[test]
fn a_map_run_whose_parent_cannot_be_read_ends_with_it() {
    let bench = Bench::new(&calls()).crash_after(2, "[1, 2]").unwrap();
    let children = "SELECT count(*) FROM execution WHERE map_run = 1 AND status = ";
    assert!(bench.query::<u64>(&format!("{children}'RUNNING'")) > 0);
    bench.tamper("UPDATE definition SET text = replace(text, '\"Task\"', '\"Chore\"')");
    let mut bench = bench.crash();
    bench.stop();
    bench.run_down();
    assert_eq!(bench.status(), Some(Status::Aborted));
    assert_eq!(bench.query::<String>("SELECT status FROM map_run"), "ABORTED");
    assert_eq!(bench.query::<u64>(&format!("{children}'RUNNING'")), 0);
    assert!(bench.query::<u64>(&format!("{children}'ABORTED'")) > 0);
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

/// The journal of one child is damaged, so that it cannot be redriven. Two others are told to stop, and their ends come to
/// disk when the redrive has gone past them: they are redriven all the same, and the damaged one counts once.
#[test]
fn children_that_end_behind_a_redrive_are_redriven_and_one_that_was_given_up_counts_once() {
    let mut bench = Bench::new(&calls());
    let _answer = bench.start("[1,2,3]");
    let orders = bench.settle();
    bench.fail(&orders[1]);
    bench.settle();
    bench.tamper(&format!(
        "UPDATE journal SET entries = x'00' WHERE id >> 28 = {}",
        orders[1].execution.0
    ));
    bench.stop();
    let mut held = Vec::new();
    while bench.kernel.has_work() {
        for write in bench.step() {
            let is_end_of_child = write.records.iter().any(|record| {
                matches!(record, Record::Turn(turn) if turn.child.is_some() && turn.end.is_some())
            });
            if is_end_of_child || !held.is_empty() {
                held.push(write);
            } else {
                bench.commit(&[write]);
            }
        }
    }
    assert_eq!(bench.status(), Some(Status::Aborted));
    let _redriven = bench.redrive("a");
    while bench.kernel.has_work() {
        held.extend(bench.step());
    }
    bench.commit(&held);
    assert_eq!(bench.succeed(), 2);
    assert_eq!(bench.status(), Some(Status::Succeeded), "one of three may fail");
    assert_eq!(bench.query::<u64>("SELECT sum(redrives) FROM execution WHERE map_run = 1"), 2);
}

/// A Distributed Map that calls `echo` twice in a row for each item, without a history.
fn express() -> Value {
    let mut machine = calls();
    let processor = &mut machine["States"]["M"]["ItemProcessor"];
    processor["ProcessorConfig"]["ExecutionType"] = json!("EXPRESS");
    processor["States"] = json!({
        "T": {"Type": "Task", "Resource": function("echo"), "Next": "U"},
        "U": {"Type": "Task", "Resource": function("echo"), "End": true}});
    machine
}

#[test]
fn a_child_of_type_express_is_on_disk_when_it_starts_and_when_it_ends() {
    let mut bench = Bench::new(&express());
    let _answer = bench.start("[1]");
    let first = bench.settle();
    bench.finish(&first[0]);
    let second = bench.settle();
    assert_eq!(second[0].task.state_name.as_ref(), "U");
    assert_eq!(bench.query::<u64>("SELECT count(*) FROM journal WHERE id >> 28 = 2"), 0);

    // The next process begins with the first state again, and nobody takes its tasks for those before.
    let mut bench = bench.crash();
    let again = bench.settle();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].task.state_name.as_ref(), "T");
    assert_ne!(again[0].key(), first[0].key());
    bench.finish(&again[0]);
    assert_eq!(bench.succeed(), 1);
    assert_eq!(bench.status(), Some(Status::Succeeded));
    assert_eq!(bench.query::<u64>("SELECT count(*) FROM journal WHERE id >> 28 = 2"), 0);
}

/// Wherever the process ends between two writes, every child comes to one end, those of a redrive too.
#[test]
fn children_of_type_express_come_to_the_same_results_wherever_the_process_ends() {
    let mut writes = 0;
    loop {
        let mut bench = Bench::new(&express());
        let _answer = bench.start("[1,2,3]");
        for order in bench.settle() {
            bench.fail(&order);
        }
        bench.settle();
        assert_eq!(bench.status(), Some(Status::Failed));
        let _redriven = bench.redrive("a");
        let is_cut_off = bench.succeed_for(writes);
        let mut bench = bench.crash();
        let _again = bench.redrive("a");
        bench.succeed();
        assert_eq!(bench.status(), Some(Status::Succeeded), "after {writes} writes");
        assert_eq!(
            bench.query::<u64>("SELECT count(*) FROM execution WHERE map_run = 1 AND redrives = 1"),
            3,
            "after {writes} writes"
        );
        assert_eq!(counts(&bench), "1 SUCCEEDED 3 3", "after {writes} writes");
        if !is_cut_off {
            break;
        }
        writes += 1;
    }
    assert!(writes > 5, "a redrive of a Map run takes several writes");
}

/// What is counted of the children, as it is kept and as it is.
fn counts(bench: &Bench) -> String {
    let kept = "SELECT group_concat(attempt || ' ' || status || ' ' || executions || ' ' || items)
        FROM (SELECT * FROM child_count WHERE executions > 0 ORDER BY attempt, status)";
    let counted = "SELECT group_concat(map_attempt || ' ' || status || ' ' || n || ' ' || items)
        FROM (SELECT map_attempt, status, count(*) AS n, sum(map_items) AS items FROM execution
              WHERE map_run IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2)";
    let kept = bench.query::<String>(kept);
    assert_eq!(kept, bench.query::<String>(counted));
    kept
}

#[test]
fn counts_agree_with_the_children_whatever_happens_to_them() {
    let mut bench = Bench::new(&calls());
    let _answer = bench.start("[1,2,3,4]");
    let orders = bench.settle();
    assert_eq!(counts(&bench), "0 RUNNING 4 4");
    bench.finish(&orders[0]);
    bench.fail(&orders[1]);
    bench.settle();
    assert_eq!(counts(&bench), "0 FAILED 1 1,0 RUNNING 2 2,0 SUCCEEDED 1 1");
    bench.stop();
    bench.settle();
    assert_eq!(counts(&bench), "0 ABORTED 2 2,0 FAILED 1 1,0 SUCCEEDED 1 1");
    let _redriven = bench.redrive("a");
    bench.settle();
    assert_eq!(counts(&bench), "0 SUCCEEDED 1 1,1 RUNNING 3 3");
    let mut bench = bench.crash();
    assert_eq!(bench.succeed(), 3);
    assert_eq!(counts(&bench), "0 SUCCEEDED 1 1,1 SUCCEEDED 3 3");
    assert_eq!(bench.status(), Some(Status::Succeeded));
}
