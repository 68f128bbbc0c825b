//! Chunks that are durable and in no part yet: at the end of a slice they go to disk as they are, so that the part ends
//! where it would have ended without the pause.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::PathBuf;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::Rejected;

use super::Gathered;
use crate::ledger::Run;
use crate::world::World;

/// Where the chunks of a split lie between two slices.
pub(crate) struct Spool {
    folder: PathBuf,
}

/// What is beside the rows.
#[derive(Serialize, Deserialize)]
struct Rest {
    rows: usize,
    bytes: usize,
    rejected: Vec<Rejected>,
    unknown: BTreeSet<String>,
}

impl Spool {
    /// That of a run.
    pub(crate) fn of(world: &World, run: &Run) -> Result<Self, HandlerError> {
        Ok(Self { folder: world.file(&format!("lake-spool/{}/{}", run.dataset, run.run))? })
    }

    /// Removes all that a run has left.
    pub(crate) fn clear(&self) {
        // One that stays lies about; it is not read.
        let _ = std::fs::remove_dir_all(&self.folder);
    }

    /// Writes the chunks. Blocks.
    pub(crate) fn save(&self, name: &str, gathered: &Gathered) -> Result<(), HandlerError> {
        let written = || -> Result<(), Box<dyn std::error::Error>> {
            std::fs::create_dir_all(&self.folder)?;
            let path = self.folder.join(name);
            let mut file = File::create(path.with_extension("part"))?;
            let rest = Rest {
                rows: gathered.rows,
                bytes: gathered.bytes,
                rejected: gathered.rejected.clone(),
                unknown: gathered.unknown.clone(),
            };
            let rest = serde_json::to_vec(&rest)?;
            file.write_all(&(rest.len() as u64).to_le_bytes())?;
            file.write_all(&rest)?;
            if let Some(first) = gathered.batches.first() {
                let mut writer = StreamWriter::try_new_buffered(&mut file, &first.schema())?;
                for batch in &gathered.batches {
                    writer.write(batch)?;
                }
                writer.finish()?;
            }
            file.sync_all()?;
            std::fs::rename(path.with_extension("part"), &path)?;
            File::open(&self.folder)?.sync_all()?;
            Ok(())
        };
        written().map_err(|error| self.failed(name, &*error))
    }

    /// Reads the chunks back, batch by batch as they were. Blocks.
    pub(crate) fn load(&self, name: &str) -> Result<Gathered, HandlerError> {
        let read = || -> Result<Gathered, Box<dyn std::error::Error>> {
            let mut file = BufReader::new(File::open(self.folder.join(name))?);
            let mut length = [0; 8];
            std::io::Read::read_exact(&mut file, &mut length)?;
            let mut rest = vec![0; usize::try_from(u64::from_le_bytes(length))?];
            std::io::Read::read_exact(&mut file, &mut rest)?;
            let rest: Rest = serde_json::from_slice(&rest)?;
            let has_rows = !std::io::BufRead::fill_buf(&mut file)?.is_empty();
            let batches: Vec<RecordBatch> = if has_rows {
                StreamReader::try_new(file, None)?.collect::<Result<_, _>>()?
            } else {
                Vec::new()
            };
            let Rest { rows, bytes, rejected, unknown } = rest;
            Ok(Gathered { batches, rejected, unknown, rows, bytes })
        };
        read().map_err(|error| self.failed(name, &*error))
    }

    /// Removes chunks that are in a part now.
    pub(crate) fn remove(&self, name: &str) {
        // One that stays is written over, or lies about; it is not read.
        let _ = std::fs::remove_file(self.folder.join(name));
    }

    fn failed(&self, name: &str, error: &dyn std::error::Error) -> HandlerError {
        HandlerError::Fatal(format!(
            "{}: {error}; check the disk",
            self.folder.join(name).display()
        ))
    }
}
