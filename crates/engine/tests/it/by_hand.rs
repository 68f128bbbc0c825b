//! The kernel and the store driven by hand, so that a crash falls between two certain writes.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_engine::kernel::{
    Action, Definition, Event, Kernel, RedriveRequest, StartRequest, TaskOrder, Write, WriteOrder,
};
use stepwell_engine::store::{Durability, ExecutionId, Store};
use stepwell_engine::{Arns, Error, ManualEntropy, Started, Status};
use stepwell_machine::{Limits, Payload, TaskResult};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::rig::{count_down, function, one, tamper, task};

pub(crate) struct Bench {
    pub(crate) directory: TempDir,
    pub(crate) store: Store,
    pub(crate) kernel: Kernel,
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
    pub(crate) fn new(definition: &Value) -> Self {
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
    pub(crate) fn crash(self) -> Self {
        let Self { directory, store, kernel, .. } = self;
        drop((store, kernel));
        open(directory)
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.kernel.handle(event, self.now).unwrap();
    }

    pub(crate) fn start(&mut self, input: &str) -> oneshot::Receiver<Result<Started, Error>> {
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
    pub(crate) fn step(&mut self) -> Vec<Write> {
        self.kernel.tick(self.now);
        self.kernel.step(self.now).unwrap();
        self.kernel.take_writes()
    }

    pub(crate) fn commit(&mut self, writes: &[Write]) {
        self.store.commit(writes.iter().flat_map(|write| &write.records)).unwrap();
        if let Some(last) = writes.last() {
            self.tell(Event::Committed { through: last.number });
        }
    }

    /// Starts an execution and stops after so many writes; nothing if there are not that many.
    pub(crate) fn crash_after(mut self, writes: usize, input: &str) -> Option<Self> {
        let _answer = self.start(input);
        let mut left = writes;
        while self.kernel.has_work() {
            for write in self.step() {
                self.commit(std::slice::from_ref(&write));
                left -= 1;
                if left == 0 {
                    return Some(self);
                }
                for action in write.actions {
                    if let Action::WriteResults(order) = action {
                        self.collect(&order);
                    }
                }
            }
        }
        None
    }

    /// Goes on until nothing is left to do; gives the tasks that were handed out.
    pub(crate) fn settle(&mut self) -> Vec<TaskOrder> {
        let orders = self.run_down().into_iter().filter_map(|action| match action {
            Action::Dispatch(order) => Some(order),
            _ => None,
        });
        orders.collect()
    }

    /// Goes on until nothing is left to do; gives what is to be done outside.
    pub(crate) fn run_down(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        loop {
            let writes = self.step();
            self.commit(&writes);
            for action in writes.into_iter().flat_map(|write| write.actions) {
                match action {
                    Action::Answer(answer) => answer.send(),
                    Action::WriteResults(order) => self.collect(&order),
                    action => actions.push(action),
                }
            }
            if !self.kernel.has_work() {
                return actions;
            }
        }
    }

    fn collect(&mut self, order: &WriteOrder) {
        let arns = Arns::new("us-east-1", "000000000000");
        let archive = self.store.archive().unwrap();
        let outcome = stepwell_engine::collect(&archive, &arns, order).unwrap();
        self.tell(Event::ResultsWritten {
            map_run: order.map_run,
            attempt: order.attempt,
            outcome,
        });
    }

    pub(crate) fn finish(&mut self, order: &TaskOrder) {
        self.tell(Event::TaskFinished {
            execution: order.execution,
            scheduled: order.task.scheduled,
            started_at: self.now,
            outcome: TaskResult::Succeeded { output: Arc::new(json!("done")) },
        });
    }

    pub(crate) fn fail(&mut self, order: &TaskOrder) {
        self.tell(Event::TaskFinished {
            execution: order.execution,
            scheduled: order.task.scheduled,
            started_at: self.now,
            outcome: TaskResult::Failed { error: "E".to_owned(), cause: None },
        });
    }

    pub(crate) fn redrive(&mut self, token: &str) -> oneshot::Receiver<Result<Timestamp, Error>> {
        let (reply, answer) = oneshot::channel();
        let request = RedriveRequest {
            state_machine: "m".to_owned(),
            name: "one".to_owned(),
            token: Some(token.into()),
            start: None,
            at_any_age: false,
        };
        self.tell(Event::Redrive { request, reply });
        answer
    }

    /// Lets every task succeed until none is left; gives how many there were.
    pub(crate) fn succeed(&mut self) -> usize {
        let mut count = 0;
        loop {
            let orders = self.settle();
            if orders.is_empty() {
                return count;
            }
            count += orders.len();
            for order in &orders {
                self.finish(order);
            }
        }
    }

    /// Lets every task succeed until so many writes are on disk; false if everything is done before.
    pub(crate) fn succeed_for(&mut self, mut writes: usize) -> bool {
        loop {
            let mut orders = Vec::new();
            while self.kernel.has_work() {
                for write in self.step() {
                    if writes == 0 {
                        return true;
                    }
                    writes -= 1;
                    self.commit(std::slice::from_ref(&write));
                    for action in write.actions {
                        match action {
                            Action::Dispatch(order) => orders.push(order),
                            Action::WriteResults(order) => self.collect(&order),
                            _ => {}
                        }
                    }
                }
            }
            if orders.is_empty() {
                return false;
            }
            for order in &orders {
                self.finish(order);
            }
        }
    }

    pub(crate) fn stop(&mut self) {
        let (reply, _) = oneshot::channel();
        let (state_machine, name) = ("m".to_owned(), "one".to_owned());
        self.tell(Event::Stop { state_machine, name, error: None, cause: None, reply });
    }

    /// Changes the store behind the kernel's back.
    pub(crate) fn tamper(&self, sql: &str) {
        tamper(&self.directory.path().join("stepwell.db"), sql);
    }

    /// What a query of one row and column gives.
    pub(crate) fn query<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        let store = rusqlite::Connection::open(self.directory.path().join("stepwell.db")).unwrap();
        store.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    pub(crate) fn status(&self) -> Option<Status> {
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
    bench.tell(Event::CreateActivity { name: "mow".to_owned(), tags: Vec::new(), reply });
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
    let (execution, scheduled) = (order.execution, order.task.scheduled);
    bench.tell(Event::GivenBack { execution, scheduled });
    bench.settle();
    // That it came back is on disk: a worker of the next process gets it.
    let mut bench = bench.crash();
    let (writes, mut answer) = poll(&mut bench);
    deliver(&mut bench, writes);
    let task = answer.try_recv().unwrap().unwrap().take();
    assert!(task.task.token.is_some() && given_back.try_recv().is_err());
    let archive = bench.store.archive().unwrap();
    let open = archive.open_executions().unwrap().remove(0);
    let entries = archive.journal(&open).unwrap().entries;
    let events = entries.iter().filter_map(stepwell_machine::Entry::to_history_event);
    let started = events.filter(|event| event["type"] == "ActivityStarted");
    assert_eq!(started.count(), 1, "each `ActivityScheduled` has one worker");
}

#[test]
fn a_task_of_an_activity_that_was_given_up_waits_for_no_worker() {
    let activity = "arn:aws:states:us-east-1:000000000000:activity:mow";
    let mows = json!({"StartAt": "Mow", "States": {
        "Mow": {"Type": "Task", "Resource": activity, "End": true}}});
    let mut bench = Bench::new(&json!({"StartAt": "Both", "States": {
        "Both": {"Type": "Parallel", "Branches": [mows, task("echo")], "End": true,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Later"}]},
        "Later": {"Type": "Wait", "Seconds": 10, "End": true}}}));
    let (reply, _created) = oneshot::channel();
    bench.tell(Event::CreateActivity { name: "mow".to_owned(), tags: Vec::new(), reply });
    let _started = bench.start("{}");
    let orders = bench.settle();
    bench.tell(Event::TaskFinished {
        execution: orders[0].execution,
        scheduled: orders[0].task.scheduled,
        started_at: bench.now,
        outcome: TaskResult::Failed { error: "E".to_owned(), cause: None },
    });
    bench.settle();
    let (reply, _answer) = oneshot::channel();
    bench.tell(Event::PollActivity { activity: "mow".to_owned(), worker: None, reply });
    assert!(!bench.kernel.has_work(), "the worker was given nothing");
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

/// Before the first write of a redrive is on disk nothing has happened; after it, the execution goes on.
#[test]
fn a_redrive_is_there_once_or_not_at_all_wherever_the_process_ends() {
    let mut writes = 0;
    loop {
        let mut bench = Bench::new(&task("echo"));
        let _answer = bench.start("{}");
        let orders = bench.settle();
        bench.fail(&orders[0]);
        bench.settle();
        assert_eq!(bench.status(), Some(Status::Failed));
        let mut answer = bench.redrive("a");
        let is_cut_off = bench.succeed_for(writes);
        assert!(answer.try_recv().is_err(), "nobody was told");

        let mut bench = bench.crash();
        let expected = match (writes, is_cut_off) {
            (0, _) => Status::Failed,
            (_, true) => Status::Running,
            (_, false) => Status::Succeeded,
        };
        assert_eq!(bench.status(), Some(expected), "after {writes} writes");
        let mut answer = bench.redrive("a");
        bench.succeed();
        answer.try_recv().unwrap().unwrap();
        assert_eq!(bench.status(), Some(Status::Succeeded));
        assert_eq!(bench.query::<i64>("SELECT redrives FROM execution"), 1);
        if !is_cut_off {
            break;
        }
        writes += 1;
    }
    assert!(writes > 1, "a redrive takes several writes");
}

/// A client that hears nothing asks again before the first request has its turn.
#[test]
fn the_same_redrive_twice_at_once_is_one() {
    let mut bench = Bench::new(&task("echo"));
    let _answer = bench.start("{}");
    let orders = bench.settle();
    bench.fail(&orders[0]);
    bench.settle();
    let mut answers = ["a", "a", "b"].map(|token| bench.redrive(token));
    assert_eq!(bench.succeed(), 1);
    let [first, second, other] = answers.each_mut().map(|answer| answer.try_recv().unwrap());
    assert_eq!(first.unwrap(), second.unwrap());
    let other = other.unwrap_err();
    assert_eq!(other.to_string(), "Execution is RUNNING and cannot be redriven");
    assert_eq!(bench.query::<i64>("SELECT redrives FROM execution"), 1);
}

/// Somebody asks while the end is decided but not on disk.
#[test]
fn a_redrive_waits_for_the_end_to_be_on_disk() {
    let mut bench = Bench::new(&task("echo"));
    let _answer = bench.start("{}");
    let orders = bench.settle();
    bench.fail(&orders[0]);
    let end = bench.step();
    let mut answer = bench.redrive("a");
    assert!(bench.step().is_empty());
    bench.commit(&end);
    assert_eq!(bench.succeed(), 1);
    answer.try_recv().unwrap().unwrap();
    assert_eq!(bench.status(), Some(Status::Succeeded));
}

/// Wherever the process ends between two writes of the redrive, the next one redrives what is left, and no child twice.
#[test]
fn a_redriven_map_run_comes_to_the_same_results_wherever_the_process_ends() {
    let map = json!({"StartAt": "M", "States": {"M": {
        "Type": "Map", "MaxConcurrency": 2, "End": true, "ToleratedFailureCount": 1,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "T", "States": {
                "T": {"Type": "Task", "Resource": function("echo"), "End": true}}}}}});
    let mut writes = 0;
    loop {
        let mut bench = Bench::new(&map);
        let _answer = bench.start("[1,2,3,4,5]");
        let orders = bench.settle();
        bench.finish(&orders[0]);
        bench.fail(&orders[1]);
        let orders = bench.settle();
        for order in &orders {
            bench.fail(order);
        }
        bench.settle();
        assert_eq!(bench.status(), Some(Status::Failed));
        let started = bench.query::<i64>("SELECT count(*) FROM execution WHERE map_run = 1");
        assert_eq!(started, 4);

        let _redriven = bench.redrive("a");
        let is_cut_off = bench.succeed_for(writes);
        let mut bench = bench.crash();
        let _again = bench.redrive("a");
        bench.succeed();
        assert_eq!(bench.status(), Some(Status::Succeeded), "after {writes} writes");
        let output = "SELECT count(*) FROM execution_data WHERE execution = 1
            AND output = '[\"done\",\"done\",\"done\",\"done\",\"done\"]'";
        assert_eq!(bench.query::<i64>(output), 1, "after {writes} writes");
        assert_eq!(bench.query::<i64>("SELECT max(redrives) FROM execution"), 1);
        assert_eq!(bench.query::<i64>("SELECT sum(redrives) FROM execution WHERE map_run = 1"), 3);
        assert_eq!(bench.query::<i64>("SELECT count(*) FROM execution WHERE map_run = 1"), 5);
        assert_eq!(bench.query::<i64>("SELECT redrives FROM map_run"), 1);
        if !is_cut_off {
            break;
        }
        writes += 1;
    }
    assert!(writes > 8, "a redrive of a Map run takes several writes");
}
