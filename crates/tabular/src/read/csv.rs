//! CSV with a header: cells become what the columns say.

use std::io::BufRead;

use ::csv::{ByteRecord, ReaderBuilder};
use serde::Deserialize;

use super::jsonl::Place;
use super::{Filling, ReadOptions, Sink};
use crate::rows::{Cell, Rows};
use crate::{Column, Error, Location};

/// How CSV is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CsvOptions {
    /// Between cells.
    pub delimiter: char,
    /// Whether the first line names the columns. Without, cells go by their place.
    pub header: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { delimiter: ',', header: true }
    }
}

pub(super) fn reader<R: BufRead>(
    bytes: R,
    options: CsvOptions,
    at: &Location,
) -> Result<csv::Reader<R>, Error> {
    let delimiter = u8::try_from(options.delimiter).map_err(|_| {
        Error::Wrong(format!("{at}: the delimiter `{}` is no ASCII sign", options.delimiter))
    })?;
    Ok(ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(bytes))
}

pub(super) fn read(
    bytes: impl BufRead,
    columns: &[Column],
    options: &ReadOptions,
    sink: &Sink,
) -> Result<(), Error> {
    let mut reader = reader(bytes, options.csv, &sink.at)?;
    let mut record = ByteRecord::new();
    let targets = if options.csv.header {
        if !next(&mut reader, &mut record, &sink.at)? {
            return Ok(());
        }
        targets(&header(&record), columns, options.missing_is_null, &sink.at)?
    } else {
        (0..columns.len()).map(Target::Column).collect()
    };
    let mut filling = Filling::new(options, columns);
    let mut passed = 0;
    while next(&mut reader, &mut record, &sink.at)? {
        if passed < options.skip_rows {
            passed += 1;
            continue;
        }
        append(&mut filling.rows, &record, &targets, sink.at.name());
        if let Some(batch) = filling.end_record(record.as_slice().len())
            && !sink.send(Ok(batch))
        {
            return Ok(());
        }
    }
    if let Some(batch) = filling.rest() {
        sink.send(Ok(batch));
    }
    Ok(())
}

pub(super) fn count(bytes: impl BufRead, options: CsvOptions, at: &Location) -> Result<u64, Error> {
    let mut reader = reader(bytes, options, at)?;
    let mut record = ByteRecord::new();
    let mut rows: u64 = 0;
    while next(&mut reader, &mut record, at)? {
        rows += 1;
    }
    Ok(if options.header { rows.saturating_sub(1) } else { rows })
}

/// The next record; false at the end.
pub(super) fn next<R: BufRead>(
    reader: &mut csv::Reader<R>,
    record: &mut ByteRecord,
    at: &Location,
) -> Result<bool, Error> {
    reader.read_byte_record(record).map_err(|error| {
        let place = format!(" line {}", reader.position().line());
        match error.kind() {
            csv::ErrorKind::Io(error) => super::of_bytes(at, place, error),
            _ => Error::Content { at: at.clone(), place, reason: error.to_string() },
        }
    })
}

/// The names of the columns; a byte order mark is none of them.
pub(super) fn header(record: &ByteRecord) -> Vec<String> {
    let name = |cell: &[u8]| {
        String::from_utf8_lossy(cell).trim().trim_start_matches('\u{feff}').to_owned()
    };
    record.iter().map(name).collect()
}

/// Where the cells of one place go.
enum Target {
    Column(usize),
    Unknown(String),
}

fn targets(
    header: &[String],
    columns: &[Column],
    missing_is_null: bool,
    at: &Location,
) -> Result<Vec<Target>, Error> {
    let wrong =
        |reason: String| Error::Content { at: at.clone(), place: " line 1".to_owned(), reason };
    for (index, name) in header.iter().enumerate() {
        if header[..index].contains(name) {
            return Err(wrong(format!("the header has the column `{name}` twice")));
        }
    }
    let missing: Vec<_> = columns
        .iter()
        .map(Column::place)
        .filter(|place| *place != crate::rows::UNKNOWN && !header.iter().any(|name| name == place))
        .collect();
    if !missing.is_empty() && !missing_is_null {
        return Err(wrong(format!(
            "the header has no column `{}`; it has {}",
            missing.join("`, `"),
            header.join(", ")
        )));
    }
    let target = |name: &String| match columns.iter().position(|column| column.place() == name) {
        Some(index) => Target::Column(index),
        None => Target::Unknown(name.clone()),
    };
    Ok(header.iter().map(target).collect())
}

fn append(rows: &mut Rows, record: &ByteRecord, targets: &[Target], file: &str) {
    if record.len() != targets.len() {
        rows.reject(format!(
            "it has {} cells, and there are {} columns",
            record.len(),
            targets.len()
        ));
    }
    for (cell, target) in record.iter().zip(targets) {
        let Ok(text) = std::str::from_utf8(cell) else {
            rows.reject("the record is no UTF-8".to_owned());
            continue;
        };
        if text.is_empty() {
            continue;
        }
        match target {
            Target::Column(index) => rows.set(*index, Cell::Text(text)),
            Target::Unknown(name) => {
                rows.not_declared(name, &serde_json::Value::from(text).to_string());
            }
        }
    }
    let line = record.position().map_or(0, csv::Position::line);
    rows.end_row(&Place { file, line }, || as_line(record));
}

/// The record as it could have stood in the file.
fn as_line(record: &ByteRecord) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_byte_record(record).expect("memory takes it");
    let line = writer.into_inner().expect("memory takes it");
    String::from_utf8_lossy(&line).trim_end().to_owned()
}
