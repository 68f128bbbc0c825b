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

/// Runs the cases that the arguments name, all without any.
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
    let (known, verdicts) = (folder.path().join("known.txt"), folder.path().join("verdicts.json"));
    std::fs::write(&known, known::list(cases)?)?;
    Command::new(python.interpreter())
        .arg(cases.join("run.py"))
        .args(["--endpoint", &format!("http://{}", launch.address)])
        .args(["--account", ACCOUNT, "--jobs", JOBS])
        .arg("--expect-fail")
        .arg(&known)
        .arg("--json")
        .arg(&verdicts)
        .args(arguments)
        .status()
        .context("failed to run the program that comes with the cases")?;
    server.check_running()?;
    Report::read(&verdicts, &std::fs::read_to_string(&known)?)
}
