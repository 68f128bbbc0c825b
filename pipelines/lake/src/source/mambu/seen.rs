//! The records of a table that is written anew, each once: one that changes while the table is read comes again, in a later
//! place.
//!
//! What was read lies in a file beside what is remembered, and a checkpoint says how much of the file counts: a slice that
//! goes on knows what the ones before it have read.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use stepwell_pipeline::HandlerError;
use xxhash_rust::xxh3::xxh3_128;

const KEY_BYTES: usize = 16;

/// The keys that were read of a split.
pub(super) struct Seen {
    file: File,
    path: PathBuf,
    keys: HashSet<u128>,
}

impl Seen {
    /// Those of a split as a checkpoint knows them: `count` of them. Blocks.
    ///
    /// # Errors
    /// [`HandlerError::Data`] if the file has fewer: the run has to begin anew. [`HandlerError::Config`] if it cannot be opened.
    pub(super) fn open(path: &Path, count: u64) -> Result<Self, HandlerError> {
        let unusable = |error: std::io::Error| {
            HandlerError::Config(format!(
                "{}: {error}; check that the folder can be written",
                path.display()
            ))
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        let length = count * KEY_BYTES as u64;
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(unusable)?;
        if file.metadata().map_err(unusable)?.len() < length {
            return Err(HandlerError::Data(format!(
                "{} does not have what was read any more; the next run begins anew",
                path.display()
            )));
        }
        file.set_len(length).map_err(unusable)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unusable)?;
        let (keys, _) = bytes.as_chunks::<KEY_BYTES>();
        let keys = keys.iter().map(|key| u128::from_le_bytes(*key)).collect();
        file.seek(SeekFrom::End(0)).map_err(unusable)?;
        Ok(Self { file, path: path.to_owned(), keys })
    }

    /// The split is read to its end.
    pub(super) fn remove(self) {
        // One that stays is written over, or lies about; it is not read.
        let _ = std::fs::remove_file(self.path);
    }

    /// How many were read.
    pub(super) fn count(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Leaves the records that are new, and has them on disk before their checkpoint is. Blocks.
    ///
    /// # Errors
    /// [`HandlerError::Retryable`] if the file cannot be written.
    pub(super) fn retain_new<T>(
        &mut self,
        records: &mut Vec<T>,
        key: impl Fn(&T) -> &str,
    ) -> Result<(), HandlerError> {
        let mut new = Vec::new();
        records.retain(|record| {
            let digest = xxh3_128(key(record).as_bytes());
            let is_new = self.keys.insert(digest);
            if is_new {
                new.extend(digest.to_le_bytes());
            }
            is_new
        });
        let written = self.file.write_all(&new).and_then(|()| self.file.sync_data());
        written.map_err(|error| {
            HandlerError::Retryable(format!("{} cannot be written: {error}", self.path.display()))
        })
    }
}
