//! The engine through its Handle: what an execution costs without HTTP.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_engine::{CreateStateMachine, Halted, Handle, Options, StartExecution, Status};
use stepwell_task::{TaskHandler, TaskOutcome, TaskRequest, TaskRouter, Unsupported};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::peers::Peers;
use super::{Row, STARTERS, definitions};
use crate::sample::Latencies;
use crate::table::number;

pub(super) async fn measure(duration: Duration, recover: usize, peers: &Peers) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let engine = Engine::open(&folder.path().join("stepwell.db"))?;
    let mut rows = Vec::new();
    for (work, definition, budget) in [
        ("five Pass states", definitions::five_passes(), ""),
        (
            "five Task states, each durable",
            definitions::five_tasks(),
            ">= 1,500 /s, p50 <= 8 ms at 8",
        ),
    ] {
        let machine = engine.create(&work.replace([' ', ','], "-"), &definition).await?;
        for starters in STARTERS {
            let latencies = engine.throughput(&machine, starters, duration).await?;
            let row = Row::latencies(format!("{work}, {starters} starters"), &latencies, budget);
            let theirs = peers.five_tasks(starters).filter(|_| work.contains("Task"));
            rows.push(row.beside(theirs, latencies.per_second()));
        }
    }
    rows.extend(engine.measure_long_executions(peers).await?);
    engine.close().await?;
    rows.push(measure_recovery(recover).await?);
    Ok(rows)
}

/// A running engine.
struct Engine {
    handle: Handle,
    stop: CancellationToken,
    running: JoinHandle<Result<(), Halted>>,
}

impl Engine {
    fn open(store: &Path) -> Result<Self> {
        let service = Options::at(store).build(Arc::new(Noop))?;
        let (handle, stop) = (service.handle(), CancellationToken::new());
        let running = tokio::spawn(service.run(stop.clone()));
        Ok(Self { handle, stop, running })
    }

    async fn close(self) -> Result<()> {
        self.stop.cancel();
        Ok(self.running.await??)
    }

    async fn create(&self, name: &str, definition: &Value) -> Result<String> {
        let definition = definition.to_string();
        let request =
            CreateStateMachine { name: name.to_owned(), definition, ..Default::default() };
        Ok(self.handle.create_state_machine(request).await?.arn)
    }

    /// Each starter starts an execution, waits for its end, and starts the next.
    async fn throughput(
        &self,
        machine: &str,
        starters: usize,
        duration: Duration,
    ) -> Result<Latencies> {
        let mut latencies = Latencies::start();
        let mut running = JoinSet::new();
        for _ in 0..starters {
            let (handle, machine) = (self.handle.clone(), machine.to_owned());
            running.spawn(async move {
                let (started, mut each) = (Instant::now(), Vec::new());
                while started.elapsed() < duration {
                    each.push(run_to_end(&handle, &machine, "{}").await?);
                }
                anyhow::Ok(each)
            });
        }
        while let Some(each) = running.join_next().await {
            latencies.extend(each??);
        }
        Ok(latencies.end())
    }

    async fn measure_long_executions(&self, peers: &Peers) -> Result<Vec<Row>> {
        let steps = 1_000.0;
        let machine = self.create("durable-steps", &definitions::task_loop()).await?;
        let took = run_to_end(&self.handle, &machine, r#"{"i":0,"n":1000}"#).await?;
        let per_second = steps / took.as_secs_f64();
        let row =
            Row::rate("1,000 durable steps in one execution", per_second, "steps", ">= 3,000 /s");
        let durable_steps = row.beside(peers.durable_steps(), per_second);

        // Each turn is a Choice and two Pass states.
        let turns = 50_000;
        let machine = self.create("loop", &definitions::pass_loop()).await?;
        let input = json!({"i": 0, "n": turns}).to_string();
        let took = run_to_end(&self.handle, &machine, &input).await?;
        let per_second = f64::from(turns * 3) / took.as_secs_f64();
        let pass_loop =
            Row::rate("loop of Choice and Pass", per_second, "transitions", ">= 100,000 /s");
        let pass_loop = pass_loop.beside(peers.transitions(), per_second);

        let items = 1_000;
        let machine = self.create("map", &definitions::map()).await?;
        let input = json!({"items": (0..items).collect::<Vec<_>>()}).to_string();
        let took = run_to_end(&self.handle, &machine, &input).await?;
        let per_second = f64::from(items) / took.as_secs_f64();
        let map =
            Row::rate("inline Map, 1,000 items x 2 states", per_second, "items", ">= 50,000 /s");
        let map = map.beside(peers.items(), per_second);
        Ok(vec![durable_steps, pass_loop, map])
    }
}

/// Opens a store with many open executions, and waits for the first answer.
async fn measure_recovery(executions: usize) -> Result<Row> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("stepwell.db");
    let engine = Engine::open(&store)?;
    let machine = engine.create("day", &definitions::day()).await?;
    let mut starting = JoinSet::new();
    for _ in 0..executions {
        if starting.len() >= 256 {
            starting.join_next().await.expect("it is not empty")??;
        }
        let (handle, machine) = (engine.handle.clone(), machine.clone());
        starting.spawn(async move { start(&handle, &machine, "{}").await });
    }
    while let Some(started) = starting.join_next().await {
        started??;
    }
    engine.close().await?;
    let started = Instant::now();
    let engine = Engine::open(&store)?;
    engine.handle.describe_state_machine(&machine).await?;
    let took = started.elapsed();
    engine.close().await?;
    Ok(Row {
        work: format!("recovery of {} open executions", number(executions as f64)),
        measured: format!("{:.2} s", took.as_secs_f64()),
        latency: String::new(),
        peer: String::new(),
        budget: "<= 3 s",
    })
}

async fn start(handle: &Handle, machine: &str, input: &str) -> Result<String> {
    let request = StartExecution {
        state_machine_arn: machine.to_owned(),
        name: None,
        input: input.to_owned(),
    };
    Ok(handle.start_execution(request).await?.execution_arn)
}

async fn run_to_end(handle: &Handle, machine: &str, input: &str) -> Result<Duration> {
    let started = Instant::now();
    let arn = start(handle, machine, input).await?;
    let execution = handle.wait(&arn).await?;
    ensure!(execution.summary.status == Status::Succeeded, "{execution:?}");
    Ok(started.elapsed())
}

/// Does the work of every Task state at once.
struct Noop;

impl TaskRouter for Noop {
    fn route(&self, _resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported> {
        Ok(Arc::new(Self))
    }
}

#[async_trait]
impl TaskHandler for Noop {
    async fn handle(&self, _request: TaskRequest, _stop: CancellationToken) -> TaskOutcome {
        TaskOutcome::Succeeded(Arc::new(json!({})))
    }
}
