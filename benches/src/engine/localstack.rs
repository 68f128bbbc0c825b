//! The peer for what goes through the API: LocalStack's last open version, from PyPI, which keeps everything in memory.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use xtask::server;
use xtask::sfn::Client;
use xtask::ui;

use super::over_http::Load;
use super::{STARTERS, definitions};
use crate::machine::resident_mib;
use crate::project::create;
use crate::sample::Millis;

const START_PATIENCE: Duration = Duration::from_mins(2);

/// An execution takes it a hundred times as long as us; asking as often would measure the asking.
const PAUSE: Duration = Duration::from_millis(10);

/// Turns of the loop: it does some dozen transitions a second.
const TURNS: u32 = 200;
const ITEMS: u32 = 1_000;

/// What the peer did.
pub(crate) struct LocalStack {
    pub(crate) version: String,
    pub(crate) start: Millis,
    pub(crate) idle_mib: f64,
    five: Vec<Five>,
    pub(crate) transitions_per_second: f64,
    pub(crate) items_per_second: f64,
}

/// Five Pass states, from call to end.
struct Five {
    clients: usize,
    per_second: f64,
}

impl LocalStack {
    /// Executions of five Pass states a second, with this many clients.
    pub(crate) fn five(&self, clients: usize) -> Option<f64> {
        self.five.iter().find(|five| five.clients == clients).map(|five| five.per_second)
    }
}

/// Measures the peer, or says why that is not possible here.
pub(crate) fn measure(python: Option<&Path>, duration: Duration) -> Option<LocalStack> {
    ui::step("measuring LocalStack");
    let python = python.context("LocalStack needs Python 3.12 or newer, which is not here");
    python.and_then(|python| try_measure(python, duration)).inspect_err(ui::error).ok()
}

fn try_measure(python: &Path, duration: Duration) -> Result<LocalStack> {
    let server = Server::start(python)?;
    let up = server.wait_until_up()?;
    let mut client = Client::new(server.address);
    // It loads a service with the first call: that is part of its first answer.
    client.call("ListStateMachines", &json!({}))?;
    let start = Millis(server.started.elapsed().as_secs_f64() * 1_000.0);
    let idle_mib = resident_mib(server.child.id());
    let five = five(server.address, duration)?;
    let mut run = |name: &str, definition: &Value, input: Value| -> Result<f64> {
        let machine = create(server.address, name, definition)?;
        let took = Load { machine, input, pause: PAUSE }.run_once(&mut client)?;
        Ok(took.as_secs_f64())
    };
    let turns = run("loop", &definitions::pass_loop(), json!({"i": 0, "n": TURNS}))?;
    let all: Vec<u32> = (0..ITEMS).collect();
    let items = run("map", &definitions::map(), json!({"items": all}))?;
    Ok(LocalStack {
        version: up["version"].as_str().unwrap_or_default().to_owned(),
        start,
        idle_mib,
        five,
        transitions_per_second: f64::from(TURNS * 3) / turns,
        items_per_second: f64::from(ITEMS) / items,
    })
}

fn five(address: SocketAddr, duration: Duration) -> Result<Vec<Five>> {
    let machine = create(address, "five", &definitions::five_passes())?;
    let load = Load { machine, input: json!({}), pause: PAUSE };
    let measure = |clients| {
        let latencies = load.throughput(address, clients, duration)?;
        Ok(Five { clients, per_second: latencies.per_second() })
    };
    STARTERS.into_iter().map(measure).collect()
}

/// A running LocalStack; killed when it is dropped.
struct Server {
    child: Child,
    address: SocketAddr,
    started: Instant,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(python: &Path) -> Result<Self> {
        let (address, folder) = (server::free_address()?, tempfile::tempdir()?);
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new(python)
            .args(["-m", "localstack.runtime.main"])
            .env("GATEWAY_LISTEN", address.to_string())
            .envs([("SERVICES", "stepfunctions"), ("DISABLE_EVENTS", "1")])
            .env("SKIP_SSL_CERT_DOWNLOAD", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("failed to start {}", python.display()))?;
        Ok(Self { child, address, started: Instant::now(), folder })
    }

    fn wait_until_up(&self) -> Result<Value> {
        let mut client = Client::new(self.address);
        loop {
            match client.call_path("GET", "/_localstack/health", &Value::Null) {
                Ok(up) => return Ok(up),
                Err(_) if self.started.elapsed() < START_PATIENCE => {
                    sleep(Duration::from_millis(10));
                }
                Err(error) => {
                    let log = std::fs::read_to_string(self.folder.path().join("log"));
                    bail!("LocalStack did not start ({error}):\n{}", log.unwrap_or_default())
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left to tell if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
