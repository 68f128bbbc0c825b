//! `cargo xtask conformance`: the cases recorded from AWS, counted by group.
//!
//! The interpreter runs them in its own test, with virtual time; the real binary through the program that comes with
//! the cases. Both write the verdict of every case into a report, which is counted here. The table of COMPAT.md is
//! made from the report of the interpreter.

mod binary;
mod report;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::repository::Repository;
use crate::ui;
use report::Report;

/// Where the tests find the cases.
pub(crate) const FOLDER: &str = "STEPWELL_CONFORMANCE_DIR";
/// Where the test of the interpreter leaves its verdicts.
pub(crate) const REPORT: &str = "STEPWELL_CONFORMANCE_REPORT";

/// Hold stepwell against what AWS answered
///
/// Runs the cases recorded from AWS through the interpreter, with virtual time, and prints how many passed in each
/// group. Without the cases it says so and does nothing. The exit code is 1 if a case failed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder with the recorded cases
    #[arg(long, env = "STEPWELL_CONFORMANCE_DIR", value_name = "DIR")]
    cases: Option<PathBuf>,

    /// Run them over HTTP through this binary instead; waits are real seconds
    #[arg(long, value_name = "PATH", conflicts_with = "write")]
    binary: Option<PathBuf>,

    /// Write the table into COMPAT.md
    #[arg(long)]
    write: bool,

    /// With `--binary`: arguments of the program that comes with the cases, for instance `-- --group choice --show 3`
    #[arg(last = true, requires = "binary")]
    arguments: Vec<String>,
}

/// Runs the cases.
///
/// # Errors
/// If they cannot be read or run.
pub fn run(args: &Args) -> Result<ExitCode> {
    let Some(cases) = &args.cases else {
        ui::step(format!("skipped: {FOLDER} names no folder with recorded cases"));
        return Ok(ExitCode::SUCCESS);
    };
    let cases = cases.canonicalize().with_context(|| cases.display().to_string())?;
    let repository = Repository::discover()?;
    if let Some(binary) = &args.binary {
        return binary::run(&repository, binary, &cases, &args.arguments);
    }
    let report = interpret(&repository, &cases)?;
    print!("{report}");
    if args.write {
        table::write(&repository, &report)?;
        ui::step("the table of COMPAT.md is written");
    }
    Ok(ExitCode::from(u8::from(report.has_failed())))
}

/// Runs the test of the interpreter for its report.
fn interpret(repository: &Repository, cases: &Path) -> Result<Report> {
    let file = new_report_file(repository)?;
    ui::step("running the cases through the interpreter");
    let test =
        ["test", "--quiet", "--package", "stepwell-machine", "--test", "it", "conformance::"];
    let output = Command::new("cargo")
        .current_dir(&repository.root)
        .args(test)
        .env(FOLDER, cases)
        .env(REPORT, &file)
        .output()
        .context("failed to run cargo")?;
    // A failed case is in the report; without one, the test does not compile or broke down.
    ensure!(file.exists(), "no report: {}", String::from_utf8_lossy(&output.stderr));
    Report::read(&file)
}

/// Where the interpreter is to leave its report; that of an earlier run is gone.
///
/// # Errors
/// If it cannot be removed.
pub(crate) fn new_report_file(repository: &Repository) -> Result<PathBuf> {
    let file = repository.target.join("conformance.json");
    if file.exists() {
        std::fs::remove_file(&file)?;
    }
    Ok(file)
}

/// Whether the table of COMPAT.md says what this report says.
///
/// # Errors
/// If one of the two cannot be read.
pub(crate) fn is_table_up_to_date(repository: &Repository, report: &Path) -> Result<bool> {
    table::is_up_to_date(repository, &Report::read(report)?)
}
