//! A quick look at the budgets of `design.md` while working on the engine; the `benches` crate measures
//! them for the record.
//!
//! `cargo run --release -p stepwell-engine --example probe [FILTER]`
#![expect(clippy::disallowed_methods, reason = "it measures")]
#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_engine::{CreateStateMachine, Handle, Options, StartExecution};
use stepwell_task::{TaskHandler, TaskOutcome, TaskRequest, TaskRouter, Unsupported};
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
struct Noop;

#[async_trait]
impl TaskHandler for Noop {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        if request.state_name.starts_with("Hang") {
            stop.cancelled().await;
        }
        TaskOutcome::Succeeded(Arc::new(json!({})))
    }
}

impl TaskRouter for Noop {
    fn route(&self, _resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        Ok(Arc::new(Self))
    }
}

struct Engine {
    handle: Handle,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<Result<(), stepwell_engine::Halted>>,
}

fn open(path: &std::path::Path) -> Engine {
    let options = Options { shutdown_grace_seconds: 0, ..Options::at(path) };
    let service = options.build(Arc::new(Noop)).expect("the store opens");
    let (handle, stop) = (service.handle(), CancellationToken::new());
    let running = tokio::spawn(service.run(stop.clone()));
    Engine { handle, stop, running }
}

impl Engine {
    async fn close(self) {
        self.stop.cancel();
        self.running.await.expect("no panic").expect("no failure");
    }

    async fn create(&self, name: &str, definition: &Value) -> String {
        let request = CreateStateMachine {
            name: name.to_owned(),
            definition: definition.to_string(),
            role_arn: None,
        };
        self.handle.create_state_machine(request).await.expect("it is valid").arn
    }
}

async fn start(handle: &Handle, machine: &str, input: &str) -> String {
    let request = StartExecution {
        state_machine_arn: machine.to_owned(),
        name: None,
        input: input.to_owned(),
    };
    handle.start_execution(request).await.expect("it starts").execution_arn
}

fn chain(kind: &str, count: usize) -> Value {
    let states = (0..count).map(|index| {
        let mut state = json!({"Type": kind});
        if kind == "Task" {
            state["Resource"] = json!("arn:aws:lambda:us-east-1:000000000000:function:noop");
        }
        if index + 1 == count {
            state["End"] = json!(true);
        } else {
            state["Next"] = json!(format!("S{}", index + 1));
        }
        (format!("S{index}"), state)
    });
    let states: serde_json::Map<String, Value> = states.collect();
    json!({"StartAt": "S0", "States": states})
}

async fn throughput(engine: &Engine, name: &str, machine: &str, starters: usize) {
    let length = Duration::from_secs(3);
    let began = Instant::now();
    let mut workers = Vec::new();
    for _ in 0..starters {
        let (handle, machine) = (engine.handle.clone(), machine.to_owned());
        workers.push(tokio::spawn(async move {
            let mut latencies = Vec::new();
            while began.elapsed() < length {
                let one = Instant::now();
                let arn = start(&handle, &machine, "{}").await;
                handle.wait(&arn).await.expect("it ends");
                latencies.push(one.elapsed());
            }
            latencies
        }));
    }
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await.expect("no panic"));
    }
    let seconds = began.elapsed().as_secs_f64();
    latencies.sort_unstable();
    println!(
        "{name} at {starters}: {:.0}/s, p50 {:.2?}, p99 {:.2?}",
        latencies.len() as f64 / seconds,
        latencies[latencies.len() / 2],
        latencies[latencies.len() * 99 / 100]
    );
}

async fn single(engine: &Engine, name: &str, machine: &str, input: &str, count: f64, unit: &str) {
    let began = Instant::now();
    let arn = start(&engine.handle, machine, input).await;
    let record = engine.handle.wait(&arn).await.expect("it ends");
    let seconds = began.elapsed().as_secs_f64();
    println!("{name}: {:.0} {unit}/s ({:?})", count / seconds, record.summary.status);
}

fn count_machine() -> Value {
    json!({"StartAt": "Step", "States": {
        "Step": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, -1)"}, "Next": "More"},
        "More": {"Type": "Choice", "Default": "Done", "Choices": [
            {"Variable": "$.n", "NumericGreaterThan": 0, "Next": "Step"}]},
        "Done": {"Type": "Succeed"}}})
}

fn map_machine() -> Value {
    json!({"StartAt": "Map", "States": {"Map": {"Type": "Map", "End": true, "ItemProcessor": {
        "StartAt": "A", "States": {
            "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "End": true}}}}}})
}

async fn recovery(directory: &std::path::Path, name: &str, definition: &Value) {
    let path = directory.join(format!("{name}.db"));
    let engine = open(&path);
    let machine = engine.create(name, definition).await;
    let mut starters = Vec::new();
    for _ in 0..64 {
        let (handle, machine) = (engine.handle.clone(), machine.clone());
        starters.push(tokio::spawn(async move {
            for _ in 0..100_000 / 64 {
                start(&handle, &machine, r#"{"hello":"world","n":[1,2,3]}"#).await;
            }
        }));
    }
    for starter in starters {
        starter.await.expect("no panic");
    }
    engine.close().await;
    let before = memory();
    let began = Instant::now();
    let engine = open(&path);
    println!("open of 100,000 in `{name}`: {:.2?}", began.elapsed());
    let machine = engine.create("first", &chain("Pass", 1)).await;
    start(&engine.handle, &machine, "{}").await;
    println!(
        "  first answer {:.2?}, {} MiB more",
        began.elapsed(),
        memory().saturating_sub(before)
    );
    engine.close().await;
}

fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok());
    kib.unwrap_or_default() / 1024
}

#[tokio::main]
async fn main() {
    let filter = std::env::args().nth(1).unwrap_or_default();
    let wanted = |name: &str| name.contains(&filter);
    let directory = tempfile::tempdir_in(".").expect("a directory");
    let began = Instant::now();
    let engine = open(&directory.path().join("probe.db"));
    println!("open of an empty store: {:.2?}, {} MiB", began.elapsed(), memory());
    if wanted("pass") {
        let machine = engine.create("pass", &chain("Pass", 5)).await;
        for starters in [1, 8, 64] {
            throughput(&engine, "five-Pass", &machine, starters).await;
        }
    }
    if wanted("task") {
        let machine = engine.create("task", &chain("Task", 5)).await;
        for starters in [1, 8, 64] {
            throughput(&engine, "five-Task", &machine, starters).await;
        }
    }
    if wanted("steps") {
        let machine = engine.create("steps", &chain("Task", 1_000)).await;
        single(&engine, "1,000 steps", &machine, "{}", 1_000.0, "steps").await;
    }
    if wanted("loop") {
        let machine = engine.create("count", &count_machine()).await;
        single(&engine, "loop", &machine, r#"{"n": 100000}"#, 200_000.0, "transitions").await;
    }
    if wanted("map") {
        let machine = engine.create("map", &map_machine()).await;
        let items: Vec<u32> = (0..1_000).collect();
        for _ in 0..3 {
            let input = serde_json::to_string(&items).expect("numbers are JSON");
            single(&engine, "Map of 1,000", &machine, &input, 1_000.0, "items").await;
        }
    }
    println!("{:?}, {} MiB", engine.handle.stats(), memory());
    engine.close().await;
    if wanted("recovery") {
        let wait = json!({"StartAt": "W", "States": {
            "W": {"Type": "Wait", "Seconds": 3600, "End": true}}});
        recovery(directory.path(), "wait", &wait).await;
        let task = json!({"StartAt": "Hang", "States": {"Hang": {"Type": "Task", "End": true,
            "Resource": "arn:aws:lambda:us-east-1:000000000000:function:hang"}}});
        recovery(directory.path(), "hang", &task).await;
    }
}
