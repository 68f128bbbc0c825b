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
use crate::{cargo, clients, ui};

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
    /// Executions per second, latencies, recovery, start-up and memory; beside Restate (npm) and LocalStack (pip)
    Engine {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Warm invocations and cold starts of functions in Python, Node.js and Rust
    Functions {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// 10,000 callbacks that are open while the server is killed
    Callbacks {
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
    /// An export of DynamoDB and CSV into Parquet; beside DuckDB and pyarrow (pip)
    Lake {
        /// Arguments of the measuring program, see `-- --help`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// A Distributed Map over a CSV of 1,000,000 rows: children a second and peak memory
    MapRun {
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
    let (suite, arguments) = args.suite.named();
    let peers = Peers::prepare(&args.suite, &repository)?;
    let built = build(&repository)?;
    let status = Command::new(built.join("stepwell-benches"))
        .arg(suite)
        .args(arguments)
        .env("STEPWELL_BINARY", built.join("stepwell"))
        .env("STEPWELL_BENCH_DIR", repository.target.join("xtask"))
        .envs(peers.variables)
        .status()?;
    ensure!(status.success(), "the measuring program failed");
    Ok(ExitCode::SUCCESS)
}

/// Builds both programs, in one selection: each alone has other features of its dependencies, and would build them anew.
fn build(repository: &Repository) -> Result<PathBuf> {
    ui::step("building stepwell and the benchmarks (release)");
    let packages = ["--package", "stepwell", "--package", "stepwell-benches"];
    let status = cargo::command().args(["build", "--release"]).args(packages).status()?;
    ensure!(status.success(), "stepwell or its benchmarks do not compile");
    Ok(repository.target.join("release"))
}

impl Suite {
    /// What the measuring program calls it, and what the program is given besides.
    fn named(&self) -> (&'static str, &[String]) {
        match self {
            Self::Engine { arguments } => ("engine", arguments),
            Self::Functions { arguments } => ("functions", arguments),
            Self::Callbacks { arguments } => ("callbacks", arguments),
            Self::Jsonata { arguments } => ("jsonata", arguments),
            Self::DataProducts { arguments } => ("data-products", arguments),
            Self::DataMesh { arguments } => ("data-mesh", arguments),
            Self::Reconcile { arguments } => ("reconcile", arguments),
            Self::Lake { arguments } => ("lake", arguments),
            Self::MapRun { arguments } => ("map-run", arguments),
            Self::StreamQc { arguments } => ("stream-qc", arguments),
            Self::Canvas { arguments } => ("canvas", arguments),
        }
    }
}

/// What a suite compares with: where it is, and the servers that run as long as this is kept.
#[derive(Default)]
struct Peers {
    variables: Vec<(&'static str, PathBuf)>,
    _moto: Option<Moto>,
    _postgres: Option<Postgres>,
}

impl Peers {
    fn prepare(suite: &Suite, repository: &Repository) -> Result<Self> {
        match suite {
            // They install their own, by npm, or have none that can be installed.
            Suite::Callbacks { .. }
            | Suite::Jsonata { .. }
            | Suite::DataProducts { .. }
            | Suite::MapRun { .. } => Ok(Self::default()),
            Suite::Engine { arguments } if arguments.iter().any(|it| it == "--no-peer") => {
                Ok(Self::default())
            }
            Suite::Engine { .. } => {
                let localstack = Python::localstack(repository).inspect_err(ui::error).ok();
                let variables =
                    localstack.map(|python| (Python::LOCALSTACK, python)).into_iter().collect();
                Ok(Self { variables, ..Self::default() })
            }
            Suite::Functions { .. } => {
                let variables = vec![("STEPWELL_RUST_CLIENTS", clients::build(repository)?)];
                Ok(Self { variables, ..Self::default() })
            }
            Suite::DataMesh { .. } => {
                let moto = Moto::start(&Python::prepare(repository)?)?;
                let variables = vec![("STEPWELL_TEST_MOTO", moto.url().into())];
                Ok(Self { variables, _moto: Some(moto), ..Self::default() })
            }
            Suite::Reconcile { .. } | Suite::Lake { .. } => {
                let variables = vec![("STEPWELL_PEERS", Python::peers(repository)?)];
                Ok(Self { variables, ..Self::default() })
            }
            Suite::StreamQc { .. } => {
                let variables =
                    vec![("STEPWELL_IOOS_QC_PYTHON", Python::prepare(repository)?.ioos_qc())];
                Ok(Self { variables, ..Self::default() })
            }
            Suite::Canvas { .. } => {
                let postgres = Postgres::start(Durability::Full)?;
                let variables = vec![
                    ("STEPWELL_TEST_POSTGRES", postgres.url().into()),
                    ("STEPWELL_PSQL", postgres.psql()),
                    ("STEPWELL_DAP_CLIENT", Python::prepare(repository)?.dap_client()),
                ];
                Ok(Self { variables, _postgres: Some(postgres), ..Self::default() })
            }
        }
    }
}
