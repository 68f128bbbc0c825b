//! `lake`: files as teams have them, into Parquet with zstd; beside DuckDB and pyarrow.
//!
//! All read the same files and write the same columns. stepwell is the command that a user types, in a project of its
//! own each time: it starts its engine, checks what it read, counts, publishes the table and tells the catalog as well.

mod csv;
mod export;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;
use xtask::ui;

use crate::child::{Cost, measure};
use crate::table::{markdown, number};

/// Measure how files become Parquet, beside DuckDB and pyarrow
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these files
    #[arg(long)]
    only: Option<Kind>,

    /// Rows
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,

    /// In so many files
    #[arg(long, default_value_t = 16)]
    files: usize,

    /// How often all take turns; the best of each counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// The release binary
    #[arg(long, env = "STEPWELL_BINARY", value_name = "FILE")]
    binary: PathBuf,

    /// Python with DuckDB and pyarrow
    #[arg(long, env = "STEPWELL_PEERS", value_name = "FILE")]
    peers: PathBuf,
}

/// What the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// An export of DynamoDB: DynamoDB JSON in gzip
    Export,
    /// CSV in gzip
    Csv,
}

/// Files that become Parquet.
struct Work {
    /// What the table begins with.
    title: &'static str,
    /// Writes the files, `rows` in `files`, and gives their bytes, unpacked.
    write: fn(&Path, usize, usize) -> Result<usize>,
    /// The dataset; `FOLDER` is where the files are.
    settings: &'static str,
    /// The script of the peers.
    script: &'static str,
    /// What the script calls them, and their names.
    peers: &'static [(&'static str, &'static str)],
    budgets: &'static str,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    for (kind, work) in [(Kind::Export, &export::WORK), (Kind::Csv, &csv::WORK)] {
        if args.only.is_none_or(|only| only == kind) {
            race(args, work)?;
        }
    }
    Ok(())
}

fn race(args: &Args, work: &Work) -> Result<()> {
    let folder = tempfile::tempdir()?;
    ui::step(format!("writing {} rows: {}", number(args.rows as f64), work.title));
    let files = folder.path().join("files");
    fs::create_dir(&files)?;
    let bytes = (work.write)(&files, args.rows, args.files)?;
    let mut best: Vec<Option<Cost>> = vec![None; 1 + work.peers.len()];
    for _ in 0..args.rounds.max(1) {
        keep(&mut best[0], "stepwell", by_stepwell(args, work, &files)?);
        for (slot, (mode, name)) in best[1..].iter_mut().zip(work.peers) {
            keep(slot, name, by_peer(args, work, &files, mode)?);
        }
    }
    print(args, work, bytes, &best.into_iter().flatten().collect::<Vec<_>>());
    Ok(())
}

fn keep(best: &mut Option<Cost>, name: &str, cost: Cost) {
    ui::step(format!("{name}: {:.2} s, {:.0} MiB", cost.seconds, cost.peak_mib));
    if best.is_none_or(|it| cost.seconds < it.seconds) {
        *best = Some(cost);
    }
}

/// A project of its own each time: the first run of a dataset.
fn by_stepwell(args: &Args, work: &Work, files: &Path) -> Result<Cost> {
    let project = TempDir::new_in(files.with_file_name(""))?;
    let settings = work.settings.replace("FOLDER", &files.display().to_string());
    fs::write(project.path().join("stepwell.toml"), settings)?;
    let mut command = Command::new(&args.binary);
    command.current_dir(project.path()).args(["run", "lake"]);
    let (cost, printed) = measure(&mut command)?;
    ensure!(printed.contains(&args.rows.to_string()), "not all rows were published: {printed}");
    Ok(cost)
}

fn by_peer(args: &Args, work: &Work, files: &Path, mode: &str) -> Result<Cost> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(work.script);
    let target = files.with_file_name(format!("{mode}.parquet"));
    let mut command = Command::new(&args.peers);
    command.arg(script).arg(mode).arg(files).arg(target);
    let (cost, printed) = measure(&mut command)?;
    ensure!(printed.trim() == args.rows.to_string(), "{mode} wrote {printed} rows");
    Ok(cost)
}

fn print(args: &Args, work: &Work, bytes: usize, costs: &[Cost]) {
    let names = std::iter::once("stepwell").chain(work.peers.iter().map(|it| it.1));
    let rate = |cost: &Cost| args.rows as f64 / cost.seconds;
    let ours = rate(&costs[0]);
    let lines = names.zip(costs).map(|(name, cost)| {
        let ratio =
            if name == "stepwell" { String::new() } else { format!("{:.1} x", ours / rate(cost)) };
        vec![
            name.to_owned(),
            format!("{:.2}", cost.seconds),
            number(rate(cost)),
            number(bytes as f64 / cost.seconds / 1e6),
            format!("{:.1}", cost.cpu_seconds),
            format!("{:.0} MiB", cost.peak_mib),
            ratio,
        ]
    });
    println!("{}: {} rows in {} files.\n", work.title, number(args.rows as f64), args.files);
    let columns =
        ["by", "seconds", "rows/s", "MB/s unpacked", "CPU seconds", "peak memory", "stepwell is"];
    println!("{}\n\nBudgets: {}.\n", markdown(&columns, lines), work.budgets);
}
