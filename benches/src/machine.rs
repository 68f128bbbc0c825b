//! The conditions of a measurement: date, machine, and how fast its disk makes a write durable.

use std::fs::{self, File};
use std::io::Write;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::sample::Latencies;

/// One paragraph that belongs beside every table.
pub(crate) fn conditions() -> Result<String> {
    let disk = fdatasync(Duration::from_secs(1))?;
    Ok(format!(
        "{}. {}, {} cores, {:.0} GiB, Linux {}; an fdatasync of an appended 4 KiB block takes {} (p99 {}), {:.0} a second.",
        jiff::Zoned::now().date(),
        field("/proc/cpuinfo", "model name"),
        available_parallelism()?,
        kibibytes(&field("/proc/meminfo", "MemTotal")) / 1024.0 / 1024.0,
        fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
        disk.at(0.5),
        disk.at(0.99),
        disk.per_second(),
    ))
}

/// The resident memory of a process now.
pub(crate) fn resident_mib(process: u32) -> f64 {
    kibibytes(&field(&format!("/proc/{process}/status"), "VmRSS")) / 1024.0
}

/// The largest resident memory that a process ever had; nothing once it is gone.
pub(crate) fn peak_mib(process: u32) -> Option<f64> {
    let peak = field(&format!("/proc/{process}/status"), "VmHWM");
    (!peak.is_empty()).then(|| kibibytes(&peak) / 1024.0)
}

fn fdatasync(duration: Duration) -> Result<Latencies> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("block"))?;
    let mut latencies = Latencies::start();
    while latencies.elapsed() < duration {
        let before = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        latencies.add(before.elapsed());
    }
    Ok(latencies.end())
}

fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim_start_matches([':', ' ', '\t']).to_owned()
}

fn kibibytes(text: &str) -> f64 {
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}
