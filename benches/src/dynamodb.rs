//! `dynamodb`: an export of a table, DynamoDB JSON in gzip, into Parquet with zstd; beside DuckDB and pyarrow.
//!
//! All read the same files and write the same columns: text, an exact number, a whole number, a boolean, a sorted set, a
//! map as JSON. stepwell is the command that a user types: it checks the digests and counts of the export and publishes the
//! table as well.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::ui;

use crate::child::{Cost, measure};
use crate::table::{markdown, number};

/// Measure an export of DynamoDB into Parquet, beside DuckDB and pyarrow
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Items of the export
    #[arg(long, default_value_t = 1_000_000)]
    items: usize,

    /// Its files
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

/// Who reads the export: the name, and what the script of the peers calls it.
const PEERS: [(&str, &str); 3] = [
    ("DuckDB", "duckdb"),
    ("pyarrow, read_json", "pyarrow"),
    ("pyarrow, json.loads and from_pylist", "pylist"),
];

pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = tempfile::tempdir()?;
    ui::step(format!("writing an export of {} items", number(args.items as f64)));
    let bytes = write_export(&folder.path().join("export"), args)?;
    let mut best: Vec<Option<Cost>> = vec![None; 1 + PEERS.len()];
    for _ in 0..args.rounds.max(1) {
        keep(&mut best[0], "stepwell", by_stepwell(args, folder.path())?);
        for (index, (name, mode)) in PEERS.into_iter().enumerate() {
            keep(&mut best[index + 1], name, by_peer(args, folder.path(), mode)?);
        }
    }
    print(args, bytes, &best.into_iter().flatten().collect::<Vec<_>>());
    Ok(())
}

fn keep(best: &mut Option<Cost>, name: &str, cost: Cost) {
    ui::step(format!("{name}: {:.2} s, {:.0} MiB", cost.seconds, cost.peak_mib));
    if best.is_none_or(|it| cost.seconds < it.seconds) {
        *best = Some(cost);
    }
}

/// One line of an export.
fn item(index: usize) -> Value {
    let mixed = index.wrapping_mul(2_654_435_761) % 1_000_003;
    json!({"Item": {
        "pk": {"S": format!("customer#{:06}", mixed % 50_000)},
        "sk": {"S": format!("order#{index:09}")},
        "total": {"N": format!("{}.{:02}", mixed % 10_000, index % 100)},
        "quantity": {"N": (mixed % 97).to_string()},
        "paid": {"BOOL": mixed.is_multiple_of(3)},
        "created": {"S": format!("2026-03-{:02}T{:02}:{:02}:{:02}Z", index % 28 + 1, index % 24, mixed % 60, index % 60)},
        "tags": {"SS": [format!("tag-{}", mixed % 31), format!("label-{}", mixed % 17)]},
        "address": {"M": {"street": {"S": format!("{} Main Street", mixed % 900)}, "city": {"S": "Springfield"}, "zip": {"N": "12345"}}},
        "note": if mixed.is_multiple_of(5) { json!({"NULL": true}) } else { json!({"S": format!("note {mixed} of the order")}) },
    }})
}

/// The bytes of the lines, unpacked.
fn write_export(folder: &Path, args: &Args) -> Result<usize> {
    fs::create_dir_all(folder.join("data"))?;
    let (mut manifest, mut bytes) = (String::new(), 0);
    for file in 0..args.files {
        let indexes = (args.items * file / args.files)..(args.items * (file + 1) / args.files);
        let count = indexes.len();
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        for index in indexes {
            let line = format!("{}\n", item(index));
            bytes += line.len();
            packed.write_all(line.as_bytes())?;
        }
        let packed = packed.finish()?;
        let key = format!("AWSDynamoDB/export/data/{file:04}.json.gz");
        let md5 = BASE64.encode(Md5::digest(&packed));
        fs::write(folder.join(format!("data/{file:04}.json.gz")), packed)?;
        let line =
            json!({"itemCount": count, "md5Checksum": md5, "etag": "", "dataFileS3Key": key});
        writeln!(manifest, "{line}")?;
    }
    fs::write(folder.join("manifest-files.json"), manifest)?;
    let summary = json!({"version": "2020-06-30", "tableArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
        "exportTime": "2026-03-01T00:00:00Z", "endTime": "2026-03-01T00:10:00Z", "itemCount": args.items, "outputFormat": "DYNAMODB_JSON"});
    serde_json::to_writer(File::create(folder.join("manifest-summary.json"))?, &summary)?;
    Ok(bytes)
}

const SETTINGS: &str = r#"
[pipelines.lake.tables.orders]
source = "dynamodb"
read = "export"
export = "export"
key = ["pk", "sk"]
mode = "overwrite"
settle_seconds = 0
columns = [
    "pk string not null", "sk string not null", "total decimal(18,2)", "quantity bigint", "paid boolean", "created string",
    "tags array<string>", "address json", "note string",
]
"#;

/// A project of its own each time: the first run of a dataset.
fn by_stepwell(args: &Args, folder: &Path) -> Result<Cost> {
    let project = TempDir::new_in(folder)?;
    let settings = SETTINGS
        .replace("\"export\"\nkey", &format!("\"{}\"\nkey", folder.join("export").display()));
    fs::write(project.path().join("stepwell.toml"), settings)?;
    let mut command = Command::new(&args.binary);
    command.current_dir(project.path()).args(["run", "lake"]);
    let (cost, printed) = measure(&mut command)?;
    ensure!(printed.contains(&args.items.to_string()), "not all items were published: {printed}");
    Ok(cost)
}

fn by_peer(args: &Args, folder: &Path, mode: &str) -> Result<Cost> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/dynamodb.py");
    let mut command = Command::new(&args.peers);
    command
        .arg(script)
        .arg(mode)
        .arg(folder.join("export/data"))
        .arg(folder.join(format!("{mode}.parquet")));
    let (cost, printed) = measure(&mut command)?;
    ensure!(printed.trim() == args.items.to_string(), "{mode} wrote {printed} rows");
    Ok(cost)
}

fn print(args: &Args, bytes: usize, costs: &[Cost]) {
    let names = std::iter::once("stepwell").chain(PEERS.map(|it| it.0));
    let rate = |cost: &Cost| args.items as f64 / cost.seconds;
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
    let columns =
        ["by", "seconds", "items/s", "MB/s of JSON", "CPU seconds", "peak memory", "stepwell is"];
    println!("{}", markdown(&columns, lines));
    println!("\nBudgets: above DuckDB, >= 3 x pyarrow, peak memory <= 200 MiB.");
}
