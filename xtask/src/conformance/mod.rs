//! `cargo xtask conformance`: the cases recorded from AWS, counted by group.
//!
//! The interpreter runs the executions in its own test, with virtual time, and the API the sequences of requests in
//! its own; the real binary runs them through the program that comes with the cases. The tests write the verdict of
//! every case into a report, which is counted here. The table of COMPAT.md is made from these reports.

mod binary;
mod report;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::cargo;
use crate::repository::Repository;
use crate::ui;
use report::Report;

/// Where the tests find the cases.
pub(crate) const FOLDER: &str = "STEPWELL_CONFORMANCE_DIR";
/// The folder in which the tests leave their verdicts.
pub(crate) const REPORT: &str = "STEPWELL_CONFORMANCE_REPORT";

/// Hold stepwell against what AWS answered
///
/// Runs the executions recorded from AWS through the interpreter, with virtual time, and the sequences of requests
/// through the API, and prints how many passed in each group. Without the cases it says so and does nothing. The exit code is 1 if a case failed.
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
    let report = test(&repository, &cases)?;
    print!("{report}");
    if args.write {
        table::write(&repository, &report)?;
        ui::step("the table of COMPAT.md is written");
    }
    Ok(ExitCode::from(u8::from(report.has_failed())))
}

/// Runs the tests of the interpreter and of the API for their reports.
fn test(repository: &Repository, cases: &Path) -> Result<Report> {
    let reports = new_report_folder(repository)?;
    ui::step("running the cases through the interpreter and the API");
    let packages = ["--package", "stepwell-machine", "--package", "stepwell-sfn-api"];
    let output = cargo::command()
        .current_dir(&repository.root)
        .args(["test", "--quiet", "--no-fail-fast"])
        .args(packages)
        .args(["--test", "it", "conformance::"])
        .env(FOLDER, cases)
        .env(REPORT, &reports)
        .output()
        .context("failed to run cargo")?;
    let report = Report::read(&reports)?;
    // A failed case is in a report; where one is missing, a test does not compile or broke down.
    ensure!(report.is_complete(), "no report: {}", String::from_utf8_lossy(&output.stderr));
    Ok(report)
}

/// Where the tests are to leave their reports; those of an earlier run are gone.
///
/// # Errors
/// If the folder cannot be emptied or made.
pub(crate) fn new_report_folder(repository: &Repository) -> Result<PathBuf> {
    let folder = repository.target.join("conformance");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Whether the table of COMPAT.md says what the reports say; nothing where not all of them were made.
///
/// # Errors
/// If one of them cannot be read.
pub(crate) fn is_table_up_to_date(repository: &Repository, reports: &Path) -> Result<Option<bool>> {
    let report = Report::read(reports)?;
    report.is_complete().then(|| table::is_up_to_date(repository, &report)).transpose()
}
