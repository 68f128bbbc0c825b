//! Python environments under `target/`: the clients that the tests and benchmarks compare with, and the double of AWS.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::repository::Repository;
use crate::{debian, ui};

/// What is installed, by package name: the official DAP client with its PostgreSQL plugin, the AWS SDK and command line, and Trino's own
/// client.
const PACKAGES: &[&str] =
    &["instructure-dap-client[postgresql]==2.3.1", "awscli", "boto3", "trino==0.340.0"];

/// Clients of Salesforce and Mambu, apart: tap-mambu pins what others pin otherwise.
const SAAS: &[&str] = &["simple-salesforce==1.12.10", "tap-mambu==4.6.1"];

/// The double of AWS, apart: it is asked over HTTP only, so its many requirements need not agree with those of the clients.
const MOTO: &[&str] = &["moto[server]==5.2.5"];

/// What comparisons and columnar files are measured beside, and what reads the files of the lake.
const PEERS: &[&str] = &["duckdb==2.0.1", "pandas==3.1.1", "pyarrow==26.0.1"];

/// The reference of quality control, apart: its requirements are many. `gsw` measures its distances on a sphere.
const IOOS_QC: &[&str] = &["ioos-qc==3.0.0", "gsw==3.6.20", "numpy==2.4.6", "pandas==3.1.1"];

/// The last open version of LocalStack, apart: its requirements are many.
const LOCALSTACK: &str = "localstack-core[runtime]==2026.3.0";

/// Most of them have no upper bound, and what came later breaks it.
const LOCALSTACK_OF: &str = "2026-04-01";

/// The minor version of Python 3 that LocalStack needs.
const LOCALSTACK_NEEDS: u8 = 12;

/// The minor version of Python 3 that everything else needs: the official DAP client does.
const NEEDED: u8 = 11;

/// Names to look for.
const INTERPRETERS: &[&str] = &["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/// The environments, ready to use.
#[derive(Debug)]
pub struct Python {
    clients: Environment,
    saas: Environment,
    moto: Environment,
    ioos_qc: Environment,
}

impl Python {
    /// The variable that names an interpreter with LocalStack, for a machine whose own Python is too old for it.
    pub const LOCALSTACK: &str = "STEPWELL_LOCALSTACK_PYTHON";

    /// Makes the environments, or finds those made before.
    ///
    /// # Errors
    /// If there is no Python 3.11 or newer, or if `pip` fails.
    pub fn prepare(repository: &Repository) -> Result<Self> {
        Ok(Self {
            clients: Environment::prepare(repository, "python", PACKAGES)?,
            saas: Environment::prepare(repository, "saas", SAAS)?,
            moto: Environment::prepare(repository, "moto", MOTO)?,
            ioos_qc: Environment::prepare(repository, "ioos-qc", IOOS_QC)?,
        })
    }

    /// The interpreter with the clients.
    pub fn interpreter(&self) -> PathBuf {
        self.clients.binary("python")
    }

    /// The folder with the interpreter and the programs of the clients: `python3`, `aws`.
    pub fn programs(&self) -> PathBuf {
        self.clients.folder.join("bin")
    }

    /// The official DAP client, `dap`.
    pub fn dap_client(&self) -> PathBuf {
        self.clients.binary("dap")
    }

    /// The interpreter with the clients of Salesforce and Mambu.
    pub fn saas_interpreter(&self) -> PathBuf {
        self.saas.binary("python")
    }

    /// The interpreter with the peers of the benchmarks, which also read the lake: DuckDB, pandas, pyarrow.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn peers(repository: &Repository) -> Result<PathBuf> {
        Ok(Environment::prepare(repository, "peers", PEERS)?.binary("python"))
    }

    /// The interpreter with LocalStack: the one that the environment names, or one made here.
    ///
    /// # Errors
    /// If there is no Python 3.12 or newer, or if `pip` fails.
    pub fn localstack(repository: &Repository) -> Result<PathBuf> {
        if let Some(named) = std::env::var_os(Self::LOCALSTACK) {
            return Ok(named.into());
        }
        let interpreter =
            find(LOCALSTACK_NEEDS).context("LocalStack needs Python 3.12 or newer")?;
        let made = Environment::made(repository, "localstack", &["uv"], || Ok(interpreter))?;
        made.install_as_of(LOCALSTACK_OF, LOCALSTACK)?;
        Ok(made.binary("python"))
    }

    /// The interpreter with `ioos_qc`.
    pub fn ioos_qc(&self) -> PathBuf {
        self.ioos_qc.binary("python")
    }

    /// The double of AWS, `moto_server`.
    pub fn moto_server(&self) -> PathBuf {
        self.moto.binary("moto_server")
    }
}

/// A folder with an interpreter and what was installed for it.
#[derive(Debug)]
struct Environment {
    folder: PathBuf,
}

impl Environment {
    fn prepare(repository: &Repository, name: &str, packages: &[&str]) -> Result<Self> {
        Self::made(repository, name, packages, find_or_install)
    }

    fn made(
        repository: &Repository,
        name: &str,
        packages: &[&str],
        interpreter: impl FnOnce() -> Result<&'static str>,
    ) -> Result<Self> {
        let folder = repository.target.join("xtask").join(name);
        let stamp = folder.join("packages");
        let environment = Self { folder };
        if fs::read_to_string(&stamp).is_ok_and(|found| found == packages.join("\n")) {
            return Ok(environment);
        }
        ui::step(format!("making a Python environment with {}", packages.join(" and ")));
        environment.create(packages, interpreter()?)?;
        fs::write(stamp, packages.join("\n"))?;
        Ok(environment)
    }

    /// Installs a package with what it could require on that day, which `pip` cannot.
    fn install_as_of(&self, day: &str, package: &str) -> Result<()> {
        let install = ["pip", "install", "--quiet", "--exclude-newer", day, "--python"];
        let mut command = Command::new(self.binary("uv"));
        let status = command.args(install).args([self.binary("python")]).arg(package).status()?;
        ensure!(status.success(), "`uv pip install {package}` failed");
        Ok(())
    }

    fn binary(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    fn create(&self, packages: &[&str], interpreter: &str) -> Result<()> {
        let make = || {
            let mut make = Command::new(interpreter);
            make.args(["-m", "venv", "--clear"]).arg(&self.folder).stdout(Stdio::null()).status()
        };
        if !make()?.success() {
            // Debian packs the part of Python that makes environments apart.
            debian::install("the venv module of Python", &["python3-venv"])?;
            ensure!(make()?.success(), "`{interpreter} -m venv` failed");
        }
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        let status = Command::new(self.binary("python")).args(install).args(packages).status()?;
        ensure!(status.success(), "`pip install {}` failed", packages.join(" "));
        Ok(())
    }
}

fn find_or_install() -> Result<&'static str> {
    if let Some(found) = find(NEEDED) {
        return Ok(found);
    }
    debian::install("Python", &["python3", "python3-venv"])?;
    find(NEEDED).context(
        "Python 3.11 or newer is needed, for the official DAP client that the tests compare with",
    )
}

/// An interpreter of Python 3 with at least this minor version.
fn find(minor: u8) -> Option<&'static str> {
    let asks = format!("import sys; sys.exit(sys.version_info < (3, {minor}))");
    let is_new_enough = |name: &&&str| {
        let mut command = Command::new(name);
        let status = command.args(["-c", &asks]).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    INTERPRETERS.iter().find(is_new_enough).copied()
}
