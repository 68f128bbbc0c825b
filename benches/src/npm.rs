//! Peers that npm installs and node runs.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

/// Installs packages in a folder, runs a script of `benches/peers` there, and reads the JSON that it prints.
pub(crate) fn run<T: DeserializeOwned>(
    folder: &Path,
    packages: &[&str],
    script: &str,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    stdin: &str,
) -> Result<T> {
    xtask::npm::install(folder, packages)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
    let mut child = Command::new("timeout")
        .current_dir(folder)
        .args(["300", "node"])
        .arg(&script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().expect("it is piped").write_all(stdin.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{} failed", script.display());
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("failed to read what {} printed", script.display()))
}
