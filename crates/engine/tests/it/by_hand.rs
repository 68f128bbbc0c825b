//! The kernel and the store driven by hand, so that a crash falls between two certain writes.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_engine::kernel::{Action, Definition, Event, Kernel, StartRequest, TaskOrder, Write};
use stepwell_engine::store::{Durability, ExecutionId, Store};
use stepwell_engine::{Arns, Error, ManualEntropy, Started, Status};
use stepwell_machine::{Limits, Payload, TaskResult};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::rig::{count_down, function, one, task};

struct Bench {
    directory: TempDir,
    store: Store,
    kernel: Kernel,
    now: Timestamp,
}

fn open(directory: TempDir) -> Bench {
    let store =
        Store::open(&directory.path().join("stepwell.db"), Durability::ProcessOnly).unwrap();
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let arns = Arns::new("us-east-1", "000000000000");
    let entropy = Box::new(ManualEntropy::new(1));
    let kernel = Kernel::open(arns, store.archive().unwrap(), entropy).unwrap();
    Bench { directory, store, kernel, now }
}

impl Bench {
    fn new(definition: &Value) -> Self {
        let mut bench = open(tempfile::tempdir().unwrap());
        let text = definition.to_string();
        let machine = Arc::new(stepwell_asl::parse(&text).0.unwrap());
        let definition = Definition { text: text.into(), machine };
        let (reply, _) = oneshot::channel();
        bench.tell(Event::CreateStateMachine {
            name: "m".to_owned(),
            definition,
            role_arn: None,
            configuration: stepwell_engine::Configuration::default(),
            reply,
        });
        bench.settle();
        bench
    }

    /// The process ends here and another begins.
    fn crash(self) -> Self {
        let Self { directory, store, kernel, .. } = self;
        drop((store, kernel));
        open(directory)
    }

    fn tell(&mut self, event: Event) {
        self.kernel.handle(event, self.now).unwrap();
    }

    fn start(&mut self, input: &str) -> oneshot::Receiver<Result<Started, Error>> {
        let (reply, answer) = oneshot::channel();
        let request = StartRequest {
            qualifier: None,
            state_machine: "m".to_owned(),
            name: Some("one".to_owned()),
            input: input.to_owned(),
            data: Payload::parse(input).unwrap(),
            limits: Limits::None,
        };
        self.tell(Event::Start { request, reply });
        answer
    }

    /// Lets one execution take its turn; gives what it wrote.
    fn step(&mut self) -> Vec<Write> {
        self.kernel.tick(self.now);
        self.kernel.step(self.now).unwrap();
        self.kernel.take_writes()
    }

    fn commit(&mut self, writes: &[Write]) {
        self.store.commit(writes.iter().flat_map(|write| &write.records)).unwrap();
        if let Some(last) = writes.last() {
            self.tell(Event::Committed { through: last.number });
        }
    }

    /// Starts an execution and stops after so many writes; nothing if there are not that many.
    fn crash_after(mut self, writes: usize, input: &str) -> Option<Self> {
        let _answer = self.start(input);
        let mut left = writes;
        while self.kernel.has_work() {
            for write in self.step() {
                self.commit(std::slice::from_ref(&write));
                left -= 1;
                if left == 0 {
                    return Some(self);
                }
            }
        }
        None
    }

    /// Goes on until nothing is left to do; gives the tasks that were handed out.
    fn settle(&mut self) -> Vec<TaskOrder> {
        let mut orders = Vec::new();
        loop {
            let writes = self.step();
            self.commit(&writes);
            for action in writes.into_iter().flat_map(|write| write.actions) {
                match action {
                    Action::Dispatch(order) => orders.push(order),
                    Action::Answer(answer) => answer.send(),
                    Action::Cancel { .. }
                    | Action::Log(_)
                    | Action::RunExpress(_)
                    | Action::Announce(_)
                    | Action::Deliver(_)
                    | Action::ReadItems(_)
                    | Action::CloseItems(_)
                    | Action::WriteResults(_) => {}
                }
            }
            if !self.kernel.has_work() {
                return orders;
            }
        }
    }

    fn finish(&mut self, order: &TaskOrder) {
        self.tell(Event::TaskFinished {
            execution: order.execution,
            scheduled: order.task.scheduled,
            started_at: self.now,
            outcome: TaskResult::Succeeded { output: Arc::new(json!("done")) },
        });
    }

    fn status(&self) -> Option<Status> {
        let archive = self.store.archive().unwrap();
        archive.find(1, "one").unwrap().map(|found| found.status)
    }
}

#[test]
fn the_first_event_has_the_time_of_the_start_however_long_its_turn_is_in_coming() {
    let mut bench = Bench::new(&task("echo"));
    let _answer = bench.start("{}");
    let started_at = bench.now;
    bench.now += jiff::SignedDuration::from_millis(7);
    bench.settle();
    let archive = bench.store.archive().unwrap();
    let open = archive.open_executions().unwrap().remove(0);
    let first = &archive.journal(&open).unwrap().entries[0];
    assert_eq!((open.started_at, first.at), (started_at, started_at));
}

#[test]
fn a_start_that_was_not_committed_was_not_answered_and_is_gone() {
    let mut bench = Bench::new(&task("echo"));
    let mut answer = bench.start("{}");
    let writes = bench.step();
    assert_eq!(writes.len(), 1);
    assert!(answer.try_recv().is_err());
    let bench = bench.crash();
    assert_eq!(bench.status(), None);
}

#[test]
fn a_start_that_was_committed_but_not_answered_goes_on() {
    let mut bench = Bench::new(&task("echo"));
    let mut answer = bench.start("{}");
    let writes = bench.step();
    bench.commit(&writes);
    assert!(answer.try_recv().is_err());
    drop(writes);

    let mut bench = bench.crash();
    let orders = bench.settle();
    assert_eq!(orders.len(), 1, "its task is handed out");
    assert_eq!(bench.start("{}").try_recv().err(), Some(oneshot::error::TryRecvError::Empty));
    bench.finish(&orders[0]);
    bench.settle();
    assert_eq!(bench.status(), Some(Status::Succeeded));
}

#[test]
fn an_outcome_that_was_not_committed_is_asked_for_again() {
    let mut bench = Bench::new(&task("echo"));
    let _answer = bench.start("{}");
    let before = bench.settle();
    bench.finish(&before[0]);
    assert!(!bench.step().is_empty());

    let mut bench = bench.crash();
    let after = bench.settle();
    assert_eq!(after[0].task, before[0].task);
    bench.finish(&after[0]);
    bench.settle();
    assert_eq!(bench.status(), Some(Status::Succeeded));
}

#[test]
fn a_decision_that_was_cut_off_goes_on_where_it_was() {
    let mut bench = Bench::new(&count_down());
    let _answer = bench.start(r#"{"n": 3000}"#);
    for _ in 0..3 {
        let writes = bench.step();
        bench.commit(&writes);
    }
    bench.step();
    assert_eq!(bench.status(), Some(Status::Running));

    let mut bench = bench.crash();
    bench.settle();
    assert_eq!(bench.status(), Some(Status::Succeeded));
    let archive = bench.store.archive().unwrap();
    assert!(archive.open_executions().unwrap().is_empty());
}

#[test]
fn an_outcome_that_arrives_twice_counts_once() {
    let two = json!({"StartAt": "A", "States": {
        "A": {"Type": "Task", "Resource": function("echo"), "Next": "B"},
        "B": {"Type": "Task", "Resource": function("echo"), "End": true}}});
    let mut bench = Bench::new(&two);
    let _answer = bench.start("{}");
    let first = bench.settle();
    bench.finish(&first[0]);
    bench.finish(&first[0]);
    let second = bench.settle();
    assert_eq!(second.len(), 1);
    bench.finish(&first[0]);
    assert!(bench.settle().is_empty());
    assert_eq!(bench.status(), Some(Status::Running));
    bench.finish(&second[0]);
    bench.settle();
    assert_eq!(bench.status(), Some(Status::Succeeded));
}

/// The end is decided but not committed when they ask, and committed before they have their turn.
#[test]
fn whoever_asks_in_the_last_moment_is_answered() {
    let mut bench = Bench::new(&count_down());
    let _answer = bench.start(r#"{"n": 1}"#);
    let writes = bench.step();
    let names = || ("m".to_owned(), "one".to_owned());
    let (reply, mut waited) = oneshot::channel();
    let (state_machine, name) = names();
    bench.tell(Event::Wait { state_machine, name, reply });
    let (reply, mut stopped) = oneshot::channel();
    let (state_machine, name) = names();
    bench.tell(Event::Stop { state_machine, name, error: None, cause: None, reply });
    bench.commit(&writes);
    bench.settle();
    assert!(waited.try_recv().unwrap().is_ok());
    assert_eq!(stopped.try_recv().unwrap().unwrap(), bench.now);
    assert_eq!(bench.status(), Some(Status::Succeeded));
    assert_eq!(bench.kernel.running(), 0);
}

/// Two turns of one execution may wait for the disk at once; only the first comes through.
#[test]
fn turns_that_build_on_each_other_are_cut_off_in_order() {
    let mut bench = Bench::new(&count_down());
    let _answer = bench.start(r#"{"n": 3000}"#);
    let first = bench.step();
    let second = bench.step();
    assert!(!second.is_empty());
    bench.commit(&first);
    let mut bench = bench.crash();
    let open = bench.store.archive().unwrap().open_executions().unwrap();
    assert_eq!(open[0].id, ExecutionId(1));
    bench.settle();
    assert_eq!(bench.status(), Some(Status::Succeeded));
}

#[test]
fn a_worker_that_goes_while_its_task_is_on_the_way_gives_it_back() {
    let activity = "arn:aws:states:us-east-1:000000000000:activity:mow";
    let definition = one(json!({"Type": "Task", "Resource": activity}));
    let mut bench = Bench::new(&definition);
    let (reply, _created) = oneshot::channel();
    bench.tell(Event::CreateActivity { name: "mow".to_owned(), reply });
    let _started = bench.start("{}");
    bench.settle();
    let poll = |bench: &mut Bench| {
        let (reply, answer) = oneshot::channel();
        bench.tell(Event::PollActivity { activity: "mow".to_owned(), worker: None, reply });
        (bench.step(), answer)
    };
    let (returned, given_back) = std::sync::mpsc::channel();
    let deliver = |bench: &mut Bench, writes: Vec<Write>| {
        bench.commit(&writes);
        for action in writes.into_iter().flat_map(|write| write.actions) {
            let returned = returned.clone();
            if let Action::Deliver(delivery) = action {
                delivery.deliver(move |order| returned.send(order).unwrap());
            }
        }
    };

    let (writes, answer) = poll(&mut bench);
    drop(answer);
    deliver(&mut bench, writes);
    let order = given_back.try_recv().expect("it came back");
    bench.tell(Event::GivenBack(order));
    let (writes, mut answer) = poll(&mut bench);
    deliver(&mut bench, writes);
    let task = answer.try_recv().unwrap().unwrap().take();
    assert!(task.task.token.is_some() && given_back.try_recv().is_err());
}

/// Wherever the process ends between two writes, the next one comes to the same results, and no child is there twice.
#[test]
fn a_map_run_comes_to_the_same_results_wherever_the_process_ends() {
    let map = json!({"StartAt": "M", "States": {"M": {
        "Type": "Map", "MaxConcurrency": 2, "End": true, "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}});
    let mut crash_after = 1;
    while let Some(bench) = Bench::new(&map).crash_after(crash_after, "[1,2,3,4,5]") {
        let mut bench = bench.crash();
        bench.settle();
        assert_eq!(bench.status(), Some(Status::Succeeded), "after {crash_after} writes");
        let store = rusqlite::Connection::open(bench.directory.path().join("stepwell.db")).unwrap();
        let output: String = store
            .query_row("SELECT output FROM execution_data WHERE execution = 1", [], |row| {
                row.get(0)
            })
            .unwrap();
        let children: Vec<(u64, u64)> = store
            .prepare("SELECT map_index, map_items FROM execution WHERE map_run = 1 ORDER BY 1")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(output, "[1,2,3,4,5]", "after {crash_after} writes");
        assert_eq!(children, [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
        crash_after += 1;
    }
    assert!(crash_after > 5, "a Map run takes several writes");
}
