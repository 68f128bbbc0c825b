//! A query over the lake's own tables as a source: curated datasets.
//!
//! Rows come in the order of the dataset's key, so that the same tables give the same files. The query runs in this
//! process, or on Athena where that serves. Reading goes on over the very tables that it began with, or not at all.

use std::path::PathBuf;

use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::json;
use stepwell_pipeline::HandlerError;
use stepwell_query::{quoted, tables_of};
use stepwell_tabular::{Column, Location, conform};
use xxhash_rust::xxh3::xxh3_64;

use super::{Chunk, Read, Source, Split, Stop, Window};
use crate::dataset::{Dataset, Mode};
use crate::query::{Lake, failed};
use crate::views::{LATEST, words};
use crate::world::told;

mod on_athena;

use on_athena::OnAthena;

/// The keys of a dataset with `source = "sql"`.
///
/// ```toml
/// source = "sql"
/// query = "curated/revenue.sql"      # a file of the project with one query over the lake's tables
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Table {
    /// The file.
    query: Option<PathBuf>,
}

impl Table {
    pub(crate) fn problems(&self, dataset: &Dataset) -> Vec<String> {
        let mut problems = Vec::new();
        if self.query.is_none() {
            problems.push("the key `query` is missing; name a file with SQL, for instance `curated/revenue.sql`".to_owned());
        }
        if dataset.key.is_empty() {
            problems.push("the key `key` is missing; rows are written in its order".to_owned());
        }
        if dataset.mode == Mode::Append {
            problems.push(
                "`mode = \"append\"` is for what comes from outside; a query gives a whole table"
                    .to_owned(),
            );
        }
        if dataset.event_time.is_some() {
            problems.push(
                "`event_time` is for what comes from outside; a query gives a whole table"
                    .to_owned(),
            );
        }
        problems
    }

    fn text(&self) -> Result<String, HandlerError> {
        let path = self.query.as_ref().expect("a missing one is a problem");
        std::fs::read_to_string(path).map_err(|error| {
            HandlerError::Config(format!("{}: {error}; check the key `query`", path.display()))
        })
    }

    /// The tables that the query reads, views of newest rows by their tables; all that it may mean, where it is in words of
    /// Athena alone. Nothing, if it cannot be read: reading it tells why.
    pub(crate) fn reads(&self, latest: &str) -> Vec<String> {
        let Ok(text) = self.text() else { return Vec::new() };
        let tables = tables_of(&text).unwrap_or_else(|_| words(&text).into_iter().collect());
        tables.iter().map(|name| name.strip_suffix(latest).unwrap_or(name).to_owned()).collect()
    }

    /// The query's file counts from the project folder.
    pub(crate) fn within(&mut self, project: &std::path::Path) {
        if let Some(query) = &mut self.query {
            *query = project.join(&*query);
        }
    }
}

/// The source.
pub struct Curated {
    sql: String,
    at: Location,
    columns: Vec<Column>,
    reads: Vec<String>,
    lake: Lake,
}

impl Curated {
    pub(crate) fn new(table: &Table, dataset: &Dataset, lake: &Lake) -> Result<Self, HandlerError> {
        let text = table.text()?;
        let key: Vec<_> = dataset.key.iter().map(|name| quoted(name)).collect();
        let query = text.trim().trim_end_matches(';');
        Ok(Self {
            sql: format!("SELECT * FROM ({query}\n) AS curated ORDER BY {}", key.join(", ")),
            at: Location::Path(table.query.clone().expect("a missing one is a problem")),
            columns: dataset.read_columns(),
            reads: table.reads(LATEST),
            lake: lake.clone(),
        })
    }

    async fn chunks<'a>(
        &'a self,
        read: Read<'a>,
    ) -> Result<BoxStream<'a, Result<Chunk, Stop>>, Stop> {
        if let Some(asker) = self.lake.athena().await? {
            return Ok(OnAthena { asker, curated: self }.chunks(read));
        }
        let skipped = read.after.and_then(|after| after["rows"].as_u64()).unwrap_or(0);
        let tables = self.lake.state_of(&self.reads).await?;
        let of = format!("{tables}-{:016x}", xxh3_64(self.sql.as_bytes()));
        if read.after.is_some_and(|after| after["of"] != *of) {
            return Err(HandlerError::Data(format!(
                "{}: the query, or a table that it reads, is another one than when the run began; the next run begins anew",
                self.at
            ))
            .into());
        }
        let sql = format!("{} OFFSET {skipped}", self.sql);
        let rows =
            self.lake.query(&sql).await.map_err(|error| error.within(&self.at.to_string()))?;
        let mut end_row = skipped;
        let chunks =
            rows.batches.map_err(|error| Stop::Failed(failed(error))).and_then(move |rows| {
                let made = conform(&rows, &self.columns, &self.at, end_row)
                    .map_err(|error| Stop::Failed(told(error)));
                end_row += rows.num_rows() as u64;
                let checkpoint = json!({"rows": end_row, "of": of});
                async move {
                    let made = made?;
                    Ok(Chunk {
                        rows: made.rows,
                        rejected: made.rejected,
                        unknown: made.unknown,
                        checkpoint,
                    })
                }
            });
        Ok(chunks.boxed())
    }
}

#[async_trait]
impl Source for Curated {
    async fn splits(&self, _window: &Window) -> Result<Vec<Split>, HandlerError> {
        Ok(vec![Split::new("all")])
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        stream::once(self.chunks(read)).try_flatten().boxed()
    }
}
