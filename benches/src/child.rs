//! A command that is measured: wall time, CPU time, peak memory.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::machine;

/// The kernel counts CPU time of processes in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a command cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) seconds: f64,
    /// Of the command and what it started, without the servers it talked to.
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mib: f64,
}

/// Runs a command to its end; gives what it cost and what it printed.
///
/// # Errors
/// If it fails, with what it said.
pub(crate) fn measure(command: &mut Command) -> Result<(Cost, String)> {
    let (printed, said) = (tempfile::NamedTempFile::new()?, tempfile::NamedTempFile::new()?);
    let cpu_before = cpu_seconds_of_children()?;
    let started = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(printed.reopen()?).stderr(said.reopen()?).spawn()?;
    let mut peak_mib = 0.0;
    let status = loop {
        peak_mib = machine::peak_mib(child.id()).unwrap_or(peak_mib);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        sleep(Duration::from_millis(5));
    };
    let seconds = started.elapsed().as_secs_f64();
    ensure!(status.success(), "{command:?} failed:\n{}", fs::read_to_string(said.path())?);
    let cpu_seconds = cpu_seconds_of_children()? - cpu_before;
    Ok((Cost { seconds, cpu_seconds, peak_mib }, fs::read_to_string(printed.path())?))
}

/// User and system time of all children that ended: fields 16 and 17 of `/proc/self/stat`.
fn cpu_seconds_of_children() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks =
        after_name.split_whitespace().skip(13).take(2).map(|ticks| ticks.parse().unwrap_or(0.0));
    Ok(ticks.sum::<f64>() / TICKS_PER_SECOND)
}
