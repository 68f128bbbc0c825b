//! `reconcile`: two sides of a table with planted differences, compared by stepwell, DuckDB and pandas.
//!
//! Both sides are Parquet files of the same rows in another order, as a source and a lake have them. Everybody reads
//! them from disk, counts the rows that are missing, extra and different, and names their keys; each in a process of
//! its own, so that its peak memory is its own. Time is that of the comparison, without starting Python.

mod sides;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use stepwell_reconcile::{Column, Kind, Layout, Options, ParquetFiles, compare};
use xtask::ui;

use crate::child::{Cost, measure};
use crate::table::{markdown, number};

const PEER: &str = include_str!("../../peers/reconcile.py");

/// Compare two sides of a table, beside DuckDB and pandas
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rows of each side
    #[arg(long, default_value_t = 5_000_000)]
    rows: u64,

    /// Planted differences, a third of each kind
    #[arg(long, default_value_t = 3_000)]
    differences: u64,

    /// How often each compares; the best counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// Leave pandas out, which needs several gigabytes
    #[arg(long)]
    no_pandas: bool,

    /// The interpreter that has the peers
    #[arg(long, env = "STEPWELL_PEERS", value_name = "FILE")]
    python: PathBuf,
}

/// What somebody found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Found {
    missing: Vec<i64>,
    extra: Vec<i64>,
    different: Vec<i64>,
}

/// What a process printed.
#[derive(Debug, Serialize, Deserialize)]
struct Printed {
    seconds: f64,
    found: Found,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = tempfile::tempdir()?;
    ui::step(format!("writing two sides of {} rows", number(args.rows as f64)));
    let planted = sides::write(folder.path(), args.rows, args.differences)?;
    let mut rows = Vec::new();
    let mut ours = None;
    for by in ["stepwell", "duckdb", "pandas"] {
        if by == "pandas" && args.no_pandas {
            continue;
        }
        let (seconds, cost) = best(by, args, folder.path(), &planted)?;
        let ours = *ours.get_or_insert(seconds);
        rows.push(vec![
            by.to_owned(),
            number(args.rows as f64 * 2.0 / seconds),
            format!("{seconds:.2}"),
            format!("{:.0} MiB", cost.peak_mib),
            format!("{:.1}", cost.cpu_seconds),
            format!("{:.2} x", seconds / ours),
        ]);
    }
    let columns = ["by", "rows/s, both sides", "seconds", "peak memory", "CPU seconds", "takes"];
    println!("{}", markdown(&columns, rows));
    println!(
        "\n2 x {} rows, 8 columns, zstd Parquet; {} planted differences, all found by everybody.",
        number(args.rows as f64),
        planted.missing.len() + planted.extra.len() + planted.different.len()
    );
    println!("Budgets: DuckDB's rate in a fifth of its memory, <= 200 MiB, >= 10 x pandas.");
    Ok(())
}

/// The shortest time of all rounds, and the memory of the largest.
fn best(by: &str, args: &Args, folder: &Path, planted: &Found) -> Result<(f64, Cost)> {
    let mut best: Option<(f64, Cost)> = None;
    for _ in 0..args.rounds.max(1) {
        let (cost, printed) = measure(&mut command(by, args, folder)?)?;
        let Printed { seconds, found } = serde_json::from_str(&printed)?;
        ui::step(format!("{by}: {seconds:.2} s, {:.0} MiB", cost.peak_mib));
        ensure!(found == *planted, "{by} did not find what was planted");
        let peak_mib = best.map_or(cost.peak_mib, |(_, it)| it.peak_mib.max(cost.peak_mib));
        let (seconds, cost) = match best {
            Some((known, cost)) if known <= seconds => (known, cost),
            _ => (seconds, cost),
        };
        best = Some((seconds, Cost { peak_mib, ..cost }));
    }
    best.context("there is no round")
}

fn command(by: &str, args: &Args, folder: &Path) -> Result<Command> {
    if by == "stepwell" {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("reconcile-once").arg(folder);
        return Ok(command);
    }
    let script = folder.join("peer.py");
    std::fs::write(&script, PEER)?;
    let mut command = Command::new(&args.python);
    command.arg(script).arg(by).arg(folder);
    Ok(command)
}

/// The comparison alone, in a process of its own
#[derive(Debug, clap::Args)]
pub(crate) struct Once {
    /// The folder with both sides
    folder: PathBuf,
}

/// Compares and prints what was found.
pub(crate) fn once(args: &Once) -> Result<()> {
    let started = Instant::now();
    let side = |name: &str| {
        ParquetFiles::open(sides::files(&args.folder, name)?).map_err(|error| told(&error))
    };
    let layout = Layout {
        key: vec!["id".into()],
        day: Some("day".into()),
        partition: Vec::new(),
        columns: sides::COLUMNS.map(Column::exact).to_vec(),
    };
    let options = Options { differences_max: usize::MAX, ..Options::default() };
    let result = compare(&side("source")?, &side("lake")?, &layout, &options)?;
    let mut found = Found { missing: Vec::new(), extra: Vec::new(), different: Vec::new() };
    for difference in result.differences {
        let id = difference.key[0].1.as_deref().context("a key is NULL")?.parse()?;
        match difference.kind {
            Kind::Missing => found.missing.push(id),
            Kind::Extra | Kind::Duplicate => found.extra.push(id),
            Kind::Different(_) => found.different.push(id),
        }
    }
    for ids in [&mut found.missing, &mut found.extra, &mut found.different] {
        ids.sort_unstable();
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{}", serde_json::to_string(&Printed { seconds, found })?);
    Ok(())
}

fn told(error: &stepwell_reconcile::SideError) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}
