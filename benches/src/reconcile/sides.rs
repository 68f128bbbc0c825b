//! Two sides of an invented table of orders: the source by key, the lake by day, with planted differences.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{
    ArrayRef, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::Found;

/// What is compared beside the key.
pub(super) const COLUMNS: [&str; 7] =
    ["day", "amount", "quantity", "weight", "status", "note", "modified"];

const DAYS: u64 = 60;
/// The 1st of January 2026, counted from 1970.
const FIRST_DAY: i32 = 20_454;
const BATCH_ROWS: usize = 50_000;
const FILE_ROWS: usize = 1_000_000;

/// Writes both sides and says what was planted.
pub(super) fn write(folder: &Path, rows: u64, differences: u64) -> Result<Found> {
    let each = (differences / 3).max(1);
    let spread = |offset: u64| (0..each).map(move |n| n * (rows / each) + offset);
    let (missing, different): (Vec<_>, Vec<_>) = (spread(1).collect(), spread(2).collect());
    let extra: Vec<_> = (rows..rows + each).collect();
    let ids: Vec<u64> = (0..rows).collect();
    put(folder, "source", &ids, |_| false)?;
    let is_missing = |id: &u64| missing.binary_search(id).is_ok();
    let mut ids: Vec<u64> =
        ids.into_iter().filter(|id| !is_missing(id)).chain(extra.clone()).collect();
    ids.sort_by_key(|id| (day(*id), spread_out(*id)));
    put(folder, "lake", &ids, |id| different.binary_search(&id).is_ok())?;
    let signed = |ids: Vec<u64>| ids.into_iter().map(|id| id as i64).collect();
    Ok(Found { missing: signed(missing), extra: signed(extra), different: signed(different) })
}

/// The files of a side, in order.
pub(super) fn files(folder: &Path, side: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.join(side))? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

fn put(folder: &Path, side: &str, ids: &[u64], is_changed: impl Fn(u64) -> bool) -> Result<()> {
    let folder = folder.join(side);
    std::fs::create_dir_all(&folder)?;
    for (number, ids) in ids.chunks(FILE_ROWS).enumerate() {
        let compression = Compression::ZSTD(ZstdLevel::try_new(1)?);
        let properties = WriterProperties::builder().set_compression(compression).build();
        let file = File::create(folder.join(format!("{number:03}.parquet")))?;
        let schema = batch(&[], &is_changed)?.schema();
        let mut writer = ArrowWriter::try_new(file, schema, Some(properties))?;
        for ids in ids.chunks(BATCH_ROWS) {
            writer.write(&batch(ids, &is_changed)?)?;
        }
        writer.close()?;
    }
    Ok(())
}

fn batch(ids: &[u64], is_changed: &impl Fn(u64) -> bool) -> Result<RecordBatch> {
    const STATUS: [&str; 5] = ["new", "paid", "packed", "sent", "returned"];
    let each = || ids.iter().copied();
    let random = |id: u64, most: u64| spread_out(id) % most;
    let amounts = each().map(|id| i128::from(random(id, 10_000_000)) + i128::from(is_changed(id)));
    let amounts = Decimal128Array::from_iter_values(amounts).with_precision_and_scale(18, 2)?;
    let quantities = each().map(|id| (id % 11 != 0).then(|| random(id, 100) as i32));
    let weights = each().map(|id| random(id, 100_000) as f64 / 7.0);
    let statuses = each().map(|id| STATUS[random(id, 5) as usize]);
    let notes = each().map(|id| format!("order {id} of customer {}", random(id, 100_000)));
    let modified = each().map(|id| {
        let second = i64::from(day(id)) * 86_400 + random(id, 86_400) as i64;
        second * 1_000_000 + random(id, 1_000_000) as i64
    });
    let columns: [(&str, ArrayRef); 8] = [
        ("id", Arc::new(Int64Array::from_iter_values(each().map(|id| id as i64)))),
        ("day", Arc::new(Date32Array::from_iter_values(each().map(day)))),
        ("amount", Arc::new(amounts)),
        ("quantity", Arc::new(quantities.collect::<Int32Array>())),
        ("weight", Arc::new(Float64Array::from_iter_values(weights))),
        ("status", Arc::new(StringArray::from_iter_values(statuses))),
        ("note", Arc::new(StringArray::from_iter_values(notes))),
        (
            "modified",
            Arc::new(TimestampMicrosecondArray::from_iter_values(modified).with_timezone("UTC")),
        ),
    ];
    let nullable = columns.map(|(name, array)| (name, array, true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable)?)
}

fn day(id: u64) -> i32 {
    FIRST_DAY + (spread_out(id) >> 32) as i32 % DAYS as i32
}

/// Another number for each number, as if drawn at random.
fn spread_out(id: u64) -> u64 {
    let mixed = (id ^ (id >> 30)).wrapping_add(0x9e37_79b9).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 1
}
