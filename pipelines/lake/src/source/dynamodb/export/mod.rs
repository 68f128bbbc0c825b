//! A table from its exports to S3, wherever they lie now: the folder of one, or a folder with many below it.
//!
//! Nothing of an export is believed before it was checked: the digests of the manifests and of each file, the number of
//! items of each file and of all. A full export gives the state of the table, an incremental one the last change of each
//! item, deletions included.

mod file;
mod ion;
mod lines;
mod manifest;

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use object_store::ObjectStoreExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::{Location, Stores};

use super::decode::{Decoder, Shape};
use crate::source::{Chunk, Read, Source, Split, Stop, Window};
use crate::world::told as of_files;
use file::Job;
use lines::Lines;
use manifest::{Export, ExportType, unreadable};

/// The data files of a window are read in this many splits, if there are as many.
const SPLITS_MAX: usize = 16;

/// The exports of a dataset.
#[derive(Clone)]
pub(super) struct Exports {
    pub(super) stores: Stores,
    /// The folder of one export, or one that exports lie below.
    pub(super) folder: Location,
    /// The table that must be in them.
    pub(super) table: Option<String>,
    pub(super) incremental: bool,
    /// Incremental ones that arrived before are passed over.
    pub(super) since: Option<Timestamp>,
    pub(super) shape: Arc<Shape>,
}

/// Where reading goes on: `{"export": 0, "file": 3, "lines": 16384}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Which of the window's exports, by arrival.
    pub(super) export: usize,
    /// Which of its files.
    pub(super) file: usize,
    /// How many of its lines.
    pub(super) lines: u64,
}

impl From<Checkpoint> for Value {
    fn from(checkpoint: Checkpoint) -> Self {
        serde_json::to_value(checkpoint).expect("a checkpoint is JSON")
    }
}

#[async_trait]
impl Source for Exports {
    /// Those of an incremental export are read together: a log takes each export once, whenever it comes.
    async fn splits(&self, window: &Window) -> Result<Vec<Split>, HandlerError> {
        if self.incremental {
            let found = self.settled(window).await?;
            return Ok(found.iter().map(split_of).collect());
        }
        let files: usize = self.of_window(window).await?.iter().map(|it| it.files.len()).sum();
        let names = (0..files.min(SPLITS_MAX)).map(|index| Split::new(format!("part-{index:02}")));
        Ok(names.collect())
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        self.read_part(read, read.split.name.clone())
    }

    /// As the manifest says; changes are no rows.
    async fn count(&self, window: &Window) -> Result<Option<u64>, HandlerError> {
        if self.incremental {
            return Ok(None);
        }
        let exports = self.of_window(window).await?;
        Ok(Some(exports.iter().map(|it| it.summary.item_count).sum()))
    }

    /// The instant that the newest full export has the state of.
    async fn state_at(&self, window: &Window) -> Result<Option<Timestamp>, HandlerError> {
        let exports = self.of_window(window).await?;
        Ok(exports.last().and_then(|it| it.summary.export_time))
    }
}

impl Exports {
    /// The exports that were there before the end of a window, in the order of what they tell.
    async fn settled(&self, window: &Window) -> Result<Vec<Export>, HandlerError> {
        let mut found = self.find().await?;
        let since = self.since.filter(|_| self.incremental);
        found.retain(|it| since.is_none_or(|since| since <= it.arrived) && it.arrived < window.to);
        found.sort_by_key(|it| (it.summary.export_to_time, it.summary.export_time, it.arrived));
        Ok(found)
    }

    /// The incremental export of a split, as it was when the split was made.
    async fn of_split(&self, window: &Window, split: &Split) -> Result<Vec<Export>, HandlerError> {
        let found = self.settled(window).await?.into_iter().find(|it| split_of(it) == *split);
        let export = found.ok_or_else(|| {
            HandlerError::Data(format!(
                "the export {} in `{}` is gone, or another one by now; the next run reads what is there then",
                split.name, self.folder
            ))
        })?;
        Ok(vec![export.with_files(&self.stores).await?])
    }

    /// The newest full export, or all incremental ones.
    async fn of_window(&self, window: &Window) -> Result<Vec<Export>, HandlerError> {
        let mut found = self.settled(window).await?;
        if !self.incremental {
            let newest = found.pop();
            found.clear();
            found.extend(newest);
        }
        let mut exports = Vec::with_capacity(found.len());
        for export in found {
            exports.push(export.with_files(&self.stores).await?);
        }
        if exports.is_empty() && window.from.is_none() && !self.incremental {
            let folder = &self.folder;
            return Err(HandlerError::Data(format!(
                "no full export of the table has been in `{folder}` since before {}; export the table, or read later",
                window.to
            )));
        }
        Ok(exports)
    }

    /// Every export, checked for the table and its kind.
    async fn find(&self) -> Result<Vec<Export>, HandlerError> {
        if let Some(export) = Export::find(&self.stores, &self.folder).await? {
            self.check(&export)?;
            return Ok(vec![export]);
        }
        let (store, path) = self.stores.open(&self.folder).await.map_err(of_files)?;
        let below = store
            .list_with_delimiter(Some(&path))
            .await
            .map_err(|error| unreadable(&self.folder, &error))?;
        let mut exports = Vec::new();
        for folder in below.common_prefixes {
            let name = folder.filename().unwrap_or_default();
            if let Some(export) = Export::find(&self.stores, &self.folder.join(name)).await?
                && self.is_wanted(&export)
            {
                self.check(&export)?;
                exports.push(export);
            }
        }
        Ok(exports)
    }

    /// Exports of both kinds, and of several tables, may lie in one folder.
    fn is_wanted(&self, export: &Export) -> bool {
        let is_table =
            self.table.as_ref().is_none_or(|table| table_of(&export.summary.table_arn) == table);
        is_table
            && (export.summary.export_type == ExportType::IncrementalExport) == self.incremental
    }

    fn check(&self, export: &Export) -> Result<(), HandlerError> {
        if self.is_wanted(export) {
            return Ok(());
        }
        let kind = if self.incremental { "incremental" } else { "full" };
        let table = self.table.as_deref().map(|it| format!(" of `{it}`")).unwrap_or_default();
        Err(HandlerError::Config(format!(
            "`{}` is no {kind} export{table}: it is a {:?} of `{}`; name another folder, or change `incremental` and `table`",
            export.folder, export.summary.export_type, export.summary.table_arn
        )))
    }

    /// The rows of a split, whose name may be part of another one's.
    pub(super) fn read_part<'a>(
        &'a self,
        read: Read<'a>,
        part: String,
    ) -> BoxStream<'a, Result<Chunk, Stop>> {
        stream::once(self.start(read, part))
            .map_ok(|reading| stream::try_unfold(reading, Reading::next))
            .try_flatten()
            .boxed()
    }

    async fn start<'a>(&'a self, read: Read<'a>, part: String) -> Result<Reading<'a>, Stop> {
        let after = read.after.map(checkpoint).transpose()?.unwrap_or_default();
        let (exports, files) = if self.incremental {
            let exports = self.of_split(read.window, read.split).await?;
            let files = files_from(all_files(&exports), after);
            (exports, files)
        } else {
            let exports = self.of_window(read.window).await?;
            let files = files_of(&exports, part_index(&part)?, after);
            (exports, files)
        };
        Ok(Reading { source: self, exports, files, current: None })
    }

    async fn open(&self, export: &Export, from: Checkpoint) -> Result<Chunks, HandlerError> {
        let file = &export.files[from.file];
        let at = export.locate(&self.stores, file).await?;
        let (store, path) = self.stores.open(&at).await.map_err(of_files)?;
        let body = store.get(&path).await.map_err(|error| unreadable(&at, &error))?.into_stream();
        let lines = Lines {
            format: export.summary.output_format,
            kind: export.summary.export_type,
            // A change of the same instant is not in the export, or says the same.
            state_at: export.summary.export_time.map(|it| it - SignedDuration::from_micros(1)),
        };
        let job = Job { at, file: file.clone(), lines, decoder: Decoder::new(&self.shape), from };
        Ok(file::chunks(job, body))
    }
}

fn table_of(arn: &str) -> &str {
    arn.rsplit_once(":table/").map_or(arn, |(_, table)| table)
}

fn checkpoint(value: &Value) -> Result<Checkpoint, HandlerError> {
    Checkpoint::deserialize(value).map_err(|error| {
        HandlerError::Fatal(format!("the checkpoint `{value}` is none of an export: {error}"))
    })
}

fn part_index(name: &str) -> Result<usize, HandlerError> {
    let index = name.strip_prefix("part-").and_then(|it| it.parse().ok());
    index.ok_or_else(|| HandlerError::Fatal(format!("an export has no split `{name}`")))
}

/// The files of a split that are not read to their end: every so manieth of all, so that all splits have about as many.
fn files_of(exports: &[Export], split: usize, after: Checkpoint) -> VecDeque<Checkpoint> {
    let splits = exports.iter().map(|it| it.files.len()).sum::<usize>().clamp(1, SPLITS_MAX);
    let files = all_files(exports).enumerate().filter(|(index, _)| index % splits == split);
    files_from(files.map(|(_, it)| it), after)
}

fn all_files(exports: &[Export]) -> impl Iterator<Item = Checkpoint> {
    exports.iter().enumerate().flat_map(|(export, it)| {
        (0..it.files.len()).map(move |file| Checkpoint { export, file, lines: 0 })
    })
}

/// What is left of files behind a checkpoint.
fn files_from(files: impl Iterator<Item = Checkpoint>, after: Checkpoint) -> VecDeque<Checkpoint> {
    let begun = Checkpoint { lines: 0, ..after };
    files.filter(|it| *it >= begun).map(|it| if it == begun { after } else { it }).collect()
}

/// An export as a split: named after its folder, which DynamoDB makes up, wherever that lies now.
fn split_of(export: &Export) -> Split {
    let name = export.folder.name().chars();
    let name = name.map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    Split { name: name.collect(), version: Some(export.digest.clone()) }
}

type Chunks = tokio::sync::mpsc::Receiver<Result<Chunk, Stop>>;

/// A split while it is read.
struct Reading<'a> {
    source: &'a Exports,
    exports: Vec<Export>,
    files: VecDeque<Checkpoint>,
    current: Option<Chunks>,
}

impl Reading<'_> {
    async fn next(mut self) -> Result<Option<(Chunk, Self)>, Stop> {
        loop {
            if let Some(chunks) = &mut self.current
                && let Some(chunk) = chunks.recv().await
            {
                return Ok(Some((chunk?, self)));
            }
            let Some(from) = self.files.pop_front() else { return Ok(None) };
            self.current = Some(self.source.open(&self.exports[from.export], from).await?);
        }
    }
}

#[cfg(test)]
mod tests;
