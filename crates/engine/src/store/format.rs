//! How journal entries become bytes. Each row of the journal names the format of its bytes.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use stepwell_machine::Entry;

use crate::limits::COMPRESSED_BYTES_MIN;

/// The format of the entries of one journal row. A number, once written, is reserved for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryFormat(pub(crate) i64);

impl EntryFormat {
    /// A JSON array of entries.
    const JSON: Self = Self(1);

    /// The same, compressed with zlib. Every state repeats its data when it is entered and left; of data up
    /// to 32 KiB, the window of zlib, a row so holds about one copy.
    const ZLIB_JSON: Self = Self(2);
}

/// The fastest level that finds what is repeated as far back as the window reaches; level 1 does not.
const LEVEL: Compression = Compression::new(2);

/// A row of the journal that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("journal entries of the unknown format {0}")]
    Format(i64),
    #[error("journal entries that cannot be decompressed: {0}")]
    Compressed(#[from] std::io::Error),
    #[error("journal entries that are no entries: {0}")]
    Entries(#[from] serde_json::Error),
}

/// Turns entries into bytes; reused from row to row to spare the allocator.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    json: Vec<u8>,
    compressed: Vec<u8>,
}

impl Encoder {
    /// The bytes of entries and their format.
    pub(crate) fn encode(&mut self, entries: &[Entry]) -> (EntryFormat, &[u8]) {
        self.json.clear();
        serde_json::to_writer(&mut self.json, entries)
            .expect("entries are JSON and a buffer takes all");
        if self.json.len() < COMPRESSED_BYTES_MIN {
            return (EntryFormat::JSON, &self.json);
        }
        self.compressed.clear();
        let mut encoder = ZlibEncoder::new(&mut self.compressed, LEVEL);
        encoder
            .write_all(&self.json)
            .and_then(|()| encoder.finish().map(drop))
            .expect("a buffer takes all");
        (EntryFormat::ZLIB_JSON, &self.compressed)
    }
}

/// Reads the bytes of entries.
pub(crate) fn decode(format: EntryFormat, bytes: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    match format {
        EntryFormat::JSON => Ok(serde_json::from_slice(bytes)?),
        EntryFormat::ZLIB_JSON => {
            let mut json = Vec::with_capacity(bytes.len() * 8);
            ZlibDecoder::new(bytes).read_to_end(&mut json)?;
            Ok(serde_json::from_slice(&json)?)
        }
        EntryFormat(unknown) => Err(Unreadable::Format(unknown)),
    }
}
