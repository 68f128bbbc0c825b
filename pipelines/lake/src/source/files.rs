//! Files as a source: CSV, JSON lines and Parquet in a folder, a bucket, on a web server.
//!
//! Each file is a split, read in its order. A log takes each version of a file once, whole, whenever it comes: neither when it
//! was written nor the times of its rows tell that it was not here before. In the other modes windows go by the rows' event time.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, TimeUnit};
use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::json;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::{Batch, CsvOptions, Entry, Format, Kind, Location, ReadOptions};
use xxhash_rust::xxh3::xxh3_64;

use super::{Chunk, Read, Source, Split, Stop, Window};
use crate::dataset::{Dataset, Mode};
use crate::world::World;

/// The keys of a dataset with `source = "files"`.
///
/// ```toml
/// source = "files"
/// path = "s3://landing/orders/**/*.csv.gz"
/// delimiter = ";"            # of CSV
/// header = true              # of CSV
/// read_format = "csv"        # where names do not tell
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Table {
    /// A file, or a pattern: `*` any part of a name, `**` any folders.
    path: Option<Location>,
    /// Between the cells of CSV.
    delimiter: Option<char>,
    /// Whether the first line of CSV names the columns.
    header: Option<bool>,
    /// What the files are, if their names do not tell.
    read_format: Option<Format>,
}

impl Table {
    pub(crate) fn problems(&self, dataset: &Dataset) -> Vec<String> {
        let mut problems = Vec::new();
        if dataset.mode == Mode::Append && !dataset.overlap.is_zero() {
            problems.push(
                "`overlap_seconds` says nothing here: a log takes each file once, however late it comes; take it out"
                    .to_owned(),
            );
        }
        if self.path.is_none() {
            problems.push(
                "the key `path` is missing; name files, for instance `incoming/orders-*.csv.gz`"
                    .to_owned(),
            );
        }
        if self.delimiter.is_some_and(|it| !it.is_ascii()) {
            problems.push("`delimiter` is no ASCII sign".to_owned());
        }
        problems
    }
}

/// The source.
pub struct Files {
    pattern: Location,
    options: ReadOptions,
    format: Option<Format>,
    dataset: Dataset,
    world: Arc<World>,
}

impl Files {
    pub(crate) fn new(table: &Table, dataset: &Dataset, world: &Arc<World>) -> Self {
        let defaults = CsvOptions::default();
        Self {
            pattern: table.path.clone().expect("a missing one is a problem"),
            options: ReadOptions {
                columns: Some(dataset.read_columns()),
                flatten: dataset.flatten.as_ref().map(|it| it.separator.clone()),
                unknown: dataset.unknown_fields,
                csv: CsvOptions {
                    delimiter: table.delimiter.unwrap_or(defaults.delimiter),
                    header: table.header.unwrap_or(defaults.header),
                },
                ..ReadOptions::default()
            },
            format: table.read_format,
            dataset: dataset.clone(),
            world: Arc::clone(world),
        }
    }

    fn is_log(&self) -> bool {
        self.dataset.mode == Mode::Append
    }

    /// The files of a window: in a log those that have settled.
    async fn entries(&self, window: &Window) -> Result<Vec<Entry>, HandlerError> {
        let mut entries =
            self.world.stores.matching(&self.pattern).await.map_err(crate::world::told)?;
        if self.is_log() {
            let since = self.dataset.since.map_or(i64::MIN, jiff::Timestamp::as_microsecond);
            let settled = since..window.to.as_microsecond();
            entries.retain(|entry| settled.contains(&entry.modified_us));
        }
        Ok(entries)
    }

    /// What a file is, by the settings or its name.
    fn kind(&self, at: &Location) -> Option<Kind> {
        let named = Kind::of(at.name());
        let kind = self.format.map(|format| {
            let compression =
                named.map_or(stepwell_tabular::Compression::None, |kind| kind.compression);
            Kind { format, compression }
        });
        kind.or(named)
    }

    async fn open(
        &self,
        at: &Location,
        skip_rows: u64,
    ) -> Result<BoxStream<'static, Result<Batch, stepwell_tabular::Error>>, HandlerError> {
        let options = ReadOptions { kind: self.kind(at), skip_rows, ..self.options.clone() };
        stepwell_tabular::read(&self.world.stores, at, options).await.map_err(crate::world::told)
    }

    async fn chunks<'a>(
        &'a self,
        read: Read<'a>,
    ) -> Result<BoxStream<'a, Result<Chunk, Stop>>, Stop> {
        let entries = self.entries(read.window).await?;
        let entry = entries
            .into_iter()
            .find(|entry| name_of(entry) == read.split.name)
            .ok_or_else(|| {
                HandlerError::Data(format!(
                    "a file of {} that was listed is gone, or written anew; its split was {}. The next run reads what is \
                     there then",
                    self.pattern, read.split.name
                ))
            })?;
        if read.split.version.as_ref().is_some_and(|version| *version != entry.version) {
            return Err(HandlerError::Data(format!(
                "{} was written anew while it was read; the next run reads what is there then",
                entry.at
            ))
            .into());
        }
        let skip_rows = read.after.and_then(|after| after["rows"].as_u64()).unwrap_or(0);
        let batches = self.open(&entry.at, skip_rows).await?;
        let window = read.window.clone();
        Ok(batches
            .map_err(|error| Stop::Failed(crate::world::told(error)))
            .and_then(move |batch| {
                let chunk = self.chunk(batch, &window).map_err(Stop::Failed);
                async move { chunk }
            })
            .boxed())
    }

    fn chunk(&self, batch: Batch, window: &Window) -> Result<Chunk, HandlerError> {
        Ok(Chunk {
            rows: self.within(&batch.rows, window)?,
            rejected: batch.rejected,
            unknown: batch.unknown,
            checkpoint: json!({"rows": batch.end_row}),
        })
    }

    /// The rows whose event time lies in the window.
    fn within(&self, rows: &RecordBatch, window: &Window) -> Result<RecordBatch, HandlerError> {
        let by_time = self.dataset.event_time.as_ref().filter(|_| !self.is_log());
        let Some(name) = by_time else { return Ok(rows.clone()) };
        let times = rows.column_by_name(name).expect("the event time is a column");
        let is_in =
            in_window(times, window).map_err(|error| HandlerError::Fatal(error.to_string()))?;
        if is_in.true_count() == rows.num_rows() {
            return Ok(rows.clone());
        }
        filter_record_batch(rows, &is_in).map_err(|error| HandlerError::Fatal(error.to_string()))
    }
}

/// Without a beginning, rows without a time are in the window too.
fn in_window(times: &ArrayRef, window: &Window) -> Result<BooleanArray, arrow::error::ArrowError> {
    let times = cast(times, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
    let times = times.as_any().downcast_ref::<TimestampMicrosecondArray>().expect("it was cast");
    let from = window.from.map(jiff::Timestamp::as_microsecond);
    let to = window.to.as_microsecond();
    let is_in = |time: Option<i64>| match time {
        Some(time) => from.is_none_or(|from| from <= time) && time < to,
        None => from.is_none(),
    };
    Ok((0..times.len())
        .map(|row| Some(is_in(times.is_valid(row).then(|| times.value(row)))))
        .collect())
}

/// A file's split, named after all of its path.
fn name_of(entry: &Entry) -> String {
    let shown = entry.at.to_string();
    let stem: String = entry
        .at
        .name()
        .chars()
        .take(24)
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("{stem}-{:016x}", xxh3_64(shown.as_bytes()))
}

#[async_trait]
impl Source for Files {
    async fn splits(&self, window: &Window) -> Result<Vec<Split>, HandlerError> {
        let entries = self.entries(window).await?;
        let split = |entry: Entry| Split { name: name_of(&entry), version: Some(entry.version) };
        Ok(entries.into_iter().map(split).collect())
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        stream::once(self.chunks(read)).try_flatten().boxed()
    }

    /// Parquet says it in its footer; by event time, or in other files, rows have to be read.
    async fn count(&self, window: &Window) -> Result<Option<u64>, HandlerError> {
        if self.dataset.event_time.is_some() {
            return Ok(None);
        }
        let entries = self.entries(window).await?;
        // Without files nobody says anything: the folder may be missing.
        let mut rows = (!entries.is_empty()).then_some(0);
        for entry in entries {
            if self.kind(&entry.at).is_none_or(|kind| kind.format != Format::Parquet) {
                return Ok(None);
            }
            let counted = stepwell_tabular::count(&self.world.stores, &entry.at).await;
            let counted = counted.map_err(crate::world::told)?;
            rows = rows.map(|rows| rows + counted);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_named_after_its_file_and_its_folder() {
        let version = String::new();
        let of = |at| Entry { at, size: 0, modified_us: 0, version: version.clone() };
        let name = |path: &str| name_of(&of(path.parse().unwrap()));
        assert!(name("in/a b.csv").starts_with("a-b-csv-"));
        assert_ne!(name("in/a.csv"), name("out/a.csv"));
    }
}
