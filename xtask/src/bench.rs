//! `cargo xtask bench`: prepares what the benchmarks compare with, then runs them in release mode.
//!
//! The measuring itself is the crate `benches`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Result, ensure};

use crate::moto::Moto;
use crate::postgres::{Durability, Postgres};
use crate::python::Python;
use crate::repository::Repository;
use crate::server::{self, Profile};
use crate::ui;

/// Measure the engine, JSONata or a pipeline beside its peers
///
/// Everything is compiled in release mode and measured in one run on this machine, the peers included where they can
/// be installed; docs/benchmarks.md keeps the tables.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is measured
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Debug, clap::Subcommand)]
enum Suite {
    /// Executions per second, latencies, recovery, start-up and memory; beside Restate (npm)
    Engine {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// JSONata expressions; beside the reference implementation on node (npm)
    Jsonata {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// A first run, one without a change and one with a few, with a delay on every request
    DataProducts {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// A backlog of 10,000 feed events; against a double of SQS and IAM, moto (pip)
    DataMesh {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Two sides of 5,000,000 rows; beside DuckDB and pandas (pip)
    Reconcile {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// An export of DynamoDB into Parquet; beside DuckDB and pyarrow (pip)
    Dynamodb {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Checks of a series of 10,000,000 points; beside ioos_qc (pip)
    StreamQc {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// First load and increment into PostgreSQL; beside the official client (pip) and `psql \copy`
    Canvas {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
}

/// Runs the benchmarks.
///
/// # Errors
/// If they do not compile, or what they need cannot be installed.
pub fn run(args: &Args) -> Result<ExitCode> {
    let repository = Repository::discover()?;
    let mut variables = vec![("STEPWELL_BENCH_DIR", repository.target.join("xtask"))];
    let needs_no_binary = matches!(
        args.suite,
        Suite::Jsonata { .. } | Suite::Reconcile { .. } | Suite::StreamQc { .. }
    );
    if !needs_no_binary {
        variables.push(("STEPWELL_BINARY", server::build(&repository, Profile::Release)?));
    }
    match &args.suite {
        Suite::Engine { arguments } => measure("engine", arguments, &variables),
        Suite::Jsonata { arguments } => measure("jsonata", arguments, &variables),
        Suite::DataProducts { arguments } => measure("data-products", arguments, &variables),
        Suite::DataMesh { arguments } => {
            let moto = Moto::start(&Python::prepare(&repository)?)?;
            variables.push(("STEPWELL_TEST_MOTO", moto.url().into()));
            measure("data-mesh", arguments, &variables)
        }
        Suite::Reconcile { arguments } => {
            variables.push(("STEPWELL_PEERS", Python::peers(&repository)?));
            measure("reconcile", arguments, &variables)
        }
        Suite::Dynamodb { arguments } => {
            variables.push(("STEPWELL_PEERS", Python::peers(&repository)?));
            measure("dynamodb", arguments, &variables)
        }
        Suite::StreamQc { arguments } => {
            let python = Python::prepare(&repository)?;
            variables.push(("STEPWELL_IOOS_QC_PYTHON", python.ioos_qc()));
            measure("stream-qc", arguments, &variables)
        }
        Suite::Canvas { arguments } => {
            let postgres = Postgres::start(Durability::Full)?;
            let python = Python::prepare(&repository)?;
            variables.push(("STEPWELL_TEST_POSTGRES", postgres.url().into()));
            variables.push(("STEPWELL_PSQL", postgres.psql()));
            variables.push(("STEPWELL_DAP_CLIENT", python.dap_client()));
            measure("canvas", arguments, &variables)
        }
    }
}

fn measure(suite: &str, arguments: &[String], variables: &[(&str, PathBuf)]) -> Result<ExitCode> {
    ui::step("building the benchmarks (release)");
    let cargo = ["run", "--quiet", "--release", "--package", "stepwell-benches", "--", suite];
    let status = Command::new("cargo")
        .args(cargo)
        .args(arguments)
        .envs(variables.iter().cloned())
        .status()?;
    ensure!(status.success(), "the measuring program failed");
    Ok(ExitCode::SUCCESS)
}
