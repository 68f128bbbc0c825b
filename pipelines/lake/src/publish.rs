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
use crate::published::{self, PublishedFile, PublishedPartition, Table, file_rows};
use crate::service::Service;
use crate::target::{folder, level, values};
use crate::world::told;
use crate::write::bounds;

/// Files below this size are worth putting together.
const SMALL_BYTES: u64 = 16 << 20;

/// A file that is put together is not larger than about this.
const LARGE_BYTES: u64 = 128 << 20;

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

impl Publishing<'_> {
    /// Publishes the table's part of the run; the partitions that changed.
    pub(crate) async fn publish(&self) -> Result<Vec<String>, HandlerError> {
        let Service { world, config, .. } = self.service;
        let before = published::table(&world.stores, &config.target, &self.table).await?;
        let before = before.unwrap_or_else(|| Table::new(&self.table));
        self.check_evolution(&before)?;
        let mut after = Table {
            columns: self.columns.clone(),
            key: self.dataset.key.clone(),
            partition_by: self.dataset.partition_by.clone(),
            version_by: self.dataset.version_by(),
            child_of: self.child_of.clone(),
            ..before.clone()
        };
        for (partition, parts) in self.by_partition(&before) {
            let old = before.partitions.get(&partition);
            let is_there = old.is_some_and(|it| it.runs.contains(&self.run.run));
            if !is_there {
                let new = self.partition(&before, &partition, old, parts).await?;
                after.partitions.insert(partition, new);
            }
        }
        if self.dataset.mode == Mode::Overwrite {
            after.partitions.retain(|_, it| it.runs.contains(&self.run.run));
        }
        if after == before {
            return Ok(Vec::new());
        }
        self.replace(&before, &after).await?;
        published::switch(&world.stores, &config.target, &after).await?;
        Ok(changed(&before, &after))
    }

    /// The parts of each partition that the run is about: in `overwrite_partitions` those of its window too that have
    /// no rows.
    fn by_partition(&self, before: &Table) -> BTreeMap<String, Vec<&Part>> {
        let mut found: BTreeMap<String, Vec<&Part>> = BTreeMap::new();
        for part in &self.parts {
            found.entry(part.partition.clone()).or_default().push(part);
        }
        if self.dataset.partition_by.is_empty() {
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
        let Service { world, config, .. } = self.service;
        let mut new = PublishedPartition {
            folder: folder(partition, &self.run.run),
            ..PublishedPartition::default()
        };
        if let Some(old) = old.filter(|_| self.dataset.mode == Mode::Append) {
            new.runs.clone_from(&old.runs);
            let merged = self.compacted(before, old, &new.folder, &parts).await?;
            let is_merged = merged.is_some();
            new.files = merged.unwrap_or_else(|| old.files.clone());
            if !is_merged {
                let table = config.target.table(&self.table);
                for file in &old.files {
                    let from = table.join(&old.folder).join(&file.name);
                    let to = table.join(&new.folder).join(&file.name);
                    world.stores.copy(&from, &to).await.map_err(told)?;
                }
            }
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

    /// The old files of a partition as fewer, larger ones, once there are too many small ones.
    async fn compacted(
        &self,
        before: &Table,
        old: &PublishedPartition,
        new_folder: &str,
        parts: &[&Part],
    ) -> Result<Option<Vec<PublishedFile>>, HandlerError> {
        let Service { world, config, .. } = self.service;
        let small = old.files.iter().filter(|file| file.bytes < SMALL_BYTES).count();
        if small + parts.len() < config.compact_files || before.columns != self.columns {
            return Ok(None);
        }
        let columns = before.file_columns();
        let mut merged = Merged {
            publishing: self,
            columns,
            folder: new_folder,
            files: Vec::new(),
            writer: None,
            bytes: 0,
        };
        for (file, name) in old.files.iter().zip(before.files(old)) {
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
        let (had, has) = (old.rows, merged.files.iter().map(|file| file.rows).sum::<u64>());
        if had != has {
            return Err(HandlerError::Fatal(format!(
                "compacting {} of `{}` gave {has} rows of {had}; nothing was switched",
                old.folder, self.table
            )));
        }
        Ok(Some(merged.files))
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

fn changed(before: &Table, after: &Table) -> Vec<String> {
    let is_other = |name: &&String| before.partitions.get(*name) != after.partitions.get(*name);
    let gone = before.partitions.keys().filter(|name| !after.partitions.contains_key(*name));
    after.partitions.keys().filter(is_other).chain(gone).cloned().collect()
}

/// The beginning of the time that a partition's path tells.
fn time_of(path: &str, level: &str, unit: Unit) -> Option<Timestamp> {
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
