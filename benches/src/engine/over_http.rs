//! The real binary through its API: what a client sees, from the start of the process on.

use std::net::SocketAddr;
use std::path::Path;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};
use xtask::sfn::Client;

use super::peers::Peers;
use super::{Row, STARTERS, definitions};
use crate::machine::resident_mib;
use crate::project::{Project, create};
use crate::sample::Latencies;

pub(super) fn measure(binary: &Path, duration: Duration, peers: &Peers) -> Result<Vec<Row>> {
    let mut project = Project::new(binary, |_| Ok(String::new()))?;
    let effects = project.launch.folder.join("effects.db").display().to_string();
    project.launch.arguments = vec!["--test-functions".to_owned(), effects];
    let address = project.launch.address;
    let mut rows = vec![measure_start(&project, peers)?];
    let (server, _) = project.start()?;
    sleep(Duration::from_secs(2));
    rows.push(Row {
        work: "memory of an idle server".to_owned(),
        measured: format!("{:.0} MiB", resident_mib(server.id())),
        latency: String::new(),
        peer: peers.idle_memory(),
        budget: "<= 25 MiB",
    });
    for (work, definition, budget) in [
        ("five Pass states", definitions::five_passes(), ">= 2,000 /s, p50 <= 5 ms at 8"),
        ("five Task states", definitions::five_tasks(), ""),
    ] {
        let machine = create(address, &work.replace(' ', "-"), &definition)?;
        let load = Load { machine, input: json!({}), pause: Duration::from_millis(1) };
        for starters in STARTERS {
            let latencies = load.throughput(address, starters, duration)?;
            let row = Row::latencies(
                format!("{work} through HTTP, {starters} clients"),
                &latencies,
                budget,
            );
            let theirs = match work {
                "five Pass states" => peers.five_passes(starters),
                _ => peers.five_tasks(starters),
            };
            rows.push(row.beside(theirs, latencies.per_second()));
        }
    }
    server.kill()?;
    Ok(rows)
}

/// From the start of the process to its first answer, the middle of several.
fn measure_start(project: &Project, peers: &Peers) -> Result<Row> {
    let mut latencies = Latencies::start();
    for _ in 0..11 {
        let (server, took) = project.start()?;
        latencies.add(took);
        server.kill()?;
    }
    let latencies = latencies.end();
    Ok(Row {
        work: "start of the process to its first answer".to_owned(),
        measured: latencies.at(0.5).to_string(),
        latency: format!("{}, {}", latencies.at(0.5), latencies.at(0.99)),
        peer: peers.start(),
        budget: "<= 50 ms",
    })
}

/// Executions of one state machine, each from its start to its end.
pub(super) struct Load {
    pub(super) machine: Value,
    pub(super) input: Value,
    /// Between two questions whether an execution has ended.
    pub(super) pause: Duration,
}

impl Load {
    /// Each client starts an execution, waits for its end, and starts the next.
    pub(super) fn throughput(
        &self,
        address: SocketAddr,
        clients: usize,
        duration: Duration,
    ) -> Result<Latencies> {
        let mut latencies = Latencies::start();
        let each = thread::scope(|scope| {
            let one = || {
                let mut client = Client::new(address);
                let (started, mut each) = (Instant::now(), Vec::new());
                while started.elapsed() < duration {
                    each.push(self.run_once(&mut client)?);
                }
                anyhow::Ok(each)
            };
            let running: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
            running
                .into_iter()
                .map(|client| client.join().expect("no client panics"))
                .collect::<Result<Vec<_>>>()
        })?;
        for each in each {
            latencies.extend(each);
        }
        Ok(latencies.end())
    }

    pub(super) fn run_once(&self, client: &mut Client) -> Result<Duration> {
        let started = Instant::now();
        let request = json!({"stateMachineArn": self.machine, "input": self.input.to_string()});
        let execution = client.call("StartExecution", &request)?;
        let arn = json!({"executionArn": execution["executionArn"]});
        loop {
            let described = client.call("DescribeExecution", &arn)?;
            match described["status"].as_str() {
                Some("SUCCEEDED") => return Ok(started.elapsed()),
                // A client that asks without a pause would measure itself.
                Some("RUNNING") => sleep(self.pause),
                _ => bail!("{described}"),
            }
        }
    }
}
