//! The files: columns `time` and `value`, as CSV, JSON lines or Parquet.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::Point;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// With a header; nothing where a value is missing.
    Csv,
    /// The same, gzipped.
    CsvGzip,
    /// One object a line; null where a value is missing.
    Jsonl,
    /// Microseconds in UTC, and doubles.
    Parquet,
}

impl Format {
    /// How the name of a file ends.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::CsvGzip => "csv.gz",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    pub(super) fn write(self, points: &[Point]) -> Vec<u8> {
        const IN_MEMORY: &str = "memory takes everything";
        match self {
            Self::Csv => csv(points).into_bytes(),
            Self::CsvGzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(csv(points).as_bytes()).expect(IN_MEMORY);
                encoder.finish().expect(IN_MEMORY)
            }
            Self::Jsonl => jsonl(points).into_bytes(),
            Self::Parquet => parquet(points).expect(IN_MEMORY),
        }
    }
}

fn csv(points: &[Point]) -> String {
    let mut text = "time,value\n".to_owned();
    for Point { time, value } in points {
        let value = value.map(|it| it.to_string()).unwrap_or_default();
        writeln!(text, "{time},{value}").expect("texts take everything");
    }
    text
}

fn jsonl(points: &[Point]) -> String {
    let line = |point: &Point| {
        let object = serde_json::json!({"time": point.time.to_string(), "value": point.value});
        format!("{object}\n")
    };
    points.iter().map(line).collect()
}

fn parquet(points: &[Point]) -> Result<Vec<u8>, ParquetError> {
    let time = Type::primitive_type_builder("time", Physical::INT64)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
        .build()?;
    let value = Type::primitive_type_builder("value", Physical::DOUBLE)
        .with_repetition(Repetition::OPTIONAL)
        .build()?;
    let fields = vec![Arc::new(time), Arc::new(value)];
    let schema = Type::group_type_builder("schema").with_fields(fields).build()?;
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::default())?;
    let mut group = writer.next_row_group()?;
    let times: Vec<_> = points.iter().map(|it| it.time.as_microsecond()).collect();
    let values: Vec<_> = points.iter().filter_map(|it| it.value).collect();
    let levels: Vec<_> = points.iter().map(|it| i16::from(it.value.is_some())).collect();
    if let Some(mut column) = group.next_column()? {
        column.typed::<Int64Type>().write_batch(&times, None, None)?;
        column.close()?;
    }
    if let Some(mut column) = group.next_column()? {
        column.typed::<DoubleType>().write_batch(&values, Some(&levels), None)?;
        column.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(bytes)
}
