//! `cargo xtask torture`: kills the real binary again and again, and proves that it loses nothing.
//!
//! ```text
//! workload  the cases: state machines and inputs, drawn from the seed
//! project   the folder with a function, and the queues and whatever else the cases need
//! clients   start executions of cases, wait for their end and redrive some, whatever happens to the server
//! workers   answer messages with task tokens, and work at an activity
//! traffic   numbered messages through queues, from outside and back
//! express   Express executions, waited for and not
//! stores    buckets and tables
//! registers numbers that are written to parameters, secrets, rules, queues, state machines, objects and items
//! mod       1. runs every case once, undisturbed: the twins
//!           2. runs all of these, kills and restarts the server under them
//!           3. compares every acknowledged execution with the twin of its case
//! history   what it means that two histories are equal
//! effects   what the tasks did to the world, next to what the history says
//! processes nothing that a killed server started goes on
//! report    the verdict
//! ```
//!
//! Everything goes through the API as a client sees it. Delivery is at least once, so that two things may differ from an
//! undisturbed run, and are counted: an effect may come again with its key, and an attempt at an activity may be lost
//! and repeated (see `history/attempts.rs`).

mod clients;
mod effects;
mod express;
mod history;
mod processes;
mod project;
mod queue;
mod registers;
mod report;
mod stores;
mod traffic;
mod workers;
mod workload;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::json;
use tempfile::TempDir;

use crate::repository::Repository;
use crate::server::{self, Launch, Profile, Server};
use crate::sfn::Client;
use crate::ui::{self, Progress};
use clients::{Fleet, Run};
use effects::Effects;
use express::Started;
use history::Ending;
use registers::Written;
use report::{Report, Verdict};
use traffic::{Messages, Traffic};
use workload::Case;

/// Kill the real binary with SIGKILL at random instants, and prove that nothing is lost
///
/// Runs `stepwell serve` under a mixed load through its Step Functions API, kills it, restarts it, and at the end
/// compares every acknowledged execution with its undisturbed twin: status, output, history transitions, event ids,
/// the executions it started, and the effects of its tasks. Functions run as processes, workers hold task tokens, and
/// messages go through the embedded queues meanwhile. The exit code is 1 if anything differs; the project folder is then kept.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How often the server is killed
    #[arg(long, default_value_t = 100)]
    kills: u64,

    /// Draws the load and the instants of the kills; one of the moment if not given
    #[arg(long)]
    seed: Option<u64>,

    /// Executions open at a time
    #[arg(long, default_value_t = 24, value_name = "N")]
    clients: usize,

    /// The longest life of a server between two kills, in milliseconds. Most are far shorter, one in twelve is up to five
    /// times as long
    #[arg(long, default_value_t = 3_000, value_name = "MS")]
    life_max_ms: u64,

    /// How the binary is compiled
    #[arg(long, value_enum, default_value_t = Profile::Dev)]
    profile: Profile,

    /// A binary that is there already, in place of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// A start, recovery included, that takes longer than this is a failure.
const START_PATIENCE: Duration = Duration::from_mins(1);

/// Runs the torture.
///
/// # Errors
/// If the server cannot be built or run; what it does wrong is in the report.
pub fn run(args: &Args) -> Result<ExitCode> {
    let seed = args.seed.unwrap_or_else(|| rand::rng().random_range(0..1_000_000));
    ui::step(format!("torture: {} kills, seed {seed}", args.kills));
    let repository = Repository::discover()?;
    let binary = match &args.binary {
        Some(binary) => binary.canonicalize().with_context(|| binary.display().to_string())?,
        None => server::build(&repository, args.profile)?,
    };
    let cases = workload::cases(seed);
    let twins = run_twins(&binary, &cases)?;
    let started = Instant::now();
    let tortured = run_under_kills(&binary, &cases, seed, args)?;
    let took = started.elapsed();
    ui::step(format!("comparing {} executions with their twins", tortured.runs.len()));
    let verdict = compare(&binary, &cases, &twins, &tortured)?;
    let Tortured { folder, runs, seconds_up, .. } = tortured;
    let report = Report::new(seed, args.kills, took, seconds_up, &cases, &runs, verdict);
    report.print(args.json);
    if !report.is_clean() {
        ui::step(format!("the project folder is kept: {}", folder.keep().display()));
    }
    Ok(ExitCode::from(u8::from(!report.is_clean())))
}

/// Runs each case once with nobody disturbing it.
fn run_twins(binary: &Path, cases: &[Case]) -> Result<Vec<Ending>> {
    ui::step(format!("running {} undisturbed twins", cases.len()));
    let (folder, launch) = project::create(binary)?;
    let mut server = launch.start()?;
    server.wait_until_up(START_PATIENCE)?;
    let mut client = Client::new(launch.address);
    project::furnish(&mut client)?;
    let is_quiet = AtomicBool::new(true);
    let fleet = Fleet::new(launch.address, cases, &is_quiet);
    let (runs, findings) = workers::while_at_work(launch.address, || fleet.run_each_once());
    ensure!(findings.is_empty(), "undisturbed workers found: {findings:?}");
    let twins = runs.iter().map(|run| {
        if let Some(trouble) = &run.trouble {
            bail!("the undisturbed twin of {} is wrong: {trouble}", cases[run.case]);
        }
        Ending::fetch(&mut client, &run.arn)
    });
    let twins = twins.collect::<Result<Vec<_>>>()?;
    let effects = Effects::read(folder.path(), &mut client, &with_descendants(&twins))?;
    for (run, twin) in runs.iter().zip(&twins) {
        let problems = problems(twin, &effects);
        let case = &cases[run.case];
        ensure!(problems.is_empty(), "the undisturbed twin of {case} is wrong: {problems:?}");
    }
    Ok(twins)
}

/// What is left once the server was killed often enough.
struct Tortured {
    folder: TempDir,
    runs: Vec<Run>,
    messages: Messages,
    written: Written,
    express: Started,
    /// What workers found wrong, and processes that outlived the last server.
    findings: Vec<String>,
    seconds_up: f64,
}

/// Runs clients, workers, traffic and writers while the server is killed under them.
fn run_under_kills(binary: &Path, cases: &[Case], seed: u64, args: &Args) -> Result<Tortured> {
    let (folder, launch) = project::create(binary)?;
    let mut server = launch.start()?;
    server.wait_until_up(START_PATIENCE)?;
    project::furnish(&mut Client::new(launch.address))?;
    let enough = AtomicBool::new(false);
    let fleet = Fleet::new(launch.address, cases, &enough);
    let traffic = Traffic::new(launch.address, &enough);
    let path = folder.path();
    let ((runs, messages, written, express, killed), mut findings) =
        workers::while_at_work(launch.address, || {
            thread::scope(|scope| {
                let fleet = scope.spawn(|| fleet.run_until_quiet(args.clients, seed));
                let traffic = scope.spawn(|| traffic.run());
                let written = scope.spawn(|| registers::run(launch.address, &enough));
                let express = scope.spawn(|| express::run(launch.address, path, &enough));
                let killed = kill_again_and_again(&launch, server, seed, args);
                enough.store(true, Ordering::Relaxed);
                // The last server stays up until every client has seen the end of what it started.
                let runs = fleet.join().expect("the clients do not panic");
                let messages = traffic.join().expect("the traffic does not panic");
                let written = written.join().expect("the writers do not panic");
                (runs, messages, written, express.join().expect("no starter panics"), killed)
            })
        });
    let (last_server, seconds_up) = killed?;
    last_server.kill()?;
    findings.extend(processes::outliving(folder.path()));
    Ok(Tortured { folder, runs, messages, written, express, findings, seconds_up })
}

fn kill_again_and_again(
    launch: &Launch,
    first: Server,
    seed: u64,
    args: &Args,
) -> Result<(Server, f64)> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut progress = Progress::new("kills", args.kills);
    let mut server = first;
    let mut longest_start = Duration::ZERO;
    let mut up = Duration::ZERO;
    for kill in 1..=args.kills {
        // Some kills come while the server starts and recovers, the others while it works.
        if random.random_bool(0.25) {
            sleep(Duration::from_millis(random.random_range(0..60)));
        } else {
            longest_start = longest_start.max(server.wait_until_up(START_PATIENCE)?);
            let life = life(&mut random, args.life_max_ms);
            sleep(life);
            up += life;
        }
        server.check_running()?;
        server.kill()?;
        server = launch.start()?;
        progress.set(kill, &format!("longest start {} ms", longest_start.as_millis()));
    }
    progress.finish();
    server.wait_until_up(START_PATIENCE)?;
    Ok((server, up.as_secs_f64()))
}

/// Half of all lives are shorter than an eighth of the longest. One in a while is far longer: after each start all
/// functions begin anew at once, and on a slow machine none of them would come to its end otherwise.
fn life(random: &mut ChaCha8Rng, max_ms: u64) -> Duration {
    let part = random.random_range(0.0..=1.0_f64);
    let is_long = random.random_bool(1.0 / 12.0);
    let max = Duration::from_millis(max_ms);
    if is_long { 5 * max.mul_f64(part) } else { max.mul_f64(part.powi(3)) }
}

/// Compares after a last restart, so that only what is on disk counts.
fn compare(
    binary: &Path,
    cases: &[Case],
    twins: &[Ending],
    tortured: &Tortured,
) -> Result<Verdict> {
    let folder = tortured.folder.path();
    let launch = project::launch(binary, folder)?;
    let mut server = launch.start()?;
    server.wait_until_up(START_PATIENCE)?;
    let mut client = Client::new(launch.address);
    let endings = fetch(&mut client, &tortured.runs);
    let found: Vec<_> = endings.iter().filter_map(|ending| ending.as_ref().ok()).collect();
    let effects = Effects::read(folder, &mut client, &with_descendants(found.iter().copied()))?;
    let mut verdict = Verdict {
        redelivered: effects.redelivered(),
        lost_attempts: found.iter().map(|ending| ending.lost_attempts()).sum(),
        messages: tortured.messages.acknowledged,
        messages_again: tortured.messages.received_again,
        writes: tortured.written.count(),
        express: tortured.express.counts(),
        findings: findings(&mut client, tortured, &found, &effects)?,
        ..Verdict::default()
    };
    for (run, ending) in tortured.runs.iter().zip(&endings) {
        let problems = match (&run.trouble, ending) {
            (Some(trouble), _) => vec![trouble.clone()],
            (None, Err(error)) => vec![format!("lost: {error:#}")],
            (None, Ok(ending)) => {
                verdict.events += ending.events();
                [problems(ending, &effects), ending.differences(&twins[run.case])].concat()
            }
        };
        verdict.record(&cases[run.case], &run.arn, problems);
    }
    server.kill()?;
    Ok(verdict)
}

/// What is wrong and belongs to no one execution.
fn findings(
    client: &mut Client,
    tortured: &Tortured,
    endings: &[&Ending],
    effects: &Effects,
) -> Result<Vec<String>> {
    Ok([
        tortured.findings.clone(),
        tortured.messages.findings.clone(),
        tortured.written.findings.clone(),
        traffic::left_over(client)?,
        tortured.written.lost(client)?,
        started_by_nobody(client, endings)?,
        tortured.express.findings(effects),
        effects.of_nobody(&with_descendants(endings.iter().copied())),
    ]
    .concat())
}

fn fetch(client: &mut Client, runs: &[Run]) -> Vec<Result<Ending>> {
    let mut progress = Progress::new("fetched", runs.len() as u64);
    let endings = runs.iter().zip(1..).map(|(run, number)| {
        progress.set(number, "");
        Ending::fetch(client, &run.arn)
    });
    let endings = endings.collect();
    progress.finish();
    endings
}

fn with_descendants<'e>(endings: impl IntoIterator<Item = &'e Ending>) -> Vec<&'e Ending> {
    endings.into_iter().flat_map(|it| it.descendants().chain([it])).collect()
}

/// What is wrong with an execution, or with one that it started, by itself.
fn problems(ending: &Ending, effects: &Effects) -> Vec<String> {
    let of = |it: &Ending| [it.problems(), effects.problems(it)].concat();
    let of_children = ending
        .descendants()
        .flat_map(|child| of(child).into_iter().map(|problem| format!("{}: {problem}", child.arn)));
    [of(ending), of_children.collect()].concat()
}

/// Nested executions that no history tells of: a start that was made twice.
fn started_by_nobody(client: &mut Client, endings: &[&Ending]) -> Result<Vec<String>> {
    let known: BTreeSet<_> =
        endings.iter().flat_map(|it| it.descendants()).map(|it| it.arn.as_str()).collect();
    let request = json!({"stateMachineArn": workload::inner_arn()});
    let all = client.call_paged("ListExecutions", request, "executions")?;
    let arns = all.iter().filter_map(|it| it["executionArn"].as_str());
    let unknown = arns.filter(|arn| !known.contains(arn));
    Ok(unknown.map(|arn| format!("`{arn}` was started by no execution")).collect())
}
