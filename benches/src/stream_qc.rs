//! `stream-qc`: four tests and their roll-up on one long series, beside the reference library.
//!
//! Both sides are processes of their own that map nothing and read the same two files: times and values as they lie in
//! memory. The library needs all of them at once, and its reading is not timed. Ours reads chunk by chunk, keeps them where
//! the product keeps a series that is read, and checks stretch by stretch; all of that is timed. The flags of each test must
//! be the same.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_stream_qc::config::{Config, Format};
use stepwell_stream_qc::flag::{Flag, RollUp, roll_up};
use stepwell_stream_qc::process::{Input, Judged, Process};
use stepwell_stream_qc::series::Series;
use stepwell_stream_qc::spool::{Spool, Spooled, Wanted};
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
    let columns = ["", "time", "points/s", "peak memory", "points/s of ioos_qc"];
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

/// Points that are read together.
const CHUNK: usize = 65_536;

/// Our side.
pub(crate) fn run_side(side: &Side) -> Result<()> {
    let config = Config::parse(CONFIG, Format::Toml).map_err(|problems| anyhow!("{problems:?}"))?;
    let stream = config.streams().next().context("there is one stream")?;
    let processes = [Process::Two, Process::Three];
    let mut sums = [0; TESTS.len() + 1];
    let started = Instant::now();
    let series = spooled(&side.folder, Wanted::of(&processes, stream))?;
    let input = Input { context: None, window: None, now: Timestamp::UNIX_EPOCH };
    series.evaluate(&processes, &input, stream, &mut |judged| {
        add(&mut sums, judged, stream.roll_up);
        Ok(())
    })?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{}", serde_json::to_string(&Printed { seconds, flags: sums.to_vec() })?);
    Ok(())
}

fn spooled(folder: &Path, wanted: Wanted) -> Result<Spooled> {
    let mut times = BufReader::new(File::open(folder.join("times"))?);
    let mut values = BufReader::new(File::open(folder.join("values"))?);
    let mut spool = Spool::new(wanted);
    loop {
        let times = read(&mut times, i64::from_le_bytes)?;
        if times.is_empty() {
            return Ok(spool.finish()?);
        }
        spool.push_series(Series::new(times, read(&mut values, f64::from_le_bytes)?))?;
    }
}

fn read<T>(file: &mut impl Read, of_bytes: impl Fn([u8; 8]) -> T) -> Result<Vec<T>> {
    let mut bytes = Vec::with_capacity(8 * CHUNK);
    file.take(8 * CHUNK as u64).read_to_end(&mut bytes)?;
    Ok(bytes.as_chunks::<8>().0.iter().map(|chunk| of_bytes(*chunk)).collect())
}

fn add(sums: &mut [u64; TESTS.len() + 1], judged: &Judged<'_>, order: RollUp) {
    let processes = judged.roll_ups.iter().map(|(_, flags)| &flags[..]);
    let rolled = roll_up(order, judged.series.len(), processes);
    let of_test = |name| judged.tests.iter().find(|test| test.name == name).map(|it| &it.flags);
    let tests = TESTS.iter().filter_map(|name| of_test(*name));
    for (sum, flags) in sums.iter_mut().zip(tests.chain([&rolled])) {
        *sum = sum.wrapping_add(fingerprint(judged.first as u64 + 1, flags));
    }
}

/// Each flag times its place, in wrapping arithmetic.
fn fingerprint(first: u64, flags: &[Flag]) -> u64 {
    (first..).zip(flags).fold(0, |sum: u64, (place, flag)| {
        sum.wrapping_add(u64::from(flag.value()).wrapping_mul(place))
    })
}
