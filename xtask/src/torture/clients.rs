//! The clients: each starts an execution, waits for its end, and starts the next.
//!
//! They see the server come and go. A start without an answer is sent again with the same name until it is
//! acknowledged, so that every execution that counts was acknowledged and none is started twice.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};

use super::workload::{self, Case};
use crate::sfn::{Client, Error};

/// An execution that is open for longer, with nobody killing the server, is stuck. Undisturbed the longest case takes some
/// ten seconds. While the server is killed nothing can be said: whatever takes longer than it lives begins again and again.
const OPEN_MAX: Duration = Duration::from_mins(3);

/// A case that is to be redriven succeeds after fewer redrives.
const REDRIVES_MAX: u64 = 12;

/// Between two looks at an execution, or two tries to reach the server. What is tortured is not to be busy with this alone.
const PAUSE: Duration = Duration::from_millis(100);

/// One execution that a client started.
#[derive(Debug)]
pub(super) struct Run {
    /// The index of its case.
    pub(super) case: usize,
    pub(super) arn: String,
    /// What the client saw go wrong: refused, lost or stuck.
    pub(super) trouble: Option<String>,
}

/// All the clients of one server.
pub(super) struct Fleet<'a> {
    server: SocketAddr,
    cases: &'a [Case],
    /// Set once the server is not killed any more.
    is_quiet: &'a AtomicBool,
    runs: Mutex<Vec<Run>>,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(server: SocketAddr, cases: &'a [Case], is_quiet: &'a AtomicBool) -> Self {
        Self { server, cases, is_quiet, runs: Mutex::default() }
    }

    /// Runs every case once, some at a time; the result is in the order of the cases.
    pub(super) fn run_each_once(self) -> Vec<Run> {
        let next = AtomicUsize::new(0);
        let take =
            || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|next| *next < self.cases.len());
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    let mut client = Client::new(self.server);
                    while let Some(case) = take() {
                        self.run(&mut client, case, &format!("twin-{case}"));
                    }
                });
            }
        });
        let mut runs = self.runs.into_inner().expect("no client panics");
        runs.sort_by_key(|run| run.case);
        runs
    }

    /// Runs cases that each client draws from the seed, until it is quiet; then what is open is seen to its end.
    pub(super) fn run_until_quiet(self, clients: usize, seed: u64) -> Vec<Run> {
        let fleet = &self;
        thread::scope(|scope| {
            for number in 0..clients {
                scope.spawn(move || {
                    let mut random = ChaCha8Rng::seed_from_u64(seed);
                    random.set_stream(number as u64 + 1);
                    let mut client = Client::new(fleet.server);
                    for turn in 0.. {
                        if fleet.is_quiet.load(Ordering::Relaxed) {
                            break;
                        }
                        let case = random.random_range(0..fleet.cases.len());
                        fleet.run(&mut client, case, &format!("{number}-{turn}"));
                    }
                });
            }
        });
        self.runs.into_inner().expect("no client panics")
    }

    fn run(&self, client: &mut Client, case: usize, name: &str) {
        let Case { machine, input } = &self.cases[case];
        let arn = format!("arn:aws:states:us-east-1:000000000000:execution:{machine}:{name}");
        let mut patience = Patience { is_quiet: self.is_quiet, since: Instant::now() };
        let trouble = start(client, machine, name, &input.to_string(), &mut patience)
            .and_then(|()| wait_for_end(client, &arn, &mut patience))
            .and_then(|ended| {
                if workload::is_redriven(machine) {
                    redrive_to_success(client, &arn, ended, &mut patience)?;
                }
                Ok(())
            })
            .err();
        self.runs.lock().expect("no client panics").push(Run { case, arn, trouble });
    }
}

/// How long somebody waits for one execution.
struct Patience<'a> {
    is_quiet: &'a AtomicBool,
    /// Since when it is quiet, or what is waited for began.
    since: Instant,
}

impl Patience<'_> {
    /// Waits for a moment; false if it is over.
    fn lasts(&mut self) -> bool {
        sleep(PAUSE);
        if !self.is_quiet.load(Ordering::Relaxed) {
            self.since = Instant::now();
        }
        self.since.elapsed() < OPEN_MAX
    }
}

/// Starts an execution, again and again until it is acknowledged.
fn start(
    client: &mut Client,
    machine: &str,
    name: &str,
    input: &str,
    patience: &mut Patience<'_>,
) -> Result<(), String> {
    let request = json!({
        "stateMachineArn": format!("arn:aws:states:us-east-1:000000000000:stateMachine:{machine}"),
        "name": name,
        "input": input,
    });
    loop {
        match client.call("StartExecution", &request) {
            Ok(_) => return Ok(()),
            // The answer to an earlier try was lost with the server, and the execution has ended since.
            Err(error) if error.is("ExecutionAlreadyExists") => return Ok(()),
            Err(Error::NoAnswer(_)) if patience.lasts() => {}
            Err(error) => return Err(format!("the start was refused: {error}")),
        }
    }
}

/// Redrives an execution that failed, until it fails no more. What was acknowledged must count.
fn redrive_to_success(
    client: &mut Client,
    arn: &str,
    mut ended: Value,
    patience: &mut Patience<'_>,
) -> Result<(), String> {
    for count in 1..=REDRIVES_MAX {
        if ended["status"] == "SUCCEEDED" {
            return Ok(());
        }
        redrive(client, arn, &format!("{count}"), patience)?;
        ended = wait_for_end(client, arn, patience)?;
        if ended["redriveCount"] != count {
            return Err(format!(
                "redriven {count} times and has a redriveCount of {}",
                ended["redriveCount"]
            ));
        }
    }
    Err(format!("it did not succeed after {REDRIVES_MAX} redrives"))
}

/// Redrives an execution, again and again until it is acknowledged; by its token it is one redrive.
fn redrive(
    client: &mut Client,
    arn: &str,
    token: &str,
    patience: &mut Patience<'_>,
) -> Result<(), String> {
    loop {
        match client.call("RedriveExecution", &json!({"executionArn": arn, "clientToken": token})) {
            Ok(_) => return Ok(()),
            Err(Error::NoAnswer(_)) if patience.lasts() => {}
            Err(error) => return Err(format!("redrive {token} was refused: {error}")),
        }
    }
}

fn wait_for_end(
    client: &mut Client,
    arn: &str,
    patience: &mut Patience<'_>,
) -> Result<Value, String> {
    while patience.lasts() {
        match client.call("DescribeExecution", &json!({"executionArn": arn})) {
            Ok(execution) if execution["status"] != "RUNNING" => return Ok(execution),
            Ok(_) | Err(Error::NoAnswer(_)) => {}
            Err(error) => return Err(format!("lost after it was acknowledged: {error}")),
        }
    }
    Err(format!("stuck: still open {OPEN_MAX:?} after the last kill"))
}
