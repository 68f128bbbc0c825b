//! Objects as bytes for a thread that may block: opened, unpacked, listed.

mod listing;

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use stepwell_integrations::s3::Buckets;
use tokio::runtime::Handle;

use listing::{Listing, Visit};

/// Bytes that are read ahead.
const BUFFER_BYTES: usize = 128 * 1024;

/// The bytes of an object, unpacked.
pub(crate) type Bytes = BufReader<Box<dyn Read>>;

/// Opens objects. Its methods block.
pub(crate) struct Objects {
    pub(crate) buckets: Buckets,
    pub(crate) runtime: Handle,
}

impl Objects {
    /// The store and the path of an object.
    pub(crate) fn find(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<(Arc<dyn ObjectStore>, Path), String> {
        let store = self.runtime.block_on(self.buckets.bucket(bucket));
        let path = Path::parse(key).map_err(|error| error.to_string())?;
        Ok((store.map_err(|error| error.to_string())?, path))
    }

    /// The bytes of an object; what is packed with gzip or zstd is unpacked, however it is called.
    pub(crate) fn open(&self, bucket: &str, key: &str) -> Result<Bytes, String> {
        let (store, path) = self.find(bucket, key)?;
        let found = self.runtime.block_on(store.get(&path)).map_err(|error| words(&error))?;
        let stream = found.into_stream().map_err(io::Error::other).boxed();
        let streamed =
            Streamed { runtime: self.runtime.clone(), stream, current: Vec::new(), at: 0 };
        unpacked(streamed).map_err(|error| error.to_string())
    }

    /// Shows the objects whose keys begin with a prefix, by key, until `visit` says that nobody wants more.
    pub(crate) fn list(&self, bucket: &str, prefix: &str, visit: Visit<'_>) -> Result<(), String> {
        let (store, _) = self.find(bucket, "")?;
        let listing = Listing { store: &*store, runtime: &self.runtime, prefix };
        if self.buckets.list_in_order() {
            return listing.stream(visit);
        }
        let folder = listing.folder();
        listing.walk(folder.as_ref(), visit).map(drop)
    }
}

/// S3's words where there are some.
fn words(error: &object_store::Error) -> String {
    match error {
        object_store::Error::NotFound { .. } => "The specified key does not exist.".to_owned(),
        other => other.to_string(),
    }
}

fn unpacked(bytes: Streamed) -> io::Result<Bytes> {
    const GZIP: &[u8] = &[0x1f, 0x8b];
    const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
    let mut bytes = BufReader::with_capacity(BUFFER_BYTES, bytes);
    let start = bytes.fill_buf()?;
    let unpacked: Box<dyn Read> = if start.starts_with(GZIP) {
        Box::new(flate2::read::MultiGzDecoder::new(bytes))
    } else if start.starts_with(ZSTD) {
        Box::new(zstd::Decoder::with_buffer(bytes)?)
    } else {
        Box::new(bytes)
    };
    Ok(BufReader::with_capacity(BUFFER_BYTES, unpacked))
}

/// A stream of bytes for a thread that blocks.
struct Streamed {
    runtime: Handle,
    stream: BoxStream<'static, io::Result<bytes::Bytes>>,
    current: Vec<u8>,
    at: usize,
}

impl Read for Streamed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.current.len() {
            let Some(bytes) = self.runtime.block_on(self.stream.next()) else { return Ok(0) };
            self.current = bytes?.into();
            self.at = 0;
        }
        let count = into.len().min(self.current.len() - self.at);
        into[..count].copy_from_slice(&self.current[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
