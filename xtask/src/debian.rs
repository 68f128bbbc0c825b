//! Installing what a command needs on Debian and its relatives, if we may; otherwise saying what to do.

use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};

use crate::ui;

/// True if this process is root.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Installs packages by `apt-get`, as root or through `sudo` without a password.
///
/// # Errors
/// If that is not possible here, or fails; the error says what to do by hand.
pub fn install(what: &str, packages: &[&str]) -> Result<()> {
    let by_hand = format!("sudo apt-get install {}", packages.join(" "));
    let Some(prefix) = privileged_prefix() else {
        bail!("{what} is not installed, and cannot be from here\nhint: `{by_hand}`");
    };
    ui::step(format!("installing {what}: apt-get install {}", packages.join(" ")));
    apt_get(prefix, &["update", "--quiet=2"])?;
    let install = ["install", "--quiet=2", "--yes", "--no-install-recommends"];
    apt_get(prefix, &[&install, packages].concat())
}

/// The words before `apt-get`, or nothing where it is missing or may not be used.
fn privileged_prefix() -> Option<&'static [&'static str]> {
    let works = |words: &[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    match () {
        () if !works(&["apt-get", "--version"]) => None,
        () if is_root() => Some(&["env"]),
        () if works(&["sudo", "-n", "true"]) => Some(&["sudo", "-n", "env"]),
        () => None,
    }
}

fn apt_get(prefix: &[&str], arguments: &[&str]) -> Result<()> {
    let status = Command::new(prefix[0])
        .args(&prefix[1..])
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success(), "`apt-get {}` failed", arguments.join(" "));
    Ok(())
}
