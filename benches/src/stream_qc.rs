//! `stream-qc`: four tests and their roll-up on one long series, beside the reference library.
//!
//! Both sides are processes of their own that map nothing and read the same two files: times and values as they lie in
//! memory. What is timed is the checking, not the reading. The flags of each test must be the same.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_stream_qc::config::{Config, Format};
use stepwell_stream_qc::flag::{Flag, roll_up};
use stepwell_stream_qc::process::{Input, Process, evaluate};
use stepwell_stream_qc::series::Series;
use xtask::ui;

use crate::child::{Cost, measure};
use crate::table::{markdown, number};

/// Measure the checks of streams
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Points in the series
    #[arg(long, default_value_t = 10_000_000)]
    points: usize,

    /// The interpreter with ioos_qc
    #[arg(long, env = "STEPWELL_IOOS_QC_PYTHON", value_name = "FILE")]
    python: PathBuf,
}

/// One side, in a process of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Side {
    folder: PathBuf,
}

const CONFIG: &str = r#"
mode = "ioos_qc_3_0"
cadence_s = 600
process2.gross_range = { fail = [0, 25], suspect = [5, 13] }
[process3]
spike = { method = "average", suspect = 2, fail = 5 }
rate_per_s = { suspect = 0.005, fail = 0.02 }
flat_line = { suspect_s = 1800, fail_s = 3000, tolerance = 0.05 }
"#;

/// The tests in the order in which their flags are compared.
const TESTS: [&str; 4] = ["gross_range", "spike", "rate_of_change", "flat_line"];

/// What a side prints: how long it checked, and how many flags of each value each test and the roll-up have.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Printed {
    seconds: f64,
    /// For each test, and for the roll-up: a sum over flags that depends on their places.
    flags: Vec<u64>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = tempfile::tempdir()?;
    ui::step(format!("writing a series of {} points", args.points));
    write_series(folder.path(), args.points)?;
    ui::step("measuring stepwell");
    let mut command = Command::new(std::env::current_exe()?);
    let ours = side(command.arg("stream-qc-side").arg(folder.path()))?;
    ui::step("measuring ioos_qc");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/quality.py");
    let theirs = side(Command::new(&args.python).arg(script).arg(folder.path()))?;
    ensure!(ours.1.flags == theirs.1.flags, "the flags differ: {ours:?} and {theirs:?}");
    print(args.points, &[("stepwell", ours), ("ioos_qc 3.0.0", theirs)]);
    Ok(())
}

fn side(command: &mut Command) -> Result<(Cost, Printed)> {
    let (cost, printed) = measure(command)?;
    let printed =
        serde_json::from_str(&printed).with_context(|| format!("it printed {printed}"))?;
    Ok((cost, printed))
}

fn print(points: usize, sides: &[(&str, (Cost, Printed)); 2]) {
    let slowest = sides[1].1.1.seconds;
    let rows = sides.iter().map(|(name, (cost, printed))| {
        vec![
            (*name).to_owned(),
            format!("{:.2} s", printed.seconds),
            number(points as f64 / printed.seconds),
            format!("{:.0} MiB", cost.peak_mib),
            format!("{:.1} x", slowest / printed.seconds),
        ]
    });
    let columns = ["", "checking", "points/s", "peak memory", "points/s of ioos_qc"];
    println!("{}", markdown(&columns, rows));
    println!("\n{} points, 4 tests and their roll-up; all flags are equal.", number(points as f64));
}

/// A wave with spikes, flat stretches, holes and jumps, the same on every run.
fn write_series(folder: &Path, points: usize) -> Result<()> {
    let mut times = BufWriter::new(File::create(folder.join("times"))?);
    let mut values = BufWriter::new(File::create(folder.join("values"))?);
    let (mut time, mut state) = (1_772_323_200_000_000_000_i64, 88_172_645_463_325_252_u64);
    for at in 0..points {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let noise = (state >> 11) as f64 / (1_u64 << 53) as f64;
        let wave = 9.0 + 3.0 * (at as f64 / 144.0).sin();
        let value = match state % 1000 {
            0..10 => f64::NAN,
            10..13 => wave + 20.0,
            _ if at % 5000 < 40 => 9.0,
            _ => wave + noise,
        };
        time += if state.is_multiple_of(10_007) { 7_200 } else { 600 } * 1_000_000_000;
        times.write_all(&time.to_le_bytes())?;
        values.write_all(&value.to_le_bytes())?;
    }
    times.flush()?;
    Ok(values.flush()?)
}

/// Our side.
pub(crate) fn run_side(side: &Side) -> Result<()> {
    let series = Series::new(
        read(&side.folder.join("times"), i64::from_le_bytes)?,
        read(&side.folder.join("values"), f64::from_le_bytes)?,
    );
    let config = Config::parse(CONFIG, Format::Toml).map_err(|problems| anyhow!("{problems:?}"))?;
    let stream = config.streams().next().context("there is one stream")?;
    let started = Instant::now();
    let input = Input { series: &series, context: None, window: None, now: Timestamp::UNIX_EPOCH };
    let results = [Process::Two, Process::Three].map(|process| evaluate(process, &input, stream));
    let rolled = roll_up(stream.roll_up, series.len(), results.iter().map(|it| &it.flags[..]));
    let seconds = started.elapsed().as_secs_f64();
    let tests = || results.iter().flat_map(|result| &result.tests);
    let mut flags = Vec::new();
    for name in TESTS {
        let test = tests().find(|test| test.name == name).with_context(|| format!("no {name}"))?;
        flags.push(fingerprint(&test.flags));
    }
    flags.push(fingerprint(&rolled));
    println!("{}", serde_json::to_string(&Printed { seconds, flags })?);
    Ok(())
}

fn read<T>(file: &Path, of_bytes: impl Fn([u8; 8]) -> T) -> Result<Vec<T>> {
    let bytes = std::fs::read(file)?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|chunk| of_bytes(*chunk)).collect())
}

/// Each flag times its place, in wrapping arithmetic.
fn fingerprint(flags: &[Flag]) -> u64 {
    (1..).zip(flags).fold(0, |sum: u64, (place, flag)| {
        sum.wrapping_add(u64::from(flag.value()).wrapping_mul(place))
    })
}
