//! A Python environment under `target/` with the clients that the tests and benchmarks compare with.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::repository::Repository;
use crate::{debian, ui};

/// What is installed, by package name: the official DAP client with its PostgreSQL plugin, the AWS SDK, and Trino's own client.
const PACKAGES: &[&str] = &["instructure-dap-client[postgresql]==2.3.1", "boto3", "trino==0.340.0"];

/// Names to look for; the client needs Python 3.11.
const INTERPRETERS: &[&str] = &["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/// The environment, ready to use.
#[derive(Debug)]
pub struct Python {
    folder: PathBuf,
}

impl Python {
    /// Makes the environment, or finds the one made before.
    ///
    /// # Errors
    /// If there is no Python 3.11 or newer, or if `pip` fails.
    pub fn prepare(repository: &Repository) -> Result<Self> {
        let folder = repository.target.join("xtask/python");
        let stamp = folder.join("packages");
        let python = Self { folder };
        if fs::read_to_string(&stamp).is_ok_and(|packages| packages == PACKAGES.join("\n")) {
            return Ok(python);
        }
        ui::step(format!("making a Python environment with {}", PACKAGES.join(" and ")));
        python.create()?;
        fs::write(stamp, PACKAGES.join("\n"))?;
        Ok(python)
    }

    /// Its interpreter.
    pub fn interpreter(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// The official DAP client, `dap`.
    pub fn dap_client(&self) -> PathBuf {
        self.folder.join("bin/dap")
    }

    fn create(&self) -> Result<()> {
        let interpreter = find_interpreter()?;
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
        let status = Command::new(self.interpreter()).args(install).args(PACKAGES).status()?;
        ensure!(status.success(), "`pip install {}` failed", PACKAGES.join(" "));
        Ok(())
    }
}

fn find_interpreter() -> Result<&'static str> {
    let is_new_enough = |name: &&&str| {
        let asks = "import sys; sys.exit(sys.version_info < (3, 11))";
        Command::new(name)
            .args(["-c", asks])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if let Some(found) = INTERPRETERS.iter().find(is_new_enough) {
        return Ok(found);
    }
    debian::install("Python", &["python3", "python3-venv"])?;
    INTERPRETERS.iter().find(is_new_enough).copied().context(
        "Python 3.11 or newer is needed, for the official DAP client that the tests compare with",
    )
}
