//! `cargo xtask test`: the one test command, from a fresh machine to a plain closing line.

mod cargo_test;
mod documents;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use crate::clients;
use crate::conformance;
use crate::moto::Moto;
use crate::npm;
use crate::postgres::{Durability, Postgres};
use crate::python::Python;
use crate::repository::Repository;
use crate::ui;

/// Run every test, with a PostgreSQL server, the official Canvas client and a double of AWS to test against
///
/// Finds PostgreSQL, or installs it by apt-get where that is possible without a password; starts a private server in
/// a temporary folder; makes Python environments under target/ with the official DAP client, Trino's, boto3, moto and
/// what reads a lake, and installs the SDK for JavaScript there (once); starts a moto server, which stands for AWS; then
/// runs the unit, integration and documentation tests of the whole workspace, and every command of README.md and
/// docs/guides in a block marked `sh run`. Ends with `N passed, N failed`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave out the commands of the documents
    #[arg(long)]
    no_documents: bool,

    /// Cases recorded from AWS to hold the interpreter against, if you have them
    #[arg(long, env = "STEPWELL_CONFORMANCE_DIR", value_name = "DIR")]
    conformance: Option<PathBuf>,

    /// Arguments of `cargo test` in place of `--workspace`, for instance `-- -p stepwell-canvas copy`
    #[arg(last = true)]
    cargo_test: Vec<String>,
}

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// What the tests find in their environment.
type Variables = Vec<(&'static str, PathBuf)>;

/// Runs the tests.
///
/// # Errors
/// If what they need is missing and cannot be installed.
pub fn run(args: &Args) -> Result<ExitCode> {
    let repository = Repository::discover()?;
    let postgres = Postgres::start(Durability::None)?;
    ui::step(format!("PostgreSQL for the tests runs at {}", postgres.url()));
    let python = Python::prepare(&repository)?;
    let moto = Moto::start(&python)?;
    ui::step(format!("moto stands for AWS at {}", moto.url()));
    let mut variables = variables(&postgres, &python, &moto, args.conformance.as_deref())?;
    variables.push(("STEPWELL_RUST_CLIENTS", clients::build(&repository)?));
    variables.push(("STEPWELL_NODE_MODULES", npm::sdk(&repository)?));
    variables.push(("STEPWELL_LAKE_PYTHON", Python::peers(&repository)?));

    let whole = ["--workspace".to_owned()];
    let selection = if args.cargo_test.is_empty() { &whole[..] } else { &args.cargo_test };
    let mut tally = cargo_test::run(&repository, selection, &variables)?;
    if args.cargo_test.is_empty() && !args.no_documents {
        tally += documents::run(&repository, &python)?;
    }
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    Ok(ExitCode::from(u8::from(tally.failed > 0)))
}

fn variables(
    postgres: &Postgres,
    python: &Python,
    moto: &Moto,
    conformance: Option<&Path>,
) -> Result<Variables> {
    let mut variables = vec![
        ("STEPWELL_TEST_POSTGRES", postgres.url().into()),
        ("STEPWELL_TEST_MOTO", moto.url().into()),
        ("STEPWELL_DAP_CLIENT", python.dap_client()),
        ("STEPWELL_PYTHON", python.interpreter()),
        ("STEPWELL_SAAS_PYTHON", python.saas_interpreter()),
        ("STEPWELL_IOOS_QC_PYTHON", python.ioos_qc()),
        ("STEPWELL_TEST_ALL", "1".into()),
    ];
    if let Some(folder) = conformance {
        // The tests run in the folders of their crates, so a relative path would miss.
        variables.push((conformance::FOLDER, folder.canonicalize()?));
        ui::step(format!("recorded cases are in {}", folder.display()));
    } else {
        ui::step(format!("{} is not set: no recorded cases", conformance::FOLDER));
    }
    Ok(variables)
}
