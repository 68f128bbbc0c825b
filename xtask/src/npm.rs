//! Packages for Node.js under `target/`: what functions bring with them, and peers of the benchmarks.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::repository::Repository;
use crate::{debian, ui};

/// The SDK, as a function in Node.js has it in its package.
const SDK: &[&str] = &["@aws-sdk/client-dynamodb@3.1169.0", "@aws-sdk/client-sqs@3.1169.0"];

/// Installs the SDK for JavaScript, or finds it installed, and returns its `node_modules`.
///
/// # Errors
/// If npm is missing and cannot be installed, or fails.
pub fn sdk(repository: &Repository) -> Result<PathBuf> {
    let folder = repository.target.join("xtask/node");
    let stamp = folder.join("packages");
    if !std::fs::read_to_string(&stamp).is_ok_and(|found| found == SDK.join("\n")) {
        ui::step(format!("installing {}", SDK.join(" and ")));
        if Command::new("npm").arg("--version").output().is_err() {
            debian::install("npm", &["npm"])?;
        }
        install(&folder, SDK)?;
        std::fs::write(stamp, SDK.join("\n"))?;
    }
    Ok(folder.join("node_modules"))
}

/// Installs packages in a folder.
///
/// # Errors
/// If npm is missing or fails.
pub fn install(folder: &Path, packages: &[&str]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    // No scripts: a dependency of one peer reports each installation to a third party.
    let installed = Command::new("npm")
        .current_dir(folder)
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
        .args(packages)
        .status()
        .context("npm is not installed")?;
    ensure!(installed.success(), "npm cannot install {}", packages.join(" and "));
    Ok(())
}
