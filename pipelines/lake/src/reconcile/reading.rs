//! Both sides into files of this machine, in slices: the source by its splits, the lake by the partitions that were
//! published when it was pinned.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, Schema, SchemaRef};
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use stepwell_pipeline::HandlerError;
use stepwell_tabular::{Column, arrow_schema};

use super::checkpoint::{Checkpoint, Count};
use super::kept::{load, save, unremovable};
use super::lake::{ChildTable, Pinned, Subject};
use super::proof::Level;
use super::sheet::countable;
use super::spool::SpoolFile;
use super::steps::Steps;
use crate::dataset::{CHANGED_AT, DELETED, INGESTED_AT};
use crate::publish::time_of;
use crate::published::Table;
use crate::source::{Read, Source, Split, Stop, Window};

/// A partition of a pinned table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The table, by its place among the pinned ones.
    pub(super) table: usize,
    partition: &'a str,
}

/// What of a pinned lake may hold events from `from` on, always in the same order.
pub(super) fn places<'a>(
    subject: &Subject,
    pinned: &'a Pinned,
    from: Option<Timestamp>,
) -> Vec<Place<'a>> {
    // What begins before may end after it: the longest unit is a month.
    let far_before = from.and_then(|it| it.checked_sub(SignedDuration::from_hours(31 * 24)).ok());
    let is_before = |path: &str| {
        let (Some(limit), Some((level, unit))) = (far_before, &subject.time_level) else {
            return false;
        };
        time_of(path, level, *unit).is_some_and(|start| start < limit)
    };
    let of_table = |(table, it): (usize, &'a Table)| {
        let paths = it.partitions.keys().filter(|path| !is_before(path));
        paths.map(move |partition| Place { table, partition }).collect::<Vec<_>>()
    };
    pinned.tables.iter().enumerate().flat_map(of_table).collect()
}

impl Steps<'_> {
    /// Asks the source for the number of its rows, once.
    pub(super) async fn count(
        &self,
        at: &mut Checkpoint,
        cutoff: Timestamp,
    ) -> Result<Option<u64>, HandlerError> {
        if let Some(Count { rows }) = at.counted {
            return Ok(rows);
        }
        let rows = self.count_now(at, cutoff).await?;
        at.counted = Some(Count { rows });
        Ok(rows)
    }

    pub(super) async fn count_now(
        &self,
        at: &Checkpoint,
        cutoff: Timestamp,
    ) -> Result<Option<u64>, HandlerError> {
        let window = at.counted_window(self.subject, cutoff);
        self.lake.source(&self.subject.name).await?.count(&window).await
    }

    /// Reads what is left of the source; the wait if there is more.
    pub(super) async fn read_source(
        &self,
        at: &mut Checkpoint,
        cutoff: Timestamp,
    ) -> Result<Option<Duration>, HandlerError> {
        let source = self.lake.source(&self.subject.name).await?;
        let window = at.window(self.subject, cutoff);
        let splits = self.splits(source.as_ref(), &window, at.look).await?;
        let run = format!("proof of {} until {}", self.subject.name, window.to);
        while let Some(split) = splits.get(at.splits) {
            let read = Read { window: &window, split, after: None, run: &run, ctx: self.ctx };
            match self.read_split(source.as_ref(), read, at, cutoff).await? {
                SplitRead::Whole => {
                    at.splits += 1;
                    at.after = None;
                }
                SplitRead::Part(wait) => return Ok(Some(wait)),
            }
        }
        Ok(None)
    }

    /// The splits of this look. They are asked for once: files may come and go between slices.
    async fn splits(
        &self,
        source: &dyn Source,
        window: &Window,
        look: u32,
    ) -> Result<Vec<Split>, HandlerError> {
        let path = self.folder.join(format!("splits-{look}.json"));
        if let Some(splits) = load(&path)? {
            return Ok(splits);
        }
        let splits = source.splits(window).await?;
        save(&path, &splits)?;
        Ok(splits)
    }

    async fn read_split(
        &self,
        source: &dyn Source,
        read: Read<'_>,
        at: &mut Checkpoint,
        cutoff: Timestamp,
    ) -> Result<SplitRead, HandlerError> {
        let name = source_file(at.look, at.source_files);
        let (span, _) = at.spans(self.subject, cutoff);
        let mut file = SpoolFile::create(self.folder, &name, &self.subject.schema)?;
        let after = at.after.clone();
        let mut chunks = source.read(Read { after: after.as_ref(), ..read });
        let mut next = after.clone();
        // At least one chunk, however short the slice: or nothing would ever be read.
        let end = loop {
            match chunks.next().await {
                None => break SplitRead::Whole,
                Some(Ok(chunk)) => {
                    file.write(&chunk.rows)?;
                    at.countable += countable(self.subject, span, &chunk.rows)?;
                    at.rejected += chunk.rejected.len() as u64;
                    next = Some(chunk.checkpoint);
                }
                Some(Err(Stop::NotNow { wait, checkpoint })) => {
                    next = checkpoint.or(next);
                    break SplitRead::Part(wait);
                }
                Some(Err(Stop::Failed(error) | Stop::GivenUp { error, .. })) => return Err(error),
            }
            if self.ctx.slice_is_over() {
                break SplitRead::Part(Duration::ZERO);
            }
        };
        file.finish()?;
        at.source_files += 1;
        at.after = next;
        Ok(end)
    }

    /// Reads what is left of the lake; false if the slice is over first.
    pub(super) async fn read_lake(
        &self,
        at: &mut Checkpoint,
        pinned: &Pinned,
    ) -> Result<bool, HandlerError> {
        let tables: Vec<_> =
            pinned.tables.iter().map(|table| self.wanted(table, &pinned.tables)).collect();
        for place in places(self.subject, pinned, at.from).into_iter().skip(at.partitions) {
            let name = lake_file(at.lake_look, at.partitions);
            let schema = self.spooled(&tables[place.table]);
            let mut file = SpoolFile::create(self.folder, &name, &schema)?;
            let mut rows = self.lake.rows(&tables[place.table], place.partition).await?;
            while let Some(batch) = rows.next().await {
                file.write(&batch?)?;
            }
            file.finish()?;
            at.partitions += 1;
            if self.ctx.slice_is_over() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A pinned table with the columns that are looked at. What stands in the path of a parent's partition is not among a
    /// child's columns, but may be in its key.
    pub(super) fn wanted(&self, table: &Table, pinned: &[Table]) -> Table {
        let parent = pinned.iter().filter(|it| it.name == self.subject.name);
        let in_path = parent.flat_map(|parent| &parent.columns).filter(|column| {
            table.partition_by.iter().any(|by| by.unit.is_none() && by.column == column.name)
                && !table.columns.iter().any(|it| it.name == column.name)
        });
        let columns: Vec<Column> = table.columns.iter().chain(in_path).cloned().collect();
        let columns = columns.into_iter().filter(|column| self.is_wanted(table, &column.name));
        Table { columns: columns.collect(), ..table.clone() }
    }

    fn is_wanted(&self, table: &Table, column: &str) -> bool {
        let subject = self.subject;
        let is_stamp = [INGESTED_AT, CHANGED_AT, DELETED].contains(&column)
            || subject.event_time.as_deref() == Some(column);
        let is_key = subject.key.iter().any(|it| it == column);
        let is_compared = match subject.children.iter().find(|it| it.name == table.name) {
            Some(child) => child.columns.iter().any(|it| it.name == column),
            None => subject.schema.field_with_name(column).is_ok(),
        };
        is_stamp || is_key || is_compared && self.level == Level::Rows
    }

    /// What a file of a table of the lake has: what both sides have, and when each row changed and came.
    pub(super) fn spooled(&self, table: &Table) -> SchemaRef {
        let subject = self.subject;
        let child = subject.children.iter().find(|it| it.name == table.name);
        let both = child.map_or_else(|| Arc::clone(&subject.schema), ChildTable::schema);
        let is_wanted = |field: &&Arc<Field>| self.is_wanted(table, field.name());
        let mut fields: Vec<_> = both.fields().iter().filter(is_wanted).cloned().collect();
        let stamps = arrow_schema(&table.columns);
        let more = stamps.fields().iter().filter(|it| both.field_with_name(it.name()).is_err());
        fields.extend(more.cloned());
        Arc::new(Schema::new(fields))
    }

    /// The files of one look at the source.
    pub(super) fn source_paths(&self, at: &Checkpoint) -> Vec<PathBuf> {
        (0..at.source_files).map(|file| self.folder.join(source_file(at.look, file))).collect()
    }

    /// The files of one pinned table.
    pub(super) fn lake_paths(
        &self,
        at: &Checkpoint,
        pinned: &Pinned,
        table: usize,
    ) -> Vec<PathBuf> {
        let places = places(self.subject, pinned, at.from);
        let of_table = places.iter().enumerate().filter(|(_, place)| place.table == table);
        of_table.map(|(file, _)| self.folder.join(lake_file(at.lake_look, file))).collect()
    }
}

enum SplitRead {
    Whole,
    /// There is more, after a wait.
    Part(Duration),
}

/// Removes the files of looks before this one, but for the lake's that are still compared.
pub(super) fn remove_earlier(folder: &Path, at: &Checkpoint) -> Result<(), HandlerError> {
    let Ok(files) = fs::read_dir(folder) else { return Ok(()) };
    let is_earlier = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut parts = name.split('-');
        let (side, look) = (parts.next(), parts.next().and_then(|it| it.parse::<u32>().ok()));
        look.is_some_and(|look| match side {
            Some("source") => look < at.look,
            Some("lake") => look < at.lake_look,
            _ => false,
        })
    };
    for path in files.flatten().map(|entry| entry.path()).filter(is_earlier) {
        fs::remove_file(&path).map_err(|error| unremovable(&path, &error))?;
    }
    Ok(())
}

fn source_file(look: u32, file: usize) -> String {
    format!("source-{look}-{file:05}.parquet")
}

fn lake_file(look: u32, file: usize) -> String {
    format!("lake-{look}-{file:05}.parquet")
}
