//! The files of a store, and what a crash does to them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rusqlite::Connection;
use tempfile::TempDir;

/// SQLite's write-ahead log: a header, then frames of a page each.
const WAL_HEADER_BYTES: u64 = 32;
const WAL_FRAME_BYTES: u64 = 24 + 4_096;

/// The directory of a store.
#[derive(Debug)]
pub(crate) struct Disk(TempDir);

/// The batches of all executions by their ids, as they were written.
pub(crate) type Journal = BTreeMap<i64, Vec<u8>>;

impl Disk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory for the store"))
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.path().join("sim.db")
    }

    /// The files as they are at this moment, which is what the end of the process leaves.
    pub(crate) fn after_crash(&self) -> Self {
        let copy = Self::new();
        for path in [self.store(), wal(&self.store())] {
            if path.exists() {
                let name = path.file_name().expect("it is a file");
                fs::copy(&path, copy.0.path().join(name)).expect("files can be copied");
            }
        }
        copy
    }

    /// What is committed to the journal, byte by byte: reading the histories instead takes longer than all else.
    pub(crate) fn journal(&self) -> Journal {
        let connection = Connection::open(self.store()).expect("the store can be read");
        let mut rows =
            connection.prepare("SELECT id, entries FROM journal").expect("there is a journal");
        let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?)));
        rows.and_then(Iterator::collect).expect("the journal can be read")
    }

    /// Cuts off or garbles the log behind its first `pages` pages, somewhere.
    pub(crate) fn tear(&self, pages: u32, random: &mut ChaCha8Rng) {
        let path = wal(&self.store());
        let Ok(length) = fs::metadata(&path).map(|metadata| metadata.len()) else { return };
        let safe = WAL_HEADER_BYTES + u64::from(pages) * WAL_FRAME_BYTES;
        if length <= safe {
            return;
        }
        let place = random.random_range(safe..length);
        let file = File::options().write(true).open(&path).expect("the log can be written");
        if random.random() {
            file.set_len(place).expect("the log can be cut off");
        } else {
            garble(file, place, random);
        }
    }
}

fn garble(mut file: File, place: u64, random: &mut ChaCha8Rng) {
    let noise: [u8; 16] = random.random();
    file.seek(SeekFrom::Start(place)).expect("the place is in the log");
    file.write_all(&noise).expect("the log can be written");
}

fn wal(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}
