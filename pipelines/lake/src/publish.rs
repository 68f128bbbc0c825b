//! From durable files to what readers see: counts are verified, partitions put together, one pointer switched, and what
//! it no longer names removed after a grace time.
//!
//! Every step may be repeated: names are the run's own, a partition remembers which runs it has.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use stepwell_pipeline::HandlerError;
use stepwell_tabular::{Column, Writer};

use crate::dataset::{Dataset, Mode, Unit};
use crate::ledger::{Part, Run};
use crate::published::{self, Found, PublishedFile, PublishedPartition, Table, file_rows};
use crate::service::Service;
use crate::target::{folder, level, values};
use crate::world::told;
use crate::write::{bounds, read_kind};

/// Files below this size are worth putting together.
const SMALL_BYTES: u64 = 16 << 20;

/// A file that is put together is not larger than about this.
const LARGE_BYTES: u64 = 128 << 20;

/// So many runs a partition remembers. One that is repeated is the newest.
const RUNS: usize = 16;

/// One table of a run.
pub(crate) struct Publishing<'a> {
    pub(crate) service: &'a Service,
    pub(crate) dataset: &'a Dataset,
    pub(crate) run: &'a Run,
    /// The table's name: the dataset's, or a child's.
    pub(crate) table: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) child_of: Option<String>,
    pub(crate) parts: Vec<Part>,
}

/// A table as it was found, and as it will be.
pub(crate) struct Prepared {
    found: Found,
    after: Table,
}

impl Publishing<'_> {
    /// The table as it is published now, if the run may be added to it: `cursor` is up to when the ledger knows it.
    pub(crate) async fn found(&self, cursor: Option<Timestamp>) -> Result<Found, HandlerError> {
        let Service { world, config, .. } = self.service;
        let found = published::found(&world.stores, &config.target, &self.table).await?;
        let before = &found.table;
        self.check_evolution(before)?;
        let expected = [cursor, Some(self.run.window.to)];
        let is_known = before.upto.is_none() || expected.contains(&before.upto);
        if !is_known && !self.dataset.is_read_whole() {
            return Err(other_ledger(&self.table, before.upto, cursor));
        }
        Ok(found)
    }

    /// Makes the new state of a table that was found, beside the old one.
    pub(crate) async fn prepare(&self, found: Found) -> Result<Prepared, HandlerError> {
        let before = &found.table;
        let mut after = Table {
            columns: self.columns.clone(),
            key: self.dataset.key.clone(),
            partition_by: self.dataset.partition_by.clone(),
            version_by: self.dataset.version_by(),
            child_of: self.child_of.clone(),
            upto: Some(self.run.window.to),
            ..before.clone()
        };
        for (partition, parts) in self.by_partition(before) {
            let old = before.partitions.get(&partition);
            let is_there = old.is_some_and(|it| it.runs.contains(&self.run.run));
            if !is_there {
                let new = self.partition(before, &partition, old, parts).await?;
                after.partitions.insert(partition, new);
            }
        }
        if self.dataset.mode == Mode::Overwrite {
            after.partitions.retain(|_, it| it.runs.contains(&self.run.run));
        }
        Ok(Prepared { found, after })
    }

    /// Publishes the new state; the partitions that changed.
    pub(crate) async fn switch(&self, prepared: Prepared) -> Result<Vec<String>, HandlerError> {
        let Prepared { found, after } = prepared;
        let before = &found.table;
        if after == *before {
            return Ok(Vec::new());
        }
        self.replace(before, &after).await?;
        let Service { world, config, .. } = self.service;
        published::switch(&world.stores, &config.target, &found, &after).await?;
        Ok(changed(before, &after))
    }

    /// The parts of each partition that the run is about: in `overwrite_partitions` those of its window too that have
    /// no rows. A log without anything new stays as it is.
    fn by_partition(&self, before: &Table) -> BTreeMap<String, Vec<&Part>> {
        let mut found: BTreeMap<String, Vec<&Part>> = BTreeMap::new();
        for part in &self.parts {
            found.entry(part.partition.clone()).or_default().push(part);
        }
        let is_kept = self.dataset.mode == Mode::Append && before.partitions.contains_key("");
        if self.dataset.partition_by.is_empty() && !is_kept {
            found.entry(String::new()).or_default();
        }
        if self.dataset.mode == Mode::OverwritePartitions {
            for name in self.window_partitions(before, &found) {
                found.entry(name).or_default();
            }
        }
        found
    }

    fn window_partitions(
        &self,
        before: &Table,
        found: &BTreeMap<String, Vec<&Part>>,
    ) -> Vec<String> {
        let Some((by, unit)) = self.dataset.time_partition() else { return Vec::new() };
        let first = || {
            let names = found.keys().filter_map(|name| time_of(name, &by.name, unit));
            names.min().unwrap_or(self.run.window.to)
        };
        let from = self.run.window.from.unwrap_or_else(first);
        let (_, names) = bounds(from, self.run.window.to, unit);
        let levels: Vec<_> = names.iter().map(|name| level(&by.name, Some(name))).collect();
        if self.dataset.partition_by.len() == 1 {
            return levels;
        }
        let known = before
            .partitions
            .keys()
            .filter(|path| path.split('/').any(|it| levels.iter().any(|level| level == it)));
        known.cloned().collect()
    }

    /// The new state of a partition. In a log the files that are there come along, as links or copies by the server.
    async fn partition(
        &self,
        before: &Table,
        partition: &str,
        old: Option<&PublishedPartition>,
        parts: Vec<&Part>,
    ) -> Result<PublishedPartition, HandlerError> {
        let mut new = PublishedPartition {
            folder: folder(partition, &self.run.run),
            ..PublishedPartition::default()
        };
        if let Some(old) = old.filter(|_| self.dataset.mode == Mode::Append) {
            let forgotten = (old.runs.len() + 1).saturating_sub(RUNS);
            new.runs = old.runs[forgotten..].to_vec();
            let (small, mut kept) = self.small_and_large(before, old, parts.len());
            self.take_along(old, &kept, &new.folder).await?;
            kept.extend(self.merged(before, old, &small, &new.folder).await?);
            new.files = kept;
        }
        new.files.extend(parts.iter().map(|part| PublishedFile {
            name: part.name.clone(),
            rows: part.rows,
            bytes: part.bytes,
        }));
        new.rows = new.files.iter().map(|file| file.rows).sum();
        new.runs.push(self.run.run.clone());
        Ok(new)
    }

    /// The old files of a partition that are to be put together, once there are too many small ones, and all others.
    fn small_and_large(
        &self,
        before: &Table,
        old: &PublishedPartition,
        new_parts: usize,
    ) -> (Vec<PublishedFile>, Vec<PublishedFile>) {
        let is_small = |file: &PublishedFile| file.bytes < SMALL_BYTES;
        let (small, large): (Vec<_>, Vec<_>) = old.files.iter().cloned().partition(is_small);
        let is_enough = small.len() + new_parts >= self.service.config.compact_files;
        if is_enough && before.columns == self.columns {
            (small, large)
        } else {
            (Vec::new(), old.files.clone())
        }
    }

    /// Files of a partition's old folder in its new one.
    async fn take_along(
        &self,
        old: &PublishedPartition,
        files: &[PublishedFile],
        new_folder: &str,
    ) -> Result<(), HandlerError> {
        let Service { world, config, .. } = self.service;
        let table = config.target.table(&self.table);
        for file in files {
            let from = table.join(&old.folder).join(&file.name);
            let to = table.join(new_folder).join(&file.name);
            world.stores.copy(&from, &to).await.map_err(told)?;
        }
        Ok(())
    }

    /// Files of a partition as fewer, larger ones.
    async fn merged(
        &self,
        before: &Table,
        old: &PublishedPartition,
        files: &[PublishedFile],
        new_folder: &str,
    ) -> Result<Vec<PublishedFile>, HandlerError> {
        let Service { world, config, .. } = self.service;
        let columns = before.file_columns();
        let mut merged = Merged {
            publishing: self,
            columns,
            folder: new_folder,
            files: Vec::new(),
            writer: None,
            bytes: 0,
        };
        for file in files {
            let name = format!("{}/{}", old.folder, file.name);
            let mut batches = file_rows(&world.stores, &config.target, before, &name).await?;
            while let Some(batch) = batches.try_next().await? {
                merged.write(&batch)?;
            }
            merged.bytes += file.bytes;
            if merged.bytes >= LARGE_BYTES {
                merged.end_file().await?;
            }
        }
        merged.end_file().await?;
        let rows = |files: &[PublishedFile]| files.iter().map(|file| file.rows).sum::<u64>();
        let (had, has) = (rows(files), rows(&merged.files));
        if had != has {
            return Err(HandlerError::Fatal(format!(
                "compacting {} of `{}` gave {has} rows of {had}; nothing was switched",
                old.folder, self.table
            )));
        }
        Ok(merged.files)
    }

    /// What the new state no longer names is to be removed, once nobody reads it any more. Recorded before the switch:
    /// what is still named then is not removed.
    async fn replace(&self, before: &Table, after: &Table) -> Result<(), HandlerError> {
        let files = before.partitions.values().flat_map(|partition| before.files(partition));
        let files = files.filter(|file| !after.has_file(file)).collect();
        let grace =
            SignedDuration::try_from(self.service.config.grace).unwrap_or(SignedDuration::MAX);
        let due = self.service.world.now().saturating_add(grace).unwrap_or(Timestamp::MAX);
        self.service.ledger().await?.replace(&self.table, files, due).await
    }

    /// Columns may come; those that are there keep their types and places in the path.
    fn check_evolution(&self, before: &Table) -> Result<(), HandlerError> {
        if before.partitions.is_empty() || self.dataset.mode == Mode::Overwrite {
            return Ok(());
        }
        if before.partition_by != self.dataset.partition_by {
            return Err(HandlerError::Config(format!(
                "the table `{}` has other partitions than `partition_by` says; take another name, or `mode = \"overwrite\"`",
                self.table
            )));
        }
        let format = self.dataset.write.kind.format;
        let mut files = before.partitions.values().flat_map(|partition| &partition.files);
        if let Some(file) = files.find(|file| read_kind(&file.name).format != format) {
            return Err(HandlerError::Config(format!(
                "the table `{}` has files of another `format`, as {}; put the old format back, take another name, or \
                 `mode = \"overwrite\"`",
                self.table, file.name
            )));
        }
        for old in &before.columns {
            let new = self.columns.iter().find(|column| column.name == old.name);
            if new.is_none_or(|new| new.kind != old.kind) {
                return Err(HandlerError::Config(format!(
                    "the table `{}` has the column `{} {}`, which is {} now; columns may come, not go or change: take \
                     another name for it, or `mode = \"overwrite\"`",
                    self.table,
                    old.name,
                    old.kind,
                    new.map_or("gone".to_owned(), |new| new.kind.to_string())
                )));
            }
        }
        Ok(())
    }
}

/// Files that are put together.
struct Merged<'a> {
    publishing: &'a Publishing<'a>,
    columns: Vec<Column>,
    folder: &'a str,
    files: Vec<PublishedFile>,
    writer: Option<Writer<Vec<u8>>>,
    bytes: u64,
}

impl Merged<'_> {
    fn write(&mut self, batch: &arrow::array::RecordBatch) -> Result<(), HandlerError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::new(Vec::new(), &self.columns, &self.publishing.dataset.write)
                .map_err(told)?,
        };
        self.writer.insert(writer).write(batch).map_err(told)
    }

    async fn end_file(&mut self) -> Result<(), HandlerError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let Publishing { service, dataset, run, table, .. } = self.publishing;
        let rows = writer.rows();
        let bytes = Bytes::from(writer.finish().map_err(told)?);
        let extension = dataset.write.kind.extension();
        let name = format!("{}-merged-{:05}{extension}", run.run, self.files.len());
        let size = bytes.len() as u64;
        let at = service.config.target.table(table).join(self.folder).join(&name);
        service.world.stores.put(&at, bytes).await.map_err(told)?;
        self.files.push(PublishedFile { name, rows, bytes: size });
        self.bytes = 0;
        Ok(())
    }
}

/// What is said where a table is up to another time than the ledger knows: two of them write it, or one was lost. Going on
/// would read again what is there, or leave out what is not.
pub(crate) fn other_ledger(
    table: &str,
    upto: Option<Timestamp>,
    cursor: Option<Timestamp>,
) -> HandlerError {
    let told = |time: Option<Timestamp>| time.map_or("nothing".to_owned(), |time| time.to_string());
    HandlerError::Config(format!(
        "the table `{table}` is read up to {}, and this project's ledger, lake.db, knows up to {}: another project writes it, \
         or the ledger is another one. Put the ledger back that belongs to it, take another `database` or name, or remove \
         the table's folder, so that it is read anew",
        told(upto),
        told(cursor)
    ))
}

fn changed(before: &Table, after: &Table) -> Vec<String> {
    let is_other = |name: &&String| before.partitions.get(*name) != after.partitions.get(*name);
    let gone = before.partitions.keys().filter(|name| !after.partitions.contains_key(*name));
    after.partitions.keys().filter(is_other).chain(gone).cloned().collect()
}

/// The beginning of the time that a partition's path tells.
pub(crate) fn time_of(path: &str, level: &str, unit: Unit) -> Option<Timestamp> {
    let values = values(path);
    let (_, value) = values.iter().find(|(name, _)| name == level)?;
    let value = value.as_deref()?;
    let text = match unit {
        Unit::Month => format!("{value}-01T00:00:00Z"),
        Unit::Day => format!("{value}T00:00:00Z"),
        Unit::Hour => format!("{}T{}:00:00Z", value.get(..10)?, value.get(11..)?),
    };
    text.parse().ok()
}

/// Looks at every file of a run where it lies: it has the rows and bytes that the ledger says.
pub(crate) async fn verify(
    service: &Service,
    run: &Run,
    parts: &[Part],
) -> Result<(), HandlerError> {
    let Service { world, config, .. } = service;
    for part in parts {
        let folder = folder(&part.partition, &run.run);
        let at = config.target.table(&part.table).join(&folder).join(&part.name);
        let rows = stepwell_tabular::count(&world.stores, &at).await.map_err(told)?;
        let bytes = world.stores.size(&at).await.map_err(told)?;
        if (rows, bytes) != (part.rows, part.bytes) {
            return Err(HandlerError::Fatal(format!(
                "{at} has {rows} rows in {bytes} bytes where {} in {} were written; nothing was published",
                part.rows, part.bytes
            )));
        }
    }
    Ok(())
}

/// Removes files that were replaced long enough ago and that nothing names again.
pub(crate) async fn sweep(service: &Service, table: &str) -> Result<u64, HandlerError> {
    let Service { world, config, .. } = service;
    let ledger = service.ledger().await?;
    let due = ledger.due(table, world.now()).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let now = published::table(&world.stores, &config.target, table).await?;
    let mut removed = 0;
    for file in due {
        if !now.as_ref().is_some_and(|table| table.has_file(&file)) {
            world.stores.delete(&config.target.table(table).join(&file)).await.map_err(told)?;
            removed += 1;
        }
        ledger.removed(table, file).await?;
    }
    Ok(removed)
}
