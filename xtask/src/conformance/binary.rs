//! The cases through the real binary, over HTTP.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::python::Python;
use crate::repository::Repository;
use crate::server::{self, Launch};
use crate::ui;

/// What is run unless the caller names groups: nothing stands in for other services.
const DEFAULT: [&str; 2] = ["--needs-only", "interpreter"];
/// The account of `stepwell serve`.
const ACCOUNT: &str = "000000000000";

/// Starts a server on an empty project and lets the program that comes with the cases run them.
///
/// # Errors
/// If the server does not start, or the program cannot be run.
pub(super) fn run(
    repository: &Repository,
    binary: &Path,
    cases: &Path,
    arguments: &[String],
) -> Result<ExitCode> {
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
    let status = Command::new(python.interpreter())
        .arg(cases.join("run.py"))
        .args(["--endpoint", &format!("http://{}", launch.address)])
        .args(["--account", ACCOUNT])
        .arg("--expect-fail")
        .arg(cases.join("broken.txt"))
        .args(DEFAULT)
        .args(arguments)
        .status()
        .context("failed to run the program that comes with the cases")?;
    server.check_running()?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2)))
}
