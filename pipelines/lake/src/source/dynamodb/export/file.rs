//! One data file as chunks: fetched, unpacked, decoded and checked as it comes, on a thread of its own.
//!
//! The last chunk of a file leaves only after its digest and its number of items were found right.

use std::io::{BufRead as _, BufReader, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use md5::{Digest as _, Md5};
use stepwell_pipeline::HandlerError;
use stepwell_tabular::Location;
use tokio::sync::mpsc;

use super::super::decode::Decoder;
use super::lines::Lines;
use super::manifest::DataFile;
use super::{Checkpoint, unreadable};
use crate::source::{Chunk, Stop};

/// Rows of a chunk, and the bytes after which it ends although it has fewer: items have up to 400 KB.
const CHUNK_RECORDS: usize = 16_384;
const CHUNK_BYTES: usize = 16 << 20;
/// Blocks that are fetched ahead, chunks that wait to be taken.
const BLOCKS_AHEAD: usize = 4;
const CHUNKS_AHEAD: usize = 1;

/// What a thread reads.
pub(super) struct Job {
    pub(super) at: Location,
    pub(super) file: DataFile,
    pub(super) lines: Lines,
    pub(super) decoder: Decoder,
    /// The place of the file, and the lines of it that are durable already.
    pub(super) from: Checkpoint,
}

/// Starts to read; the thread ends when the stream of chunks is dropped.
pub(super) fn chunks(
    job: Job,
    mut body: BoxStream<'static, object_store::Result<Bytes>>,
) -> mpsc::Receiver<Result<Chunk, Stop>> {
    let (blocks, unread) = mpsc::channel(BLOCKS_AHEAD);
    let at = job.at.clone();
    tokio::spawn(async move {
        while let Some(block) = body.next().await {
            let block = block.map_err(|error| unreadable(&at, &error));
            if blocks.send(block).await.is_err() {
                return;
            }
        }
    });
    let (chunks, read) = mpsc::channel(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(stop) = job.run(unread, &chunks) {
            // Nobody waits for it if the stream was dropped.
            let _ = chunks.blocking_send(Err(stop));
        }
    });
    read
}

impl Job {
    fn run(
        mut self,
        blocks: mpsc::Receiver<Result<Bytes, HandlerError>>,
        chunks: &mpsc::Sender<Result<Chunk, Stop>>,
    ) -> Result<(), Stop> {
        #[expect(
            clippy::case_sensitive_file_extension_comparisons,
            reason = "a key in S3 is case-sensitive, and DynamoDB writes `.gz`"
        )]
        let packed = self.file.key.ends_with(".gz");
        let blocks =
            Blocks { fetched: blocks, block: Bytes::new(), digest: Md5::new(), failed: None };
        let mut reader = BufReader::with_capacity(1 << 16, Unpacked::new(blocks, packed));
        let (mut line, mut number, mut bytes, mut items) = (Vec::new(), 0_u64, 0, 0_u64);
        loop {
            line.clear();
            if let Err(error) = reader.read_until(b'\n', &mut line) {
                return Err(self.damaged(reader.into_inner().into_blocks(), &error).into());
            }
            if line.is_empty() {
                break;
            }
            number += 1;
            let content = line.trim_ascii();
            if content.is_empty() {
                continue;
            }
            if number <= self.from.lines {
                items += u64::from(content != b"$ion_1_0");
                continue;
            }
            let place = Place { at: &self.at, line: number };
            items += u64::from(self.lines.push(&mut self.decoder, content, &place));
            bytes += content.len();
            if self.decoder.records() >= CHUNK_RECORDS || bytes >= CHUNK_BYTES {
                bytes = 0;
                let checkpoint = Checkpoint { lines: number, ..self.from };
                // Held back while it might be the last one: only a file that is right as a whole ends.
                if reader.fill_buf().is_ok_and(<[u8]>::is_empty) {
                    break;
                }
                if chunks.blocking_send(Ok(self.decoder.finish(checkpoint.into()))).is_err() {
                    return Ok(());
                }
            }
        }
        self.check(reader.into_inner().into_blocks(), items)?;
        if self.decoder.records() > 0 {
            let checkpoint =
                Checkpoint { file: self.from.file + 1, lines: 0, export: self.from.export };
            let _ = chunks.blocking_send(Ok(self.decoder.finish(checkpoint.into())));
        }
        Ok(())
    }

    fn check(&self, mut blocks: Blocks, items: u64) -> Result<(), HandlerError> {
        // What stands behind the packed part belongs to the file as well.
        let rest = std::io::copy(&mut blocks, &mut std::io::sink());
        if let (Err(_), Some(failed)) = (rest, blocks.failed.take()) {
            return Err(failed);
        }
        let wrong = |reason: String| {
            Err(HandlerError::Data(format!(
                "`{}` {reason}; the export is damaged, copy it again",
                self.at
            )))
        };
        if !self.file.md5_checksum.is(&blocks.digest.finalize()) {
            return wrong("has not the MD5 that its manifest says".to_owned());
        }
        if items != self.file.item_count {
            return wrong(format!("has {items} items, its manifest says {}", self.file.item_count));
        }
        Ok(())
    }

    fn damaged(&self, blocks: Blocks, error: &std::io::Error) -> HandlerError {
        let unpacked = || {
            HandlerError::Data(format!(
                "`{}` cannot be unpacked: {error}; the export is damaged, copy it again",
                self.at
            ))
        };
        blocks.failed.unwrap_or_else(unpacked)
    }
}

/// `export/data/a.json.gz, line 17`
struct Place<'a> {
    at: &'a Location,
    line: u64,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}", self.at, self.line)
    }
}

enum Unpacked {
    Gzip(Box<MultiGzDecoder<BufReader<Blocks>>>),
    Plain(Blocks),
}

impl Unpacked {
    fn new(blocks: Blocks, packed: bool) -> Self {
        if packed {
            Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 16, blocks))))
        } else {
            Self::Plain(blocks)
        }
    }

    fn into_blocks(self) -> Blocks {
        match self {
            Self::Gzip(decoder) => decoder.into_inner().into_inner(),
            Self::Plain(blocks) => blocks,
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(into),
            Self::Plain(blocks) => blocks.read(into),
        }
    }
}

/// The blocks of a body as one reader, which takes the digest of what it gives.
struct Blocks {
    fetched: mpsc::Receiver<Result<Bytes, HandlerError>>,
    block: Bytes,
    digest: Md5,
    failed: Option<HandlerError>,
}

impl Read for Blocks {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.block.is_empty() {
            match self.fetched.blocking_recv() {
                None => return Ok(0),
                Some(Ok(block)) => self.block = block,
                Some(Err(error)) => {
                    let told = std::io::Error::other(error.to_string());
                    self.failed = Some(error);
                    return Err(told);
                }
            }
        }
        let length = into.len().min(self.block.len());
        let taken = self.block.split_to(length);
        into[..length].copy_from_slice(&taken);
        self.digest.update(&taken);
        Ok(length)
    }
}
