//! `cargo xtask conformance`: the cases recorded from AWS, run through the real binary, counted by group.
//!
//! The program that comes with the cases sends them over HTTP; waits are real seconds. What is known to differ stands with its
//! reason in `known.txt`, and so in the table of COMPAT.md.

mod known;
mod report;
mod runner;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::repository::Repository;
use crate::server::{self, Profile};
use crate::ui;

/// Where the tests find the cases.
pub(crate) const FOLDER: &str = "STEPWELL_CONFORMANCE_DIR";

/// Hold stepwell against what AWS answered
///
/// Runs all cases recorded from AWS through `stepwell serve` and prints how many passed in each group. Without the cases it says so
/// and does nothing. The exit code is 1 if a case failed that is not known to, or if the table of COMPAT.md says otherwise.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder with the recorded cases
    #[arg(long, env = "STEPWELL_CONFORMANCE_DIR", value_name = "DIR")]
    cases: Option<PathBuf>,

    /// A binary that is there already, in place of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,

    /// Write the table into COMPAT.md
    #[arg(long)]
    write: bool,

    /// Arguments of the program that comes with the cases, for instance `-- --group choice --show 3`
    #[arg(last = true, conflicts_with = "write")]
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
    let binary = match &args.binary {
        Some(binary) => binary.canonicalize().with_context(|| binary.display().to_string())?,
        None => server::build(&repository, Profile::Dev)?,
    };
    let report = runner::run(&repository, &binary, &cases, &args.arguments)?;
    print!("{report}");
    if args.write {
        table::write(&repository, &report)?;
        ui::step("the table of COMPAT.md is written");
    }
    // Some of the cases say nothing of the whole table.
    let is_stale = args.arguments.is_empty() && !table::is_up_to_date(&repository, &report)?;
    if is_stale {
        println!("the table of COMPAT.md is stale: run `cargo xtask conformance --write`");
    }
    Ok(ExitCode::from(u8::from(report.has_failed() || is_stale)))
}
