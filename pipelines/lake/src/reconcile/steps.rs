//! The proof of one dataset, in slices: read the source, read the lake, compare, and look again.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use futures_util::StreamExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_pipeline::{Context, HandlerError};
use stepwell_reconcile::{Options, compare};

use super::current::{self, INGESTED_AT, Span};
use super::lake::{Lake, Subject};
use super::proof::{self, DatasetProof, Status};
use super::settings::Settings;
use super::spool::SpoolFile;
use crate::source::{Read, Source, Stop, Window};

/// How far the proof of a dataset is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Events before it are not compared.
    pub(super) from: Option<Timestamp>,
    /// Nor are events from it on.
    pub(super) cutoff: Timestamp,
    /// Up to when the source is read in this look: what changed since the cut-off is then known.
    pub(super) until: Timestamp,
    /// Whether this is the second look.
    pub(super) is_second: bool,
    /// Splits of the source that are read.
    splits: usize,
    /// Where the next one goes on.
    after: Option<Value>,
    /// Files of the source.
    source: Vec<String>,
    /// Records of the source that fit no row.
    rejected: u64,
    /// The partition of the lake that was read last.
    partition: Option<String>,
    /// Files of the lake.
    lake: Vec<String>,
    /// Whether all of the lake is read.
    is_lake_read: bool,
}

impl Checkpoint {
    /// At the beginning.
    pub(super) fn new(from: Option<Timestamp>, cutoff: Timestamp, until: Timestamp) -> Self {
        Self {
            from,
            cutoff,
            until,
            is_second: false,
            splits: 0,
            after: None,
            source: Vec::new(),
            rejected: 0,
            partition: None,
            lake: Vec::new(),
            is_lake_read: false,
        }
    }

    /// At the beginning of the second look: the source is read again, the lake stays as it was read.
    fn again(self, until: Timestamp) -> Self {
        Self {
            until,
            is_second: true,
            splits: 0,
            after: None,
            source: Vec::new(),
            rejected: 0,
            ..self
        }
    }
}

/// What a slice came to.
#[derive(Debug)]
pub(super) enum Sliced {
    /// There is more to do, after a wait.
    InProgress(Duration),
    /// The proof is complete.
    Complete(Box<DatasetProof>),
}

/// A dataset that is being proven.
pub(super) struct Steps<'a> {
    pub(super) lake: &'a dyn Lake,
    pub(super) settings: &'a Settings,
    pub(super) subject: &'a Subject,
    /// For the files of this proof alone.
    pub(super) folder: &'a Path,
    pub(super) ctx: &'a Context,
}

impl Steps<'_> {
    /// Works until the slice is over or the proof complete.
    pub(super) async fn work(&self, at: &mut Checkpoint) -> Result<Sliced, HandlerError> {
        loop {
            if let Some(wait) = self.read_source(at).await? {
                return Ok(Sliced::InProgress(wait));
            }
            if !self.read_lake(at).await? {
                return Ok(Sliced::InProgress(Duration::ZERO));
            }
            let proof = self.compare(at).await?;
            let first = self.folder.join("first.json");
            if at.is_second {
                let proof = match load(&first)? {
                    Some(first) => proof.confirming(&first),
                    None => proof,
                };
                return Ok(Sliced::Complete(Box::new(proof)));
            }
            if proof.status == Status::Equal {
                return Ok(Sliced::Complete(Box::new(proof)));
            }
            save(&first, &proof)?;
            *at = at.clone().again(Timestamp::now());
        }
    }

    /// Reads what is left of the source; the wait if there is more.
    async fn read_source(&self, at: &mut Checkpoint) -> Result<Option<Duration>, HandlerError> {
        let source = self.lake.source(&self.subject.name).await?;
        // Up to now, and not up to the cut-off: what has changed since must be known.
        let window = Window { from: at.from, to: at.until };
        let splits = source.splits(&window).await?;
        while let Some(split) = splits.get(at.splits) {
            let read = Read { window: &window, split, after: None, ctx: self.ctx };
            match self.read_split(source.as_ref(), read, at).await? {
                SplitRead::Whole => {
                    at.splits += 1;
                    at.after = None;
                }
                SplitRead::Part(wait) => return Ok(Some(wait)),
            }
        }
        Ok(None)
    }

    async fn read_split(
        &self,
        source: &dyn Source,
        read: Read<'_>,
        at: &mut Checkpoint,
    ) -> Result<SplitRead, HandlerError> {
        let look = if at.is_second { "again" } else { "source" };
        let name = format!("{look}-{:05}.parquet", at.source.len());
        let after = at.after.clone();
        let mut chunks = source.read(Read { after: after.as_ref(), ..read });
        let mut file = SpoolFile::create(self.folder, &name, &self.subject.schema)?;
        let mut rejected = 0;
        let mut next = after.clone();
        // At least one chunk, however short the slice: or nothing would ever be read.
        let end = loop {
            match chunks.next().await {
                None => break SplitRead::Whole,
                Some(Ok(chunk)) => {
                    file.write(&chunk.rows)?;
                    rejected += chunk.rejected.len() as u64;
                    next = Some(chunk.checkpoint);
                }
                Some(Err(Stop::NotNow { wait, checkpoint })) => {
                    next = checkpoint.or(next);
                    break SplitRead::Part(wait);
                }
                Some(Err(Stop::Failed(error))) => return Err(error),
            }
            if self.ctx.slice_is_over() {
                break SplitRead::Part(Duration::ZERO);
            }
        };
        file.finish()?;
        at.source.push(name);
        at.rejected += rejected;
        at.after = next;
        Ok(end)
    }

    /// Reads what is left of the lake; false if the slice is over first.
    async fn read_lake(&self, at: &mut Checkpoint) -> Result<bool, HandlerError> {
        if at.is_lake_read {
            return Ok(true);
        }
        let dataset = &self.subject.name;
        let mut partitions = self.lake.partitions(dataset, at.from).await?;
        partitions.sort();
        for partition in partitions {
            if at.partition.as_ref().is_some_and(|done| partition <= *done) {
                continue;
            }
            let name = format!("lake-{:05}.parquet", at.lake.len());
            let mut file =
                SpoolFile::create(self.folder, &name, &with_ingestion(&self.subject.schema))?;
            let mut rows = self.lake.rows(dataset, &partition).await?;
            while let Some(batch) = rows.next().await {
                file.write(&batch?)?;
            }
            file.finish()?;
            at.lake.push(name);
            at.partition = Some(partition);
            if self.ctx.slice_is_over() {
                return Ok(false);
            }
        }
        at.is_lake_read = true;
        Ok(true)
    }

    async fn compare(&self, at: &Checkpoint) -> Result<DatasetProof, HandlerError> {
        let (subject, settings) = (self.subject.clone(), self.settings.clone());
        let (folder, at) = (self.folder.to_owned(), at.clone());
        let options = Options { differences_max: settings.differences_max(), ..Options::default() };
        let stop = Arc::clone(&options.stop);
        let work = tokio::task::spawn_blocking(move || {
            compared(&subject, &settings, &at, &folder, &options)
        });
        tokio::select! {
            done = work => done.map_err(|panic| HandlerError::Fatal(format!("the comparison panicked: {panic}")))?,
            () = self.ctx.stop.cancelled() => {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
                Err(HandlerError::retryable("the comparison was stopped"))
            }
        }
    }
}

enum SplitRead {
    Whole,
    /// There is more, after a wait.
    Part(Duration),
}

fn compared(
    subject: &Subject,
    settings: &Settings,
    at: &Checkpoint,
    folder: &Path,
    options: &Options,
) -> Result<DatasetProof, HandlerError> {
    let paths =
        |names: &[String]| -> Vec<PathBuf> { names.iter().map(|name| folder.join(name)).collect() };
    let span =
        Span { from: at.from.map(Timestamp::as_microsecond), cutoff: at.cutoff.as_microsecond() };
    let in_lake = with_ingestion(&subject.schema);
    let settled = current::settle(
        subject,
        span,
        (paths(&at.source), paths(&at.lake)),
        (&subject.schema, &in_lake),
        folder,
    )?;
    let tolerance =
        |column: &str| settings.tolerance.get(&format!("{}.{column}", subject.name)).copied();
    let layout = subject.layout(tolerance);
    let found = compare(&settled.source, &settled.lake, &layout, options)
        .map_err(|error| proof::failure(&error))?;
    let show_values = settings.show_values.unwrap_or(false);
    let proof =
        DatasetProof::of(&subject.name, &found, &subject.partition, &settled.late, show_values);
    let mut notes = Vec::new();
    if settled.moving > 0 {
        let keys = if settled.moving == 1 { "key" } else { "keys" };
        notes.push(format!(
            "{} {keys} left out: the source has something newer than the cut-off",
            settled.moving
        ));
    }
    if at.rejected > 0 {
        notes.push(format!("{} records of the source fit no row and were left out", at.rejected));
    }
    if subject.event_time.is_none() {
        notes.push(
            "without event time: what changed at the source since the last run counts as different"
                .to_owned(),
        );
    }
    Ok(DatasetProof {
        checked_at: Timestamp::now(),
        cutoff: Some(at.cutoff),
        note: (!notes.is_empty()).then(|| notes.join("; ")),
        ..proof
    })
}

/// The columns of the lake: those of the source and when each row came.
fn with_ingestion(schema: &SchemaRef) -> SchemaRef {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    if schema.field_with_name(INGESTED_AT).is_err() {
        let kind = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        fields.push(Arc::new(Field::new(INGESTED_AT, kind, true)));
    }
    Arc::new(Schema::new_with_metadata(fields, HashMap::new()))
}

/// Keeps a proof as JSON; the file has its name once it is whole.
pub(super) fn save<T: Serialize>(path: &Path, proof: &T) -> Result<(), HandlerError> {
    let part = path.with_extension("part");
    let written = || -> std::io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&part, serde_json::to_vec(proof)?)?;
        fs::rename(&part, path)
    };
    written().map_err(|error| {
        HandlerError::Retryable(format!("{} cannot be written: {error}", path.display()))
    })
}

/// A proof that was kept.
pub(super) fn load<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, HandlerError> {
    let unreadable = |error: &dyn std::fmt::Display| {
        HandlerError::Fatal(format!("{} cannot be read: {error}", path.display()))
    };
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&error)),
    }
}
