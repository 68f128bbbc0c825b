//! Writes batches as a file whose bytes depend on its rows and settings alone.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::{Column, Compression, Error, Format, Kind, arrow_schema};

mod text;

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    /// What the file is to be.
    pub kind: Kind,
    /// The level of the compression, in its own scale.
    pub level: i32,
    /// Rows in a row group of Parquet.
    pub row_group_rows: usize,
}

impl WriteOptions {
    /// Zstandard's level 1: three quarters of the time of its level 3 for a few percent of size.
    const LEVEL_ZSTD: i32 = 1;
    const LEVEL_GZIP: i32 = 6;

    /// A file of this kind, with levels that are quick.
    pub fn of(kind: Kind) -> Self {
        let level = match kind.compression {
            Compression::Gzip => Self::LEVEL_GZIP,
            Compression::Zstd | Compression::None | Compression::Snappy => Self::LEVEL_ZSTD,
        };
        Self { kind, level, row_group_rows: 131_072 }
    }
}

/// Writes one file.
pub struct Writer<W: Write + Send> {
    columns: Arc<[Column]>,
    rows: u64,
    form: Form<W>,
}

enum Form<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Text { sink: Packed<W>, format: Format, line: Vec<u8> },
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file with these columns.
    ///
    /// # Errors
    /// [`Error::Wrong`] for columns that the format does not know, and for a level that its compression does not know.
    pub fn new(sink: W, columns: &[Column], options: &WriteOptions) -> Result<Self, Error> {
        let form = match options.kind.format {
            Format::Parquet => Form::Parquet(Box::new(parquet(sink, columns, options)?)),
            format => {
                let mut sink = Packed::new(sink, options)?;
                if format == Format::Csv {
                    text::check_csv(columns)?;
                    sink.write_all(text::csv_header(columns).as_bytes())
                        .map_err(|error| failed(&error))?;
                }
                Form::Text { sink, format, line: Vec::new() }
            }
        };
        Ok(Self { columns: columns.into(), rows: 0, form })
    }

    /// Appends rows, which have the columns of the file.
    ///
    /// # Errors
    /// [`Error::Unreachable`] if the sink fails, [`Error::Wrong`] for other columns.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.rows += batch.num_rows() as u64;
        match &mut self.form {
            Form::Parquet(writer) => writer.write(batch).map_err(|error| failed(&error)),
            Form::Text { sink, format, line } => {
                line.clear();
                match format {
                    Format::Csv => text::csv(&self.columns, batch, line),
                    Format::Jsonl | Format::Parquet => text::jsonl(&self.columns, batch, line),
                }
                .map_err(|error| failed(&error))?;
                sink.write_all(line).map_err(|error| failed(&error))
            }
        }
    }

    /// The rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The memory that is held for what is not written yet, in bytes.
    pub fn memory(&self) -> usize {
        match &self.form {
            Form::Parquet(writer) => writer.memory_size(),
            Form::Text { line, .. } => line.capacity(),
        }
    }

    /// Ends the file. What the sink still holds back is the caller's.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn finish(self) -> Result<W, Error> {
        match self.form {
            Form::Parquet(writer) => writer.into_inner().map_err(|error| failed(&error)),
            Form::Text { sink, .. } => sink.finish().map_err(|error| failed(&error)),
        }
    }
}

fn failed(error: &dyn std::error::Error) -> Error {
    Error::Wrong(format!("rows cannot be written: {}", crate::error::chain(error)))
}

/// Without Arrow's own copy of the schema, which other readers have no use for, and with the names of nested columns
/// that the format asks for.
fn parquet<W: Write + Send>(
    sink: W,
    columns: &[Column],
    options: &WriteOptions,
) -> Result<ArrowWriter<W>, Error> {
    let level = options.level;
    let codec = match options.kind.compression {
        Compression::None => Codec::UNCOMPRESSED,
        Compression::Snappy => Codec::SNAPPY,
        Compression::Gzip => u32::try_from(level)
            .ok()
            .and_then(|level| GzipLevel::try_new(level).ok())
            .map(Codec::GZIP)
            .ok_or_else(|| no_level(level))?,
        Compression::Zstd => {
            ZstdLevel::try_new(level).map(Codec::ZSTD).map_err(|_| no_level(level))?
        }
    };
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_max_row_group_row_count(Some(options.row_group_rows))
        .set_created_by("stepwell".to_owned())
        .set_coerce_types(true)
        .build();
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(sink, arrow_schema(columns), options)
        .map_err(|error| failed(&error))
}

fn no_level(level: i32) -> Error {
    Error::Wrong(format!("the compression has no level {level}"))
}

/// A sink that packs.
enum Packed<W: Write> {
    Plain(W),
    Gzip(Box<GzEncoder<W>>),
    Zstd(Box<zstd::Encoder<'static, W>>),
}

impl<W: Write> Packed<W> {
    fn new(sink: W, options: &WriteOptions) -> Result<Self, Error> {
        match options.kind.compression {
            Compression::None => Ok(Self::Plain(sink)),
            Compression::Snappy => {
                Err(Error::Wrong("snappy is for Parquet only; write gzip or zstd".to_owned()))
            }
            Compression::Gzip => {
                let level = u32::try_from(options.level).ok().filter(|level| *level <= 9);
                let level = level.ok_or_else(|| no_level(options.level))?;
                Ok(Self::Gzip(Box::new(GzEncoder::new(sink, flate2::Compression::new(level)))))
            }
            Compression::Zstd => {
                let encoder =
                    zstd::Encoder::new(sink, options.level).map_err(|error| failed(&error))?;
                Ok(Self::Zstd(Box::new(encoder)))
            }
        }
    }

    fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(sink) => Ok(sink),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(sink) => sink.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use futures_util::TryStreamExt;

    use super::*;
    use crate::rows::{Rows, Unknown};
    use crate::testing::stores;
    use crate::{Batch, Location, ReadOptions, read};

    const COLUMNS: [&str; 11] = [
        "s string",
        "b boolean",
        "i int",
        "l bigint",
        "x double",
        "d decimal(38,9)",
        "day date",
        "t timestamp",
        "raw binary",
        "j json",
        "n array<struct<a:int,t:timestamp>>",
    ];

    const RECORDS: [&str; 3] = [
        r#"{"s":"a \"b\",\nc","b":true,"i":-1,"l":9223372036854775807,"x":0.1,"d":12345678901234567890123456789.000000001,
            "day":"1969-12-31","t":"2026-03-01T00:00:00.000001Z","raw":"AAH/","j":{"b":1.50,"a":[null]},
            "n":[{"a":1,"t":"1969-12-31T23:59:59.999999Z"},null]}"#,
        r#"{"s":"","d":-0.5,"n":[]}"#,
        "{}",
    ];

    fn columns(flat: bool) -> Vec<Column> {
        let count = if flat { COLUMNS.len() - 1 } else { COLUMNS.len() };
        COLUMNS[..count].iter().map(|text| text.parse().unwrap()).collect()
    }

    fn batch(columns: &[Column]) -> RecordBatch {
        let mut rows = Rows::new(columns, Unknown::Ignore);
        for record in RECORDS {
            rows.json(record, &"record");
        }
        let made = rows.finish();
        assert_eq!(made.rejected, []);
        made.rows
    }

    fn written(columns: &[Column], name: &str) -> Vec<u8> {
        let options = WriteOptions::of(Kind::of(name).unwrap());
        let mut writer = Writer::new(Vec::new(), columns, &options).unwrap();
        writer.write(&batch(columns)).unwrap();
        assert_eq!(writer.rows(), 3);
        writer.finish().unwrap()
    }

    async fn read_back(folder: &Path, name: &str, columns: Vec<Column>) -> Vec<Batch> {
        let stores = stores(folder);
        let at: Location = name.parse().unwrap();
        read(&stores, &at, ReadOptions::of(columns)).await.unwrap().try_collect().await.unwrap()
    }

    #[tokio::test]
    async fn what_is_written_is_read_back_value_by_value() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["a.parquet", "a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.csv", "a.csv.gz", "a.csv.zst"]
        {
            let flat = name.contains("csv");
            let columns = columns(flat);
            let bytes = written(&columns, name);
            assert_eq!(bytes, written(&columns, name), "{name}: other bytes for the same rows");
            std::fs::write(folder.path().join(name), bytes).unwrap();
            let mut read = read_back(folder.path(), name, columns.clone()).await;
            assert_eq!(read.len(), 1, "{name}");
            let read = read.remove(0);
            assert_eq!((read.rejected, read.end_row), (vec![], 3), "{name}");
            let mut expected = batch(&columns);
            if flat {
                // CSV knows no empty text.
                let mut rows = Rows::new(&columns, Unknown::Ignore);
                for record in RECORDS {
                    rows.json(&record.replace("\"s\":\"\",", ""), &"record");
                }
                expected = rows.finish().rows;
            }
            assert_eq!(read.rows, expected, "{name}");
        }
    }

    #[test]
    fn what_a_format_cannot_hold_is_refused_by_name() {
        let options = WriteOptions::of(Kind::of("a.csv").unwrap());
        let told = Writer::new(Vec::new(), &columns(false), &options).err().unwrap().to_string();
        assert!(told.contains("`n`"), "{told}");
        let snappy = Kind { format: Format::Jsonl, compression: Compression::Snappy };
        assert!(Writer::new(Vec::new(), &columns(false), &WriteOptions::of(snappy)).is_err());
        let level = WriteOptions { level: 99, ..WriteOptions::of(Kind::of("a.csv.gz").unwrap()) };
        assert!(Writer::new(Vec::new(), &columns(true), &level).is_err());
    }
}
