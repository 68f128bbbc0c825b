//! A server on an empty project, and the program that comes with the cases beside it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::known;
use super::report::Report;
use crate::python::Python;
use crate::repository::Repository;
use crate::server::{self, Launch};
use crate::ui;

/// The account of `stepwell serve`.
const ACCOUNT: &str = "000000000000";

/// Cases at a time: some of them count seconds, and functions start as processes.
const JOBS: &str = "8";

/// Cases that are run again; with more of them it is not the machine that was busy.
const AGAIN_MAX: usize = 8;

/// Runs the cases that the arguments name, all without any. Those that fail beside others are run again by themselves, and count
/// as they go then: seconds are real, and a busy machine lets them pass too fast.
///
/// # Errors
/// If the server does not start, or the program cannot be run.
pub(super) fn run(
    repository: &Repository,
    binary: &Path,
    cases: &Path,
    arguments: &[String],
) -> Result<Report> {
    let python = Python::prepare(repository)?;
    let folder = tempfile::Builder::new().prefix("stepwell-conformance-").tempdir()?;
    std::fs::write(folder.path().join("stepwell.toml"), "")?;
    let launch = Launch {
        binary: binary.to_owned(),
        folder: folder.path().to_owned(),
        address: server::free_address()?,
        arguments: vec!["--aws-limits".to_owned()],
    };
    let mut server = launch.start()?;
    server.wait_until_up(Duration::from_secs(10))?;
    ui::step(format!("running the cases through {}", binary.display()));
    let list = known::list(cases)?;
    std::fs::write(folder.path().join("known.txt"), &list)?;
    let interpreter = python.interpreter();
    let program = Program { interpreter: &interpreter, cases, launch: &launch, list: &list };
    let mut report = program.run(arguments)?;
    let failed = report.failed_ids();
    if failed.len() <= AGAIN_MAX {
        for id in failed {
            report.replace(&id, program.run(&["--id".to_owned(), id.clone()])?);
        }
    }
    server.check_running()?;
    Ok(report)
}

/// The program that comes with the cases.
struct Program<'p> {
    interpreter: &'p Path,
    cases: &'p Path,
    launch: &'p Launch,
    /// What is known to differ.
    list: &'p str,
}

impl Program<'_> {
    fn run(&self, arguments: &[String]) -> Result<Report> {
        let folder = &self.launch.folder;
        let verdicts = folder.join("verdicts.json");
        Command::new(self.interpreter)
            .arg(self.cases.join("run.py"))
            .args(["--endpoint", &format!("http://{}", self.launch.address)])
            .args(["--account", ACCOUNT, "--jobs", JOBS])
            .arg("--expect-fail")
            .arg(folder.join("known.txt"))
            .arg("--json")
            .arg(&verdicts)
            .args(arguments)
            .status()
            .context("failed to run the program that comes with the cases")?;
        Report::read(&verdicts, self.list)
    }
}
