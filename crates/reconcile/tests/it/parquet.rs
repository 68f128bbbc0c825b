//! Parquet files as sides.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use stepwell_reconcile::{Kind, Options, ParquetFiles, compare};

use crate::table::{Row, batches, layout, rows};

fn write(folder: &Path, name: &str, rows: &[Row]) -> PathBuf {
    let path = folder.join(name);
    let batches = batches(rows, 100);
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(200)).build();
    let file = File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), Some(properties)).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
    path
}

#[test]
fn differences_between_files_are_found_whatever_row_group_they_are_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut lake = rows(3_000);
    lake[2_999].note = Some("other".into());
    lake[17].amount = None;
    lake.remove(1_500);
    lake.sort_by_key(|row| row.day);
    let source: Vec<_> = rows(3_000)
        .chunks(700)
        .enumerate()
        .map(|(number, rows)| write(folder.path(), &format!("source-{number}.parquet"), rows))
        .collect();
    let lake = vec![write(folder.path(), "lake.parquet", &lake)];
    let open = |files| ParquetFiles::open(files).unwrap();
    let found = compare(&open(source), &open(lake), &layout(), &Options::default()).unwrap();
    let mut kinds: Vec<_> = found
        .differences
        .iter()
        .map(|it| (it.key[0].1.clone().unwrap(), matches!(it.kind, Kind::Missing)))
        .collect();
    kinds.sort();
    let expected = [("1500", true), ("17", false), ("2999", false)];
    assert_eq!(kinds, expected.map(|(key, missing)| (key.to_owned(), missing)));
}

#[test]
fn a_file_that_is_no_parquet_is_told_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "good.parquet", &rows(10));
    let bad = folder.path().join("bad.parquet");
    std::fs::write(&bad, "PAR1").unwrap();
    let side = ParquetFiles::open(vec![good, bad]).unwrap();
    let error = compare(&side, &side, &layout(), &Options::default()).unwrap_err();
    let mut told = error.to_string();
    told.push_str(&std::error::Error::source(&error).unwrap().to_string());
    assert!(told.contains("bad.parquet"), "{told}");
}
