//! Parquet files as sides.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use jiff::civil::Date;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use stepwell_reconcile::{Column, Kind, Layout, Options, ParquetFiles, compare};

use crate::table::{Row, batches, layout, rows};

fn write(folder: &Path, name: &str, rows: &[Row]) -> PathBuf {
    write_batches(&folder.join(name), &batches(rows, 100));
    folder.join(name)
}

fn write_batches(path: &Path, batches: &[RecordBatch]) {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(200)).build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batches[0].schema(), Some(properties)).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
}

/// Every type that holds texts or bytes.
fn text_types() -> Vec<(&'static str, DataType)> {
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    vec![
        ("text", DataType::Utf8),
        ("large", DataType::LargeUtf8),
        ("view", DataType::Utf8View),
        ("bytes", DataType::Binary),
        ("large_bytes", DataType::LargeBinary),
        ("bytes_view", DataType::BinaryView),
        ("few", DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))),
        ("list", DataType::List(item)),
    ]
}

/// A row for each type: in the row of its place a type's column has what is `told`, NULL in the next one.
fn of_text_types(told: &str) -> RecordBatch {
    let types = text_types();
    let rows = types.len();
    let of_type = |(place, (name, kind)): (usize, (&'static str, DataType))| {
        let value = |row| match row {
            row if row == place => Some(told),
            row if row == place + 1 => None,
            _ => Some("2026-03-01, as long as no text is that is kept in place"),
        };
        let texts: ArrayRef = Arc::new((0..rows).map(value).collect::<StringArray>());
        (name, cast(&texts, &kind).unwrap(), true)
    };
    let ids: ArrayRef = Arc::new((0..rows as i64).collect::<Int64Array>());
    let days: ArrayRef = Arc::new(StringArray::from(vec!["2026-03-01"; rows]));
    let columns = types.into_iter().enumerate().map(of_type);
    let all = [("id", ids, true), ("day", days, true)].into_iter().chain(columns);
    RecordBatch::try_from_iter_with_nullable(all).unwrap()
}

#[test]
fn texts_and_bytes_of_every_type_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let side = |name: &str, told| {
        let path = folder.path().join(name);
        write_batches(&path, &[of_text_types(told)]);
        ParquetFiles::open(vec![path]).unwrap()
    };
    let names: Vec<_> = text_types().into_iter().map(|(name, _)| name).collect();
    let columns = names.iter().copied().map(Column::exact).collect();
    let partition = vec!["text".into()];
    let layout = Layout { key: vec!["id".into()], day: Some("day".into()), partition, columns };
    let compared = |lake| compare(&side("a", "one"), &lake, &layout, &Options::default()).unwrap();
    assert!(compared(side("b", "one")).is_equal());
    let found = compared(side("b", "two"));
    assert!(found.days.iter().all(|it| it.group.day == Some(Date::constant(2026, 3, 1))));
    let different = found.differences.iter().flat_map(|it| match &it.kind {
        Kind::Different(columns) => columns.iter().map(|it| it.name.as_str()).collect(),
        _ => Vec::new(),
    });
    assert_eq!(different.collect::<Vec<_>>(), names);
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
