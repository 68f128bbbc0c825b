//! CSV in gzip, as other systems drop it: text (some of it quoted), numbers, dates, times, booleans, empty fields.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Work;

pub(super) const WORK: Work = Work {
    title: "CSV in gzip",
    write,
    settings: SETTINGS,
    script: "csv_files.py",
    peers: &[("duckdb", "DuckDB"), ("pyarrow", "pyarrow, open_csv")],
    budgets: "DuckDB's rate, peak memory at most 150 MiB",
};

const SETTINGS: &str = r#"
[pipelines.lake.tables.orders]
source = "files"
path = "FOLDER/*.csv.gz"
key = ["id"]
mode = "overwrite"
settle_seconds = 0
columns = [
    "id bigint not null", "customer string", "region string", "quantity int", "amount decimal(18,2)", "weight double",
    "ordered date", "modified timestamp", "paid boolean", "note string",
]
"#;

const HEADER: &str = "id,customer,region,quantity,amount,weight,ordered,modified,paid,note\n";

const REGIONS: [&str; 6] = ["north", "south", "east", "west", "overseas", ""];

fn line(index: usize) -> String {
    let mixed = index.wrapping_mul(2_654_435_761) % 1_000_003;
    let note = match mixed % 10 {
        0 => String::new(),
        1 => format!("\"said \"\"{mixed}\"\", and paid\""),
        _ => format!("note {mixed} of the order"),
    };
    format!(
        "{index},customer {:06},{},{},{}.{:02},{}.{},2026-03-{:02},2026-03-{:02}T{:02}:{:02}:{:02}Z,{},{note}\n",
        mixed % 50_000,
        REGIONS[mixed % REGIONS.len()],
        mixed % 97,
        mixed % 10_000,
        index % 100,
        mixed % 300,
        mixed % 8 + 1,
        index % 28 + 1,
        index % 28 + 1,
        index % 24,
        mixed % 60,
        index % 60,
        mixed.is_multiple_of(3),
    )
}

fn write(folder: &Path, rows: usize, files: usize) -> Result<usize> {
    let mut bytes = 0;
    for file in 0..files {
        let packed = File::create(folder.join(format!("{file:04}.csv.gz")))?;
        let mut packed = GzEncoder::new(packed, Compression::default());
        packed.write_all(HEADER.as_bytes())?;
        for index in (rows * file / files)..(rows * (file + 1) / files) {
            let line = line(index);
            bytes += line.len();
            packed.write_all(line.as_bytes())?;
        }
        packed.finish()?;
    }
    Ok(bytes)
}
