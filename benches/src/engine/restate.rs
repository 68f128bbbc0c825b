//! The peer: Restate, installed by npm and driven by `benches/peers/restate.mjs`.

use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use xtask::ui;

use crate::npm;

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
    npm::run(&folder.join("restate"), &PACKAGES, "restate.mjs", [seconds.to_string()], "")
}
