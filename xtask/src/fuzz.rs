//! `cargo xtask fuzz`: the parsers of the language under random input that learns from coverage.
//!
//! The targets are the crate `fuzz/`. libFuzzer needs nothing but code that reports which edges it takes, and the
//! compiler in use can make that; no nightly toolchain is involved. What is learned stays under target/fuzz/.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::cargo;
use crate::repository::Repository;
use crate::ui;

const TARGETS: [&str; 5] = ["definition", "intrinsics", "jsonata", "jsonpath", "timestamps"];

/// What makes code tell libFuzzer which edges it takes and what it compares.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares";

/// One input may take so long; more is a finding.
const INPUT_SECONDS_MAX: u32 = 10;

/// Feed the parsers of the language with random input
///
/// Builds the targets of fuzz/ and runs one after the other, at low priority, from the seeds in the repository and
/// what earlier runs learned (target/fuzz/corpus). The exit code is 1 if an input was found that panics, hangs or
/// takes too much memory; it is kept under target/fuzz/findings.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only these targets
    #[arg(value_name = "TARGET", value_parser = TARGETS)]
    targets: Vec<String>,

    /// How long each runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
}

/// Runs the targets.
///
/// # Errors
/// If they do not compile.
pub fn run(args: &Args) -> Result<ExitCode> {
    let repository = Repository::discover()?;
    let binaries = build(&repository)?;
    let all = TARGETS.map(str::to_owned);
    let targets = if args.targets.is_empty() { &all[..] } else { &args.targets };
    let mut findings = 0;
    for target in targets {
        findings += u32::from(!holds(&repository, &binaries, target, args.seconds)?);
    }
    println!("fuzz: {} targets, {} s each, {findings} with a finding", targets.len(), args.seconds);
    Ok(ExitCode::from(u8::from(findings > 0)))
}

/// Builds the targets and returns the folder they are in.
fn build(repository: &Repository) -> Result<PathBuf> {
    let host = host()?;
    let target = folder(repository);
    ui::step("building the fuzz targets");
    // With a target named, build scripts and macros are compiled without the flags.
    let status = cargo::command()
        .current_dir(&repository.root)
        .args(["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml"])
        .args(["--target", &host, "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", COVERAGE)
        .status()
        .context("failed to run cargo")?;
    ensure!(status.success(), "the fuzz targets do not compile");
    Ok(target.join(host).join("release"))
}

fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("failed to run rustc")?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

fn folder(repository: &Repository) -> PathBuf {
    repository.target.join("fuzz")
}

/// Whether a target ran to its end without a finding.
fn holds(repository: &Repository, binaries: &Path, target: &str, seconds: u32) -> Result<bool> {
    let corpus = folder(repository).join("corpus").join(target);
    let findings = folder(repository).join("findings").join(target);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&findings)?;
    seed(repository, target, &corpus)?;
    ui::step(format!("{target} for {seconds} s"));
    let output = Command::new("nice")
        .args(["-n", "19"])
        .arg(binaries.join(target))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .args(["-max_len=4096", "-print_final_stats=1"])
        .arg(corpus)
        .output()
        .context("failed to run `nice`")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| line.contains("cov: ")).unwrap_or_default();
    println!("{target:<12} {last}");
    if !output.status.success() {
        let lines: Vec<_> = said.lines().collect();
        eprintln!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
    }
    Ok(output.status.success())
}

/// Writes the seeds of a target into its corpus: definitions as they are, of other files every line.
fn seed(repository: &Repository, target: &str, corpus: &Path) -> Result<()> {
    let lines = format!("fuzz/seeds/{target}.txt");
    let mut seeds = Vec::new();
    for file in repository.files()? {
        if target == "definition" && file.path.ends_with(".asl.json") {
            seeds.push(file.text);
        } else if file.path == lines {
            seeds.extend(file.text.lines().map(str::to_owned));
        }
    }
    ensure!(!seeds.is_empty(), "there are no seeds for {target}");
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), seed)?;
    }
    Ok(())
}
