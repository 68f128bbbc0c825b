//! Measures a first load into PostgreSQL: gunzip, decode, stage, publish, prove; and what memory it takes.
//!
//! ```text
//! cargo run --release -p stepwell-canvas --example first_load -- postgres://postgres@127.0.0.1/test 1000000 [keep.tsv]
//! ```
//!
//! The rows are as wide as `courses`: about 40 columns. Where a third argument names a file, the same rows
//! are written there as COPY text without a header, for `psql \copy` to be measured with.

#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::time::Instant;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use stepwell_canvas::rows::tsv::Delivery;
use stepwell_canvas::rows::{Batch, TsvDecoder};
use stepwell_canvas::schema::{Column, ColumnType, TableSchema};
use stepwell_canvas::target::postgres::PostgresTarget;
use stepwell_canvas::target::sqlite::SqliteTarget;
use stepwell_canvas::target::{Layout, Load, LoadKind, LoadRequest, OpenedLoad, TableName, Target};
use tokio::sync::mpsc;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const ROWS_PER_CHECKPOINT: u64 = 200_000;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let connection = arguments.next().ok_or("which database?")?;
    let rows: u64 = arguments.next().ok_or("how many rows?")?.parse()?;
    let plain = arguments.next();
    let schema = courses();
    let packed = tempfile::NamedTempFile::new()?;
    write_rows(&schema, rows, packed.path(), plain.as_deref())?;
    let say = |text: String| writeln!(std::io::stdout(), "{text}");
    let target: Box<dyn Target> = match connection.strip_prefix("sqlite:") {
        Some(path) => Box::new(SqliteTarget::new(path)),
        None => Box::new(PostgresTarget::new(&connection, Layout::Stepwell)?),
    };
    let (begun, cpu_before) = (Instant::now(), cpu_seconds()?);
    load(target.as_ref(), &schema, packed.path()).await?;
    let loaded = begun.elapsed().as_secs_f64();
    let cpu = cpu_seconds()? - cpu_before;
    say(format!(
        "load  {rows} rows  {loaded:.2} s  {:.0} rows/s  {cpu:.2} CPU s",
        rows as f64 / loaded
    ))?;
    let begun = Instant::now();
    let proof = target.prove(&TableName::of(&schema)).await?;
    say(format!("prove {:.2} s  holds: {}", begun.elapsed().as_secs_f64(), proof.holds()))?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    say(status.lines().filter(|line| line.starts_with("VmHWM")).collect())?;
    Ok(())
}

/// What this process has used so far, in the kernel's ticks of 10 ms.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
}

async fn load(target: &dyn Target, schema: &TableSchema, packed: &std::path::Path) -> Result<()> {
    let kind = LoadKind::Snapshot { at: "2026-11-21T00:00:00Z".parse()? };
    let job_id = format!("job-{}", std::process::id());
    let request = LoadRequest { schema: schema.clone(), job_id, kind };
    let OpenedLoad::Staging(mut load) = target.open_load(request).await? else {
        return Err("published before".into());
    };
    let (sender, mut batches) = mpsc::channel(1);
    let decoder = TsvDecoder::new(schema, Delivery::Snapshot);
    let file = File::open(packed)?;
    let decoding = tokio::task::spawn_blocking(move || decode(file, decoder, &sender));
    let mut since_checkpoint = 0;
    while let Some(batch) = batches.recv().await {
        since_checkpoint += batch.len() as u64;
        load.stage("part", batch).await?;
        if since_checkpoint > ROWS_PER_CHECKPOINT {
            load.checkpoint().await?;
            since_checkpoint = 0;
        }
    }
    decoding.await??;
    publish(load).await
}

async fn publish(mut load: Box<dyn Load>) -> Result<()> {
    load.finish_part("part");
    load.checkpoint().await?;
    let begun = Instant::now();
    load.publish().await?;
    writeln!(std::io::stdout(), "publish {:.2} s", begun.elapsed().as_secs_f64())?;
    Ok(())
}

fn decode(file: File, mut decoder: TsvDecoder, batches: &mpsc::Sender<Batch>) -> Result<()> {
    let mut unpacked = GzDecoder::new(BufReader::new(file));
    let mut chunk = vec![0; 64 << 10];
    loop {
        let length = unpacked.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        if let Some(batch) = decoder.push(&chunk[..length])? {
            batches.blocking_send(batch)?;
        }
    }
    if let Some(batch) = decoder.finish()? {
        batches.blocking_send(batch)?;
    }
    Ok(())
}

/// `courses`: numbers, texts, timestamps, booleans, an enumeration, a nested object.
fn courses() -> TableSchema {
    let mut columns = vec![column("id", ColumnType::Int64)];
    let mut add = |prefix: &str, count: usize, ty: &ColumnType| {
        let range = 0..count;
        columns.extend(range.map(|number| column(&format!("{prefix}_{number}"), ty.clone())));
    };
    add("number", 9, &ColumnType::Int64);
    add("text", 12, &ColumnType::Text { max_length: Some(255) });
    add("moment", 4, &ColumnType::Timestamp);
    add("flag", 11, &ColumnType::Boolean);
    add("state", 1, &ColumnType::Enum { values: vec!["available".into(), "deleted".into()] });
    add("score", 1, &ColumnType::Float64);
    add("settings", 1, &ColumnType::Json);
    columns[0].key = true;
    TableSchema {
        namespace: "canvas".into(),
        table: "courses".into(),
        version: 1,
        title: None,
        description: None,
        columns,
        document: serde_json::json!({}),
    }
}

fn column(name: &str, ty: ColumnType) -> Column {
    Column {
        name: name.into(),
        key: false,
        ty,
        required: name == "id",
        default: None,
        description: None,
    }
}

fn write_rows(
    schema: &TableSchema,
    rows: u64,
    packed: &std::path::Path,
    plain: Option<&str>,
) -> Result<()> {
    let mut packed = GzEncoder::new(BufWriter::new(File::create(packed)?), Compression::fast());
    let mut plain = plain.map(File::create).transpose()?.map(BufWriter::new);
    let names = schema
        .columns
        .iter()
        .map(|it| format!("{}.{}", if it.key { "key" } else { "value" }, it.name));
    writeln!(packed, "meta.ts\t{}", names.collect::<Vec<_>>().join("\t"))?;
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut line = String::new();
    for id in 0..rows {
        line.clear();
        write_row(schema, id, &mut random, &mut line);
        writeln!(packed, "2026-11-20T00:00:00.000Z\t{line}")?;
        if let Some(plain) = &mut plain {
            writeln!(plain, "{line}")?;
        }
    }
    packed.finish()?.flush()?;
    Ok(())
}

fn write_row(schema: &TableSchema, id: u64, random: &mut u64, line: &mut String) {
    for column in &schema.columns {
        *random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = *random >> 33;
        if !column.key {
            line.push('\t');
            if draw.is_multiple_of(4) {
                line.push_str("\\N");
                continue;
            }
        }
        write_value(&column.ty, if column.key { id * 7919 % 4_294_967_291 } else { draw }, line);
    }
}

fn write_value(ty: &ColumnType, draw: u64, line: &mut String) {
    let written = match ty {
        ColumnType::Int64 => write!(line, "{draw}"),
        ColumnType::Text { .. } if draw.is_multiple_of(16) => {
            write!(line, "two\\nlines\\tof {draw:x}")
        }
        ColumnType::Text { .. } => write!(line, "Course {draw:x} \u{e9}"),
        ColumnType::Timestamp => write!(
            line,
            "20{:02}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            draw % 26,
            draw % 12 + 1,
            draw % 28 + 1,
            draw % 24,
            draw % 60,
            draw % 59,
            draw % 1000
        ),
        ColumnType::Boolean => write!(line, "{}", draw.is_multiple_of(2)),
        ColumnType::Enum { values } => write!(line, "{}", values[draw as usize % values.len()]),
        ColumnType::Float64 => write!(line, "{}", draw as f64 / 1024.0),
        _ => write!(line, "{{\"is_public\":\"true\",\"grade\":\"{}\",\"n\":{draw}}}", draw % 100),
    };
    written.expect("a string takes all");
}
