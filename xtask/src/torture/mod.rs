//! `cargo xtask torture`: kills the real binary again and again, and proves that it loses nothing.
//!
//! ```text
//! workload  the cases: state machines and inputs, drawn from the seed
//! clients   start executions of cases and wait for their end, whatever happens to the server
//! mod       1. runs every case once, undisturbed: the twins
//!           2. runs the clients, kills and restarts the server under them
//!           3. compares every acknowledged execution with the twin of its case
//! history   what it means that two histories are equal
//! effects   what the tasks did to the world, next to what the history says
//! report    the verdict
//! ```

mod clients;
mod effects;
mod history;
mod report;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use tempfile::TempDir;

use crate::repository::Repository;
use crate::server::{self, Launch, Profile, Server};
use crate::sfn::Client;
use crate::ui::{self, Progress};
use clients::{Fleet, Run};
use effects::Effects;
use history::Ending;
use report::{Report, Verdict};
use workload::Case;

/// Kill the real binary with SIGKILL at random instants, and prove that nothing is lost
///
/// Runs `stepwell serve` under a mixed load through its Step Functions API, kills it, restarts it, and at the end
/// compares every acknowledged execution with its undisturbed twin: status, output, history transitions, event ids,
/// and the effects of its tasks. The exit code is 1 if anything differs; the project folder is then kept.
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

    /// The longest life of a server between two kills, in milliseconds
    #[arg(long, default_value_t = 600, value_name = "MS")]
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
    let (folder, runs, seconds_up) = run_under_kills(&binary, &cases, seed, args)?;
    ui::step(format!("comparing {} executions with their twins", runs.len()));
    let verdict = compare(&folder, &binary, &cases, &twins, &runs)?;
    let report =
        Report::new(seed, args.kills, started.elapsed(), seconds_up, &cases, &runs, verdict);
    report.print(args.json);
    if !report.is_clean() {
        ui::step(format!("the project folder is kept: {}", folder.keep().display()));
    }
    Ok(ExitCode::from(u8::from(!report.is_clean())))
}

/// Runs each case once with nobody disturbing it.
fn run_twins(binary: &Path, cases: &[Case]) -> Result<Vec<Ending>> {
    ui::step(format!("running {} undisturbed twins", cases.len()));
    let (folder, launch) = project(binary)?;
    let mut server = launch.start()?;
    server.wait_until_up(START_PATIENCE)?;
    workload::create_state_machines(&mut Client::new(launch.address))?;
    let fleet = Fleet::new(launch.address, cases);
    let runs = fleet.run_each_once();
    let mut client = Client::new(launch.address);
    let effects = Effects::read(folder.path())?;
    let twins = runs.iter().map(|run| {
        let ending = Ending::fetch(&mut client, &run.arn)?;
        let case = &cases[run.case];
        let problems =
            [run.trouble.iter().cloned().collect(), ending.problems(), effects.problems(&ending)]
                .concat();
        anyhow::ensure!(
            problems.is_empty(),
            "the undisturbed twin of {case} is wrong: {problems:?}"
        );
        Ok(ending)
    });
    twins.collect()
}

/// Runs the clients while the server is killed under them. Returns the seconds that the server was up, too.
fn run_under_kills(
    binary: &Path,
    cases: &[Case],
    seed: u64,
    args: &Args,
) -> Result<(TempDir, Vec<Run>, f64)> {
    let (folder, launch) = project(binary)?;
    let mut server = launch.start()?;
    server.wait_until_up(START_PATIENCE)?;
    workload::create_state_machines(&mut Client::new(launch.address))?;
    let enough = AtomicBool::new(false);
    let fleet = Fleet::new(launch.address, cases);
    let (runs, killed) = thread::scope(|scope| {
        let fleet = scope.spawn(|| fleet.run_until(&enough, args.clients, seed));
        let killed = kill_again_and_again(&launch, server, seed, args);
        enough.store(true, Ordering::Relaxed);
        // The last server stays up until every client has seen the end of what it started.
        (fleet.join().expect("the clients do not panic"), killed)
    });
    let (last_server, seconds_up) = killed?;
    last_server.kill()?;
    Ok((folder, runs, seconds_up))
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
            let life = Duration::from_millis(random.random_range(0..=args.life_max_ms));
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

/// Compares after a last restart, so that only what is on disk counts.
fn compare(
    folder: &TempDir,
    binary: &Path,
    cases: &[Case],
    twins: &[Ending],
    runs: &[Run],
) -> Result<Verdict> {
    let launch = launch(binary, folder.path())?;
    let mut server = launch.start()?;
    server.wait_until_up(START_PATIENCE)?;
    let mut client = Client::new(launch.address);
    let effects = Effects::read(folder.path())?;
    let mut verdict = Verdict { redelivered: effects.redelivered(), ..Verdict::default() };
    let mut progress = Progress::new("compared", runs.len() as u64);
    for (index, run) in runs.iter().enumerate() {
        let problems = match (&run.trouble, Ending::fetch(&mut client, &run.arn)) {
            (Some(trouble), _) => vec![trouble.clone()],
            (None, Err(error)) => vec![format!("lost: {error:#}")],
            (None, Ok(ending)) => {
                verdict.events += ending.events();
                [ending.problems(), ending.differences(&twins[run.case]), effects.problems(&ending)]
                    .concat()
            }
        };
        verdict.record(&cases[run.case], &run.arn, problems);
        progress.set(index as u64 + 1, &format!("{} differ", verdict.differing.len()));
    }
    progress.finish();
    server.kill()?;
    Ok(verdict)
}

fn project(binary: &Path) -> Result<(TempDir, Launch)> {
    let folder = tempfile::Builder::new().prefix("stepwell-torture-").tempdir()?;
    std::fs::write(folder.path().join("stepwell.toml"), "")?;
    let launch = launch(binary, folder.path())?;
    Ok((folder, launch))
}

fn launch(binary: &Path, folder: &Path) -> Result<Launch> {
    let effects = folder.join(effects::FILE).display().to_string();
    Ok(Launch {
        binary: binary.to_owned(),
        folder: folder.to_owned(),
        address: server::free_address()?,
        arguments: vec!["--test-functions".to_owned(), effects],
    })
}
