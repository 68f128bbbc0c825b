//! What the tests of sources share: a dataset that is read to its end, as often as its slices and failures need.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::util::display::array_value_to_string;
use futures_util::StreamExt;
use jiff::Timestamp;
use serde_json::Value;
use stepwell_lake::Settings;
use stepwell_lake::source::{Chunk, Read, Source, Split, Stop, Window};
use stepwell_pipeline::secret::Secrets;
use stepwell_pipeline::testing::Keys;
use stepwell_pipeline::{Context, HandlerError, Surroundings};

/// A row: what is not null, as text.
pub(crate) type Row = BTreeMap<String, String>;

/// A source, opened as the pipeline opens it.
pub(crate) struct Opened {
    pub(crate) source: Arc<dyn Source>,
    _folder: tempfile::TempDir,
}

/// The source of the only dataset of these settings.
pub(crate) async fn open(toml: &str) -> Result<Opened, HandlerError> {
    open_with(toml, Arc::new(Keys::none())).await
}

pub(crate) async fn open_with(
    toml: &str,
    secrets: Arc<dyn Secrets>,
) -> Result<Opened, HandlerError> {
    let folder = tempfile::tempdir().unwrap();
    let settings: Settings = toml::from_str(toml).unwrap();
    let surroundings = Surroundings::embedded(secrets, folder.path().join(".stepwell"));
    let service = stepwell_lake::open(&settings, &surroundings, Arc::new(Timestamp::now))?;
    let dataset = service.config.datasets.values().next().unwrap();
    let source = service.source(dataset).await?;
    Ok(Opened { source, _folder: folder })
}

/// What the reading of a window gave.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) rows: Vec<Row>,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) waits: usize,
}

impl Found {
    /// The values of a column.
    pub(crate) fn values(&self, column: &str) -> Vec<String> {
        self.rows.iter().map(|row| row.get(column).cloned().unwrap_or_default()).collect()
    }

    /// The values of a column, sorted, each once.
    pub(crate) fn keys(&self, column: &str) -> Vec<String> {
        let mut keys = self.values(column);
        keys.sort();
        keys.dedup();
        keys
    }

    fn take(&mut self, chunk: Chunk) {
        assert_eq!(chunk.rejected, [], "a row does not fit");
        self.rows.extend(rows(&chunk.rows));
        self.chunks.push(chunk);
    }
}

impl Opened {
    /// Reads all splits of a window to their end; every wait ends a slice.
    pub(crate) async fn read(&self, window: &Window) -> Result<Found, HandlerError> {
        let mut found = Found::default();
        for split in self.source.splits(window).await? {
            self.read_split(window, &split, &mut found, usize::MAX).await?;
        }
        Ok(found)
    }

    /// As [`Self::read`], but every slice ends after so many chunks.
    pub(crate) async fn read_in_slices(
        &self,
        window: &Window,
        chunks: usize,
    ) -> Result<Found, HandlerError> {
        let mut found = Found::default();
        for split in self.source.splits(window).await? {
            self.read_split(window, &split, &mut found, chunks).await?;
        }
        Ok(found)
    }

    /// How the first slice of a window ends, if not by itself.
    pub(crate) async fn first_stop(&self, window: &Window) -> Option<Stop> {
        let split = &self.source.splits(window).await.unwrap()[0];
        let ctx = Context::starting_now("test", Duration::from_secs(30));
        let mut stream =
            self.source.read(Read { window, split, after: None, run: "test", ctx: &ctx });
        loop {
            match stream.next().await? {
                Ok(_) => {}
                Err(stop) => return Some(stop),
            }
        }
    }

    /// As [`Self::read`], but a slice ends after every chunk, and then something happens at the source.
    pub(crate) async fn read_while(
        &self,
        window: &Window,
        mut happens: impl FnMut(&Found),
    ) -> Result<Found, HandlerError> {
        let mut found = Found::default();
        for split in self.source.splits(window).await? {
            self.read_on(window, &split, &mut found, (1, &mut happens)).await?;
        }
        Ok(found)
    }

    async fn read_split(
        &self,
        window: &Window,
        split: &Split,
        found: &mut Found,
        chunks: usize,
    ) -> Result<(), HandlerError> {
        self.read_on(window, split, found, (chunks, &mut |_| {})).await
    }

    async fn read_on(
        &self,
        window: &Window,
        split: &Split,
        found: &mut Found,
        (chunks, happens): (usize, &mut dyn FnMut(&Found)),
    ) -> Result<(), HandlerError> {
        let mut after: Option<Value> = None;
        loop {
            let ctx = Context::starting_now("test", Duration::from_secs(30));
            let read = Read { window, split, after: after.as_ref(), run: "test", ctx: &ctx };
            let mut stream = self.source.read(read).take(chunks);
            let (mut next, mut count, mut stopped) = (None, 0, false);
            while let Some(outcome) = stream.next().await {
                match outcome {
                    Ok(chunk) => {
                        count += 1;
                        next = Some(chunk.checkpoint.clone());
                        found.take(chunk);
                    }
                    Err(Stop::NotNow { checkpoint, .. }) => {
                        found.waits += 1;
                        assert!(found.waits < 1_000, "it waits for ever");
                        next = checkpoint.or(next);
                        stopped = true;
                        break;
                    }
                    Err(Stop::Failed(error) | Stop::GivenUp { error, .. }) => return Err(error),
                }
            }
            drop(stream);
            if !stopped && count < chunks {
                return Ok(());
            }
            after = next.or(after);
            happens(found);
        }
    }
}

pub(crate) fn window(from: Option<&str>, to: &str) -> Window {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    Window { from: from.map(time), to: time(to) }
}

fn rows(batch: &RecordBatch) -> Vec<Row> {
    let names: Vec<_> = batch.schema().fields().iter().map(|it| it.name().clone()).collect();
    let value = |column: &ArrayRef, row: usize| {
        column.is_valid(row).then(|| array_value_to_string(column, row).unwrap())
    };
    let row = |row: usize| {
        let values = names.iter().zip(batch.columns());
        values.filter_map(|(name, column)| Some((name.clone(), value(column, row)?))).collect()
    };
    (0..batch.num_rows()).map(row).collect()
}
