//! An export of a table of DynamoDB: DynamoDB JSON in gzip, with its manifests and digests.
//!
//! Columns: text, an exact number, a whole number, a boolean, a sorted set, a map as JSON.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::Work;

pub(super) const WORK: Work = Work {
    title: "DynamoDB JSON in gzip",
    write,
    settings: SETTINGS,
    script: "dynamodb.py",
    peers: &[
        ("duckdb", "DuckDB"),
        ("pyarrow", "pyarrow, read_json"),
        ("columns", "pyarrow, json.loads and columns"),
        ("pylist", "pyarrow, json.loads and from_pylist"),
    ],
    budgets: "above DuckDB, at least 3 x pyarrow, 200,000 items/s, peak memory at most 200 MiB",
};

const SETTINGS: &str = r#"
[pipelines.lake.tables.orders]
source = "dynamodb"
read = "export"
export = "FOLDER"
key = ["pk", "sk"]
mode = "overwrite"
settle_seconds = 0
columns = [
    "pk string not null", "sk string not null", "total decimal(18,2)", "quantity bigint", "paid boolean", "created string",
    "tags array<string>", "address json", "note string",
]
"#;

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

fn write(folder: &Path, rows: usize, files: usize) -> Result<usize> {
    fs::create_dir(folder.join("data"))?;
    let (mut manifest, mut bytes) = (String::new(), 0);
    for file in 0..files {
        let indexes = (rows * file / files)..(rows * (file + 1) / files);
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
        "exportTime": "2026-03-01T00:00:00Z", "endTime": "2026-03-01T00:10:00Z", "itemCount": rows, "outputFormat": "DYNAMODB_JSON"});
    let file = File::create(folder.join("manifest-summary.json"))?;
    serde_json::to_writer(&file, &summary)?;
    // A window ends with the last whole second, and takes what had arrived by then.
    file.set_modified(SystemTime::now() - Duration::from_mins(1))?;
    Ok(bytes)
}
