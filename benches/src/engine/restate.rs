//! The peer: Restate, installed by npm and driven by `benches/peers/restate.mjs`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use xtask::ui;

const PACKAGES: [&str; 2] = ["@restatedev/restate-server@1.7.12", "@restatedev/restate-sdk@1.17.2"];

/// What the peer did.
#[derive(Debug, Deserialize)]
pub(crate) struct Restate {
    pub(crate) version: String,
    five: Vec<Five>,
    pub(crate) steps_per_second: f64,
    pub(crate) rss_mib: f64,
}

/// Five durable steps, from call to answer.
#[derive(Debug, Deserialize)]
struct Five {
    clients: usize,
    per_second: f64,
}

impl Restate {
    /// Executions of five durable steps a second, with this many clients.
    pub(crate) fn five(&self, clients: usize) -> Option<f64> {
        self.five.iter().find(|five| five.clients == clients).map(|five| five.per_second)
    }
}

/// Measures the peer, or says why that is not possible here.
pub(crate) fn measure(folder: &Path, seconds: u64) -> Option<Restate> {
    ui::step("measuring Restate");
    try_measure(folder, seconds).inspect_err(ui::error).ok()
}

fn try_measure(folder: &Path, seconds: u64) -> Result<Restate> {
    let folder = folder.join("restate");
    std::fs::create_dir_all(&folder)?;
    // No scripts: one of its dependencies reports each installation to a third party.
    let installed = Command::new("npm")
        .current_dir(&folder)
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
        .args(PACKAGES)
        .status()
        .context("npm is not installed")?;
    ensure!(installed.success(), "npm cannot install Restate");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/restate.mjs");
    let output = Command::new("timeout")
        .current_dir(&folder)
        .args(["120", "node"])
        .arg(script)
        .arg(seconds.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the measurement of Restate failed");
    serde_json::from_slice(&output.stdout).context("failed to read the measurement of Restate")
}
