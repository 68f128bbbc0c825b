//! Rows as lines of CSV and JSON: the spelling that [`crate::rows`] reads back.

use std::io::{self, Write};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Column, ColumnType, Error};

const DAY: i64 = 86_400_000_000;

pub(super) fn check_csv(columns: &[Column]) -> Result<(), Error> {
    let nested = |it: &&Column| matches!(it.kind, ColumnType::Array(_) | ColumnType::Struct(_));
    columns.iter().find(nested).map_or(Ok(()), |column| {
        Err(Error::Wrong(format!(
            "the column `{}` is {}, which CSV does not hold; declare it as json, or write jsonl or parquet",
            column.name, column.kind
        )))
    })
}

pub(super) fn csv_header(columns: &[Column]) -> String {
    let names: Vec<_> = columns.iter().map(|column| quoted(&column.name)).collect();
    format!("{}\n", names.join(","))
}

pub(super) fn csv(columns: &[Column], batch: &RecordBatch, out: &mut Vec<u8>) -> io::Result<()> {
    let mut cell = Vec::new();
    for row in 0..batch.num_rows() {
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let array = batch.column(index);
            if array.is_null(row) {
                continue;
            }
            match column.kind {
                ColumnType::String | ColumnType::Json => {
                    out.extend_from_slice(quoted(array.as_string::<i32>().value(row)).as_bytes());
                }
                _ => {
                    cell.clear();
                    json_value(&column.kind, array, row, &mut cell)?;
                    out.extend_from_slice(
                        cell.trim_ascii_start()
                            .strip_prefix(b"\"")
                            .map_or(&*cell, |it| it.strip_suffix(b"\"").unwrap_or(it)),
                    );
                }
            }
        }
        out.push(b'\n');
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.is_empty() {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

pub(super) fn jsonl(columns: &[Column], batch: &RecordBatch, out: &mut Vec<u8>) -> io::Result<()> {
    for row in 0..batch.num_rows() {
        out.push(b'{');
        let mut is_first = true;
        for (column, array) in columns.iter().zip(batch.columns()) {
            member(&column.name, &column.kind, array, row, &mut is_first, out)?;
        }
        out.extend_from_slice(b"}\n");
    }
    Ok(())
}

/// A member of an object; nothing for a null.
fn member(
    name: &str,
    kind: &ColumnType,
    array: &dyn Array,
    row: usize,
    is_first: &mut bool,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    if array.is_null(row) {
        return Ok(());
    }
    if !std::mem::take(is_first) {
        out.push(b',');
    }
    serde_json::to_writer(&mut *out, name)?;
    out.push(b':');
    json_value(kind, array, row, out)
}

/// Decimals and times are strings: readers that make floats of numbers do no harm to them.
fn json_value(
    kind: &ColumnType,
    array: &dyn Array,
    row: usize,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    if array.is_null(row) {
        return out.write_all(b"null");
    }
    match kind {
        ColumnType::String => Ok(serde_json::to_writer(out, array.as_string::<i32>().value(row))?),
        ColumnType::Json => out.write_all(array.as_string::<i32>().value(row).as_bytes()),
        ColumnType::Boolean => write!(out, "{}", array.as_boolean().value(row)),
        ColumnType::Int => write!(out, "{}", array.as_primitive::<Int32Type>().value(row)),
        ColumnType::Bigint => write!(out, "{}", array.as_primitive::<Int64Type>().value(row)),
        ColumnType::Double => double(array.as_primitive::<Float64Type>().value(row), out),
        ColumnType::Decimal { .. } => {
            write!(out, "\"{}\"", array.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        ColumnType::Date => {
            let (year, month, day) =
                civil(i64::from(array.as_primitive::<Date32Type>().value(row)));
            write!(out, "\"{year:04}-{month:02}-{day:02}\"")
        }
        ColumnType::Timestamp => {
            timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row), out)
        }
        ColumnType::Binary => {
            write!(out, "\"{}\"", STANDARD.encode(array.as_binary::<i32>().value(row)))
        }
        ColumnType::Array(items) => {
            let list = array.as_list::<i32>().value(row);
            out.push(b'[');
            for index in 0..list.len() {
                if index > 0 {
                    out.push(b',');
                }
                json_value(items, &list, index, out)?;
            }
            out.write_all(b"]")
        }
        ColumnType::Struct(fields) => {
            out.push(b'{');
            let mut is_first = true;
            for ((name, kind), child) in fields.iter().zip(array.as_struct().columns()) {
                member(name, kind, child, row, &mut is_first, out)?;
            }
            out.write_all(b"}")
        }
    }
}

/// JSON has no word for what is no number; strings stand for them.
fn double(value: f64, out: &mut Vec<u8>) -> io::Result<()> {
    if value.is_finite() {
        Ok(serde_json::to_writer(out, &value)?)
    } else {
        write!(out, "\"{value}\"")
    }
}

fn timestamp(micros: i64, out: &mut Vec<u8>) -> io::Result<()> {
    let (year, month, day) = civil(micros.div_euclid(DAY));
    let of_day = micros.rem_euclid(DAY);
    let (seconds, fraction) = (of_day / 1_000_000, of_day % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(
        out,
        "\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z\""
    )
}

/// Year, month and day of a day since 1970, counted in years that begin with March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = (shifted_month + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}
