//! Reads a file as batches: streaming, with one batch in the making and one ahead.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read};

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::mpsc;

use crate::rows::{Rows, Unknown};
use crate::stores::Content;
use crate::{Column, Compression, Error, Format, Kind, Location, Rejected, Stores};

mod cast;
mod csv;
mod inference;
mod jsonl;
mod parquet;

pub use self::csv::CsvOptions;
pub use self::parquet::conform;

/// Batches of so many rows: small enough to be held twice, large enough to be worked on in columns.
const BATCH_ROWS: usize = 8192;

/// A batch of CSV or JSON lines ends behind so many bytes, too: a line has up to 64 MiB.
const BATCH_BYTES: usize = 16 << 20;

/// Of a file without declared columns, so many rows are looked at.
const INFERRED_ROWS: usize = 1000;

/// How to read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// What the file is; by default what its name tells.
    pub kind: Option<Kind>,
    /// The columns; by default those of the file, with types from its first 1,000 rows (Parquet: its own). Numbers with
    /// a fraction are then a `double`.
    pub columns: Option<Vec<Column>>,
    /// What separates the parts of flattened names, if records are flattened (JSON lines).
    pub flatten: Option<String>,
    /// What is done with fields that are not declared.
    pub unknown: Unknown,
    /// Whether a column that CSV or Parquet lacks is null everywhere, as in files from before it was declared.
    pub missing_is_null: bool,
    /// Rows in a batch.
    pub batch_rows: usize,
    /// So many rows are passed over first.
    pub skip_rows: u64,
    /// How CSV is written.
    pub csv: CsvOptions,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            kind: None,
            columns: None,
            flatten: None,
            unknown: Unknown::default(),
            missing_is_null: false,
            batch_rows: BATCH_ROWS,
            skip_rows: 0,
            csv: CsvOptions::default(),
        }
    }
}

impl ReadOptions {
    /// With these columns, everything else by default.
    pub fn of(columns: Vec<Column>) -> Self {
        Self { columns: Some(columns), ..Self::default() }
    }

    fn kind(&self, at: &Location) -> Result<Kind, Error> {
        self.kind.or_else(|| Kind::of(at.name())).ok_or_else(|| {
            Error::Wrong(format!(
                "{at} does not tell its format; end its name with .csv, .jsonl or .parquet (and .gz or .zst), or say the format"
            ))
        })
    }

    fn rows(&self, columns: &[Column]) -> Rows {
        match &self.flatten {
            Some(separator) => Rows::flattening(columns, self.unknown, separator),
            None => Rows::new(columns, self.unknown),
        }
    }
}

/// Rows of text on their way into batches, which end by their number or by their bytes.
struct Filling<'o> {
    options: &'o ReadOptions,
    rows: Rows,
    bytes: usize,
    end_row: u64,
}

impl<'o> Filling<'o> {
    fn new(options: &'o ReadOptions, columns: &[Column]) -> Self {
        Self { options, rows: options.rows(columns), bytes: 0, end_row: options.skip_rows }
    }

    /// A record of so many bytes has been added to the rows; the batch that ends with it.
    fn end_record(&mut self, bytes: usize) -> Option<Batch> {
        self.end_row += 1;
        self.bytes += bytes;
        let is_full = self.rows.len() == self.options.batch_rows || self.bytes >= BATCH_BYTES;
        is_full.then(|| self.batch())
    }

    /// What is in no batch yet.
    fn rest(mut self) -> Option<Batch> {
        (!self.rows.is_empty()).then(|| self.batch())
    }

    fn batch(&mut self) -> Batch {
        self.bytes = 0;
        Batch { end_row: self.end_row, ..self.rows.finish() }
    }
}

/// Rows that were read together.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The rows.
    pub rows: RecordBatch,
    /// What fits no row.
    pub rejected: Vec<Rejected>,
    /// The fields that are not declared.
    pub unknown: BTreeSet<String>,
    /// How many rows of the file there are up to here, rejected ones included: reading goes on behind them with
    /// [`ReadOptions::skip_rows`].
    pub end_row: u64,
}

/// The rows of a file. A row that does not fit is rejected and the others go on; a file that is damaged ends with an
/// error.
///
/// # Errors
/// [`Error`], by what should happen next.
pub async fn read(
    stores: &Stores,
    at: &Location,
    options: ReadOptions,
) -> Result<BoxStream<'static, Result<Batch, Error>>, Error> {
    let kind = options.kind(at)?;
    if kind.format == Format::Parquet {
        return parquet::read(stores, at, options).await;
    }
    let columns = match &options.columns {
        Some(columns) => columns.clone(),
        None => infer(stores, at, &options).await?,
    };
    let content = stores.content(at).await?;
    let (sender, receiver) = mpsc::channel(1);
    let at = at.clone();
    tokio::task::spawn_blocking(move || {
        let sink = Sink { sender, at: at.clone() };
        let outcome =
            unpacked(content, kind.compression, &at).and_then(|bytes| match kind.format {
                Format::Csv => csv::read(bytes, &columns, &options, &sink),
                Format::Jsonl | Format::Parquet => jsonl::read(bytes, &columns, &options, &sink),
            });
        if let Err(error) = outcome {
            sink.send(Err(error));
        }
    });
    Ok(stream_of(receiver))
}

/// The columns of a file, as they stand in it or as its first rows tell.
///
/// # Errors
/// [`Error`], by what should happen next.
pub async fn infer(
    stores: &Stores,
    at: &Location,
    options: &ReadOptions,
) -> Result<Vec<Column>, Error> {
    let kind = options.kind(at)?;
    if kind.format == Format::Parquet {
        return parquet::columns(stores, at).await;
    }
    let content = stores.content(at).await?;
    let (at, delimiter) = (at.clone(), options.csv);
    let inferred = tokio::task::spawn_blocking(move || {
        let bytes = unpacked(content, kind.compression, &at)?;
        match kind.format {
            Format::Csv => inference::of_csv(bytes, delimiter, &at),
            Format::Jsonl | Format::Parquet => inference::of_jsonl(bytes, &at),
        }
    });
    inferred.await.expect("looking at rows does not panic")
}

/// The rows of a file as it lies there: from the footer of Parquet, else by its lines and records.
///
/// # Errors
/// [`Error`], by what should happen next.
pub async fn count(stores: &Stores, at: &Location) -> Result<u64, Error> {
    let options = ReadOptions::default();
    let kind = options.kind(at)?;
    if kind.format == Format::Parquet {
        return parquet::count(stores, at).await;
    }
    let content = stores.content(at).await?;
    let at = at.clone();
    let counted = tokio::task::spawn_blocking(move || {
        let bytes = unpacked(content, kind.compression, &at)?;
        match kind.format {
            Format::Csv => csv::count(bytes, options.csv, &at),
            Format::Jsonl | Format::Parquet => jsonl::count(bytes, &at),
        }
    });
    counted.await.expect("counting does not panic")
}

/// Where a reading thread puts its batches.
struct Sink {
    sender: mpsc::Sender<Result<Batch, Error>>,
    at: Location,
}

impl Sink {
    /// False once nobody reads any more.
    fn send(&self, batch: Result<Batch, Error>) -> bool {
        self.sender.blocking_send(batch).is_ok()
    }
}

fn stream_of(
    receiver: mpsc::Receiver<Result<Batch, Error>>,
) -> BoxStream<'static, Result<Batch, Error>> {
    stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|batch| (batch, receiver))
    })
    .boxed()
}

/// The error of reading a file's bytes on their way: a lost connection says nothing of its content.
fn of_bytes(at: &Location, place: String, error: &io::Error) -> Error {
    let at = at.clone();
    match error.kind() {
        io::ErrorKind::ConnectionAborted => Error::Unreachable { at, reason: error.to_string() },
        _ => Error::Content { at, place, reason: error.to_string() },
    }
}

/// The bytes of the file, unpacked. Blocks.
fn unpacked(
    content: Content,
    compression: Compression,
    at: &Location,
) -> Result<BufReader<Box<dyn Read + Send>>, Error> {
    let bytes: Box<dyn Read + Send> = match content {
        Content::File(file) => Box::new(BufReader::with_capacity(1 << 17, file)),
        Content::Stream(stream) => Box::new(BufReader::with_capacity(1 << 17, Pumped::new(stream))),
    };
    let unpacked: Box<dyn Read + Send> = match compression {
        Compression::None | Compression::Snappy => bytes,
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        Compression::Zstd => {
            Box::new(zstd::Decoder::new(bytes).map_err(|error| Error::of_io(at, &error))?)
        }
    };
    Ok(BufReader::with_capacity(1 << 17, unpacked))
}

/// A stream of bytes for a thread that blocks.
struct Pumped {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Pumped {
    /// Must be called on a thread that knows its runtime, as those of `spawn_blocking` do.
    fn new(mut stream: BoxStream<'static, io::Result<Bytes>>) -> Self {
        let (sender, receiver) = mpsc::channel(4);
        tokio::runtime::Handle::current().spawn(async move {
            while let Some(bytes) = stream.next().await {
                if sender.send(bytes).await.is_err() {
                    return;
                }
            }
        });
        Self { receiver, current: Bytes::new() }
    }
}

impl Read for Pumped {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(bytes) => self.current = bytes?,
                None => return Ok(0),
            }
        }
        let count = into.len().min(self.current.len());
        into[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}
