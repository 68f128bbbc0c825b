//! Rows on their way into files: gathered into parts, sorted into partitions, written under the run's own folder.
//!
//! Where a part ends depends on the chunks of the source and the settings alone, so that a run that was interrupted
//! writes the same files, byte by byte.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use bytes::Bytes;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::{Column, Compression, Format, Kind, Location, Rejected, Stores, Writer};

use crate::dataset::Dataset;
use crate::ledger::{Part, Run};
use crate::source::Chunk;
use crate::target::{Target, folder};
use crate::world::told;

pub(crate) mod children;
mod partition;
mod spool;

pub(crate) use children::items;
pub(crate) use partition::{bounds, grouped};
pub(crate) use spool::Spool;

/// Chunks that are not written yet.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) rejected: Vec<Rejected>,
    pub(crate) unknown: BTreeSet<String>,
    rows: usize,
    bytes: usize,
}

impl Gathered {
    pub(crate) fn push(&mut self, chunk: Chunk) {
        self.rows += chunk.rows.num_rows() + chunk.rejected.len();
        self.bytes += memory(&chunk.rows);
        if chunk.rows.num_rows() > 0 {
            self.batches.push(chunk.rows);
        }
        self.rejected.extend(chunk.rejected);
        self.unknown.extend(chunk.unknown);
    }

    /// Whether a part ends here.
    pub(crate) fn is_full(&self, dataset: &Dataset) -> bool {
        self.rows >= dataset.part_rows || self.bytes >= dataset.part_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

/// The bytes that the values take, however they lie in memory: the same for the same rows.
fn memory(batch: &RecordBatch) -> usize {
    let slices =
        batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0));
    slices.sum()
}

/// A part of a split, ready to be written.
pub(crate) struct PartJob {
    pub(crate) stores: Stores,
    pub(crate) target: Target,
    pub(crate) dataset: Dataset,
    pub(crate) run: Run,
    pub(crate) split: String,
    pub(crate) ordinal: u32,
    pub(crate) gathered: Gathered,
}

impl PartJob {
    /// Writes the part's files. Once this returns they are durable.
    pub(crate) async fn write(self) -> Result<Vec<Part>, HandlerError> {
        let job = self;
        let (job, encoded) = tokio::task::spawn_blocking(move || {
            let encoded = job.encode();
            (job, encoded)
        })
        .await
        .map_err(|panic| HandlerError::Fatal(format!("writing a part panicked: {panic}")))?;
        let mut parts = Vec::new();
        for (part, bytes) in encoded? {
            let folder = job.target.table(&part.table).join(&folder(&part.partition, &job.run.run));
            job.stores.put(&folder.join(&part.name), bytes).await.map_err(told)?;
            parts.push(part);
        }
        job.keep_rejected().await?;
        Ok(parts)
    }

    fn encode(&self) -> Result<Vec<(Part, Bytes)>, HandlerError> {
        let dataset = &self.dataset;
        let mut encoded = Vec::new();
        for (partition, rows) in grouped(dataset, &self.gathered.batches)? {
            for child in &dataset.children {
                let columns = dataset.child_file_columns(child);
                let items: Vec<_> = rows
                    .iter()
                    .map(|rows| items(&columns, child, rows, Some(self.run.window.to)))
                    .collect::<Result<_, _>>()?;
                if items.iter().any(|it| it.num_rows() > 0) {
                    let table = dataset.child_table(child);
                    encoded.push(self.file(table, &partition, &columns, &items)?);
                }
            }
            let files: Vec<_> = rows
                .iter()
                .map(|rows| partition::published(dataset, rows, self.run.window.to))
                .collect::<Result<_, _>>()?;
            encoded.push(self.file(
                dataset.name.clone(),
                &partition,
                &dataset.file_columns(),
                &files,
            )?);
        }
        Ok(encoded)
    }

    fn file(
        &self,
        table: String,
        partition: &str,
        columns: &[Column],
        batches: &[RecordBatch],
    ) -> Result<(Part, Bytes), HandlerError> {
        let mut writer = Writer::new(Vec::new(), columns, &self.dataset.write).map_err(told)?;
        for batch in batches {
            writer.write(batch).map_err(told)?;
        }
        let rows = writer.rows();
        let bytes = Bytes::from(writer.finish().map_err(told)?);
        let extension = self.dataset.write.kind.extension();
        let name = format!("{}-{}-{:05}{extension}", self.run.run, self.split, self.ordinal);
        let part =
            Part { table, partition: partition.to_owned(), name, rows, bytes: bytes.len() as u64 };
        Ok((part, bytes))
    }

    /// Puts what fits no row into quarantine, whole and with its reason.
    async fn keep_rejected(&self) -> Result<(), HandlerError> {
        if self.gathered.rejected.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = self
            .gathered
            .rejected
            .iter()
            .map(|it| serde_json::to_string(it).map(|line| line + "\n"))
            .collect::<Result<_, _>>()
            .map_err(|error| HandlerError::Fatal(error.to_string()))?;
        let at = quarantine(&self.target, &self.dataset.name, &self.run.run)
            .join(&format!("{}-{:05}.jsonl", self.split, self.ordinal));
        self.stores.put(&at, Bytes::from(lines.concat())).await.map_err(told)
    }
}

/// Where a run puts the records that fit no row.
pub(crate) fn quarantine(target: &Target, table: &str, run: &str) -> Location {
    target.table(table).join("_quarantine").join(&format!("run={run}"))
}

/// How files of a kind are read back.
pub(crate) fn read_kind(name: &str) -> Kind {
    Kind::of(name).unwrap_or(Kind { format: Format::Parquet, compression: Compression::None })
}
