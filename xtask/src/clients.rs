//! The programs in `clients/`: what users of Rust write, built as they build it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::repository::Repository;
use crate::{cargo, ui};

/// Builds them and returns the folder they are in.
///
/// # Errors
/// If they do not compile.
pub fn build(repository: &Repository) -> Result<PathBuf> {
    let target = repository.target.join("clients");
    ui::step("building the clients in Rust");
    let status = cargo::command()
        .current_dir(&repository.root)
        .args(["build", "--quiet", "--manifest-path", "clients/Cargo.toml", "--target-dir"])
        .arg(&target)
        .status()
        .context("failed to run cargo")?;
    ensure!(status.success(), "the clients do not compile");
    Ok(target.join("debug"))
}
