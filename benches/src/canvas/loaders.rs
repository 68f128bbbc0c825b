//! The three ways into PostgreSQL, each as the command that a user would type.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use stepwell_sandbox::dap::Sandbox;
use tempfile::TempDir;

use crate::child::{Cost, measure};

/// The programs, as `cargo xtask bench` finds them.
#[derive(Debug, clap::Args)]
pub(super) struct Tools {
    /// The release binary
    #[arg(long, env = "STEPWELL_BINARY", value_name = "FILE")]
    binary: PathBuf,

    /// The official client
    #[arg(long, env = "STEPWELL_DAP_CLIENT", value_name = "FILE")]
    dap_client: PathBuf,

    /// The client of the PostgreSQL server
    #[arg(long, env = "STEPWELL_PSQL", value_name = "FILE")]
    psql: PathBuf,

    /// Connection string of a superuser of the PostgreSQL server
    #[arg(long, env = "STEPWELL_TEST_POSTGRES", value_name = "URL")]
    postgres: String,
}

/// One table of the sandbox.
pub(super) struct Source<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) table: &'static str,
}

/// What a load cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loaded {
    pub(super) cost: Cost,
    /// How much of the time went into reading the table back to prove it; nothing is proven by the others.
    pub(super) proof_seconds: f64,
}

impl Source<'_> {
    /// First load or increment, whichever is due.
    pub(super) fn load_by_stepwell(&self, tools: &Tools, into: &Database) -> Result<Loaded> {
        let input = json!({"namespace": "canvas", "tables": [self.table]}).to_string();
        let mut command = Command::new(&tools.binary);
        command.current_dir(into.folder.path()).args(["run", "canvas", "--input", &input]);
        let (cost, printed) = self.measure(&mut command, into)?;
        let summary: Value = serde_json::from_str(&printed)?;
        let result = &summary["results"][0];
        ensure!(result["proven"] == true, "the load was not proven: {summary}");
        let proof_seconds = result["proof_seconds"].as_f64().context("no `proof_seconds`")?;
        Ok(Loaded { cost, proof_seconds })
    }

    pub(super) fn load_by_client(&self, tools: &Tools, into: &Database) -> Result<Loaded> {
        self.run_client(tools, "initdb", into)
    }

    pub(super) fn sync_by_client(&self, tools: &Tools, into: &Database) -> Result<Loaded> {
        self.run_client(tools, "syncdb", into)
    }

    fn run_client(&self, tools: &Tools, action: &str, into: &Database) -> Result<Loaded> {
        let (cost, _) = self.measure(&mut self.client(tools, action), into)?;
        Ok(Loaded { cost, proof_seconds: 0.0 })
    }

    fn client(&self, tools: &Tools, action: &str) -> Command {
        let mut command = Command::new(&tools.dap_client);
        command.args(["--non-interactive", "--no-tracking", action]);
        command.args(["--namespace", "canvas", "--table", self.table]);
        command
    }

    fn measure(&self, command: &mut Command, into: &Database) -> Result<(Cost, String)> {
        measure(
            command
                .env("DAP_API_URL", self.sandbox.base_url())
                .env("DAP_CLIENT_ID", self.sandbox.client_id())
                .env("DAP_CLIENT_SECRET", self.sandbox.client_secret())
                .env("DAP_CONNECTION_STRING", &into.url),
        )
    }
}

/// A database of its own, and a project folder that loads into it.
pub(super) struct Database {
    name: String,
    url: String,
    psql: PathBuf,
    folder: TempDir,
}

impl Database {
    pub(super) fn create(tools: &Tools, name: &str) -> Result<Self> {
        let create = ["--command", &format!("CREATE DATABASE {name}")];
        psql(&tools.psql, &tools.postgres, &create)?;
        let (server, _) =
            tools.postgres.rsplit_once('/').context("the connection string names no database")?;
        // The official client refuses a connection string without a password; the server asks for none.
        let url = format!("{server}/{name}")
            .replace("postgres://postgres@", "postgresql://postgres:unused@");
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("stepwell.toml"), "[pipelines.canvas]\n")?;
        Ok(Self { name: name.to_owned(), url, psql: tools.psql.clone(), folder })
    }

    /// Makes room for the next.
    pub(super) fn drop(self, tools: &Tools) -> Result<()> {
        psql(&tools.psql, &tools.postgres, &["--command", &format!("DROP DATABASE {}", self.name)])
    }

    /// Writes a table to a file, ready to be copied in again.
    pub(super) fn export(&self, table: &str) -> Result<PathBuf> {
        let file = self.folder.path().join("table.tsv");
        psql(
            &self.psql,
            &self.url,
            &["--command", &format!(r"\copy canvas.{table} TO '{}'", file.display())],
        )?;
        Ok(file)
    }

    /// Makes the table as it is in the `other` database, with its types and its primary key, and copies the file
    /// into it.
    pub(super) fn import(&self, other: &Self, table: &str, file: &Path) -> Result<Loaded> {
        let dump = self.psql.with_file_name("pg_dump");
        let schema =
            Command::new(dump).args(["--schema-only", "--schema=canvas", &other.url]).output()?;
        ensure!(
            schema.status.success(),
            "pg_dump failed: {}",
            String::from_utf8_lossy(&schema.stderr)
        );
        let script = self.folder.path().join("schema.sql");
        std::fs::write(&script, schema.stdout)?;
        psql(&self.psql, &self.url, &["--file", &script.display().to_string()])?;
        let copy = format!(r"\copy canvas.{table} FROM '{}'", file.display());
        let mut command = Command::new(&self.psql);
        let (cost, _) = measure(command.args(["--no-psqlrc", "--command", &copy, &self.url]))?;
        Ok(Loaded { cost, proof_seconds: 0.0 })
    }
}

fn psql(psql: &Path, url: &str, arguments: &[&str]) -> Result<()> {
    let stop = ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"];
    let output = Command::new(psql).args(stop).args(arguments).arg(url).output()?;
    ensure!(
        output.status.success(),
        "psql {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
