//! SQL over the lake: its published tables, and the views of the newest rows of logs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, SchemaRef};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::surroundings::Provider;
use stepwell_query::{Batches, DataFile, ParquetFiles, ReadError, Rows, Session, quoted};
use stepwell_tabular::{Format, arrow_schema};

use crate::athena::{self, Asker, with_views};
use crate::config::Config;
use crate::published::{self, Table};
use crate::target::{Target, values};
use crate::views::{LATEST, latest, view_of, words};
use crate::world::{World, told};
use crate::write::read_kind;

/// What can be asked in SQL.
#[derive(Clone)]
pub struct Lake {
    world: Arc<World>,
    target: Target,
    memory: usize,
    athena: athena::Settings,
}

impl Lake {
    pub(crate) fn new(config: &Config, world: &Arc<World>) -> Self {
        Self {
            world: Arc::clone(world),
            target: config.target.clone(),
            memory: config.query_bytes,
            athena: config.athena.clone(),
        }
    }

    /// Runs a query that reads, over what is published now: in this process, or by Athena where that serves.
    ///
    /// # Errors
    /// [`HandlerError::Config`] for a query that is wrong; by class what cannot be read.
    pub async fn query(&self, sql: &str) -> Result<Rows, HandlerError> {
        match self.athena().await? {
            Some(asker) => {
                let sql = with_views(&self.views_of(sql).await?, sql)?;
                asker.rows(&sql, self.world.now()).await
            }
            None => self.session().await?.query(sql).await.map_err(failed),
        }
    }

    /// Who asks Athena; none where queries run in this process.
    pub(crate) async fn athena(&self) -> Result<Option<Asker>, HandlerError> {
        if self.world.surroundings.services.athena == Provider::Embedded {
            return Ok(None);
        }
        Asker::open(&self.world, &self.target, &self.athena).await.map(Some)
    }

    /// `"orders_latest" AS (SELECT ...)` for each view that a query names, behind those that it reads itself.
    pub(crate) async fn views_of(&self, sql: &str) -> Result<Vec<String>, HandlerError> {
        let mut tables = BTreeMap::new();
        for word in words(sql) {
            let mut name = word.strip_suffix(LATEST).map(str::to_owned);
            while let Some(wanted) = name.take() {
                let table = published::table(&self.world.stores, &self.target, &wanted).await?;
                if let Some(table) = table {
                    name.clone_from(&table.child_of);
                    // Views of children read those of their parents.
                    tables.insert((table.child_of.is_some(), wanted), table);
                }
            }
        }
        let view = |table: &Table| {
            latest(table).map(|query| format!("{} AS ({query})", quoted(&view_of(&table.name))))
        };
        Ok(tables.values().filter_map(view).collect())
    }

    /// A session with all tables and views.
    ///
    /// # Errors
    /// By class.
    pub async fn session(&self) -> Result<Session, HandlerError> {
        let session = Session::new(self.memory, &self.spill()?).map_err(failed)?;
        let mut tables = published::tables(&self.world.stores, &self.target).await?;
        for table in &tables {
            self.add(&session, table).await?;
        }
        // Views of children read those of their parents.
        tables.sort_by_key(|table| table.child_of.is_some());
        for table in &tables {
            if let Some(query) = latest(table) {
                session.add_view(&view_of(&table.name), &query).await.map_err(failed)?;
            }
        }
        Ok(session)
    }

    /// A name for what is published in tables, and in those that they hang on: another one after each switch.
    pub(crate) async fn state_of(&self, tables: &[String]) -> Result<String, HandlerError> {
        let mut names = tables.to_vec();
        let mut state = xxhash_rust::xxh3::Xxh3::new();
        while let Some(name) = names.pop() {
            let table = published::table(&self.world.stores, &self.target, &name).await?;
            state.update(format!("{name} {table:?}").as_bytes());
            names.extend(table.and_then(|table| table.child_of));
        }
        Ok(format!("{:016x}", state.digest()))
    }

    fn spill(&self) -> Result<PathBuf, HandlerError> {
        let folder = self.world.file("lake-queries")?;
        std::fs::create_dir_all(&folder)
            .map_err(|error| HandlerError::Config(format!("{}: {error}", folder.display())))?;
        Ok(folder)
    }

    async fn add(&self, session: &Session, table: &Table) -> Result<(), HandlerError> {
        let all = table.partitions.values().flat_map(|it| &it.files);
        let is_parquet = all.clone().all(|file| read_kind(&file.name).format == Format::Parquet);
        if !is_parquet {
            let batches = Arc::new(Whole { lake: self.clone(), table: Arc::new(table.clone()) });
            return session.add_batches(&table.name, batches).map_err(failed);
        }
        let folder = self.target.table(&table.name);
        let (store, path) = self.world.stores.open(&folder).await.map_err(told)?;
        let mut files = Vec::new();
        for (name, partition) in &table.partitions {
            let in_path: Vec<_> = values(name).into_iter().map(|(_, value)| value).collect();
            for (file, about) in table.files(partition).zip(&partition.files) {
                files.push(DataFile {
                    path: format!("{path}/{file}"),
                    size: about.bytes,
                    values: in_path.clone(),
                });
            }
        }
        let columns = arrow_schema(&table.file_columns());
        let in_path = table.partition_by.iter().map(|by| {
            let plain = table.columns.iter().find(|it| by.unit.is_none() && it.name == by.column);
            Arc::new(Field::new(
                &by.name,
                plain.map_or(DataType::Utf8, |it| it.kind.to_arrow()),
                true,
            ))
        });
        let store_name = match &folder {
            stepwell_tabular::Location::S3 { bucket, .. } => bucket.as_str(),
            _ => "local",
        };
        let files = ParquetFiles::new(columns, in_path.collect(), files, store_name, store)
            .map_err(failed)?;
        session.add_parquet(&table.name, files).map_err(failed)
    }
}

/// A table that is no Parquet.
struct Whole {
    lake: Lake,
    table: Arc<Table>,
}

impl Batches for Whole {
    fn schema(&self) -> SchemaRef {
        arrow_schema(&self.table.columns)
    }

    fn read(&self) -> BoxStream<'static, Result<RecordBatch, ReadError>> {
        let (lake, table) = (self.lake.clone(), Arc::clone(&self.table));
        let paths = table.partitions.iter().flat_map(|(name, it)| {
            table.files(it).map(|file| (name.clone(), file)).collect::<Vec<_>>()
        });
        let paths: Vec<_> = paths.collect();
        stream::iter(paths)
            .then(move |(partition, file)| {
                let (lake, table) = (lake.clone(), Arc::clone(&table));
                async move {
                    let batches =
                        published::file_rows(&lake.world.stores, &lake.target, &table, &file)
                            .await?;
                    Ok::<_, HandlerError>(
                        batches.map(move |batch| published::whole(&table, &partition, &batch?)),
                    )
                }
            })
            .try_flatten()
            .map_err(ReadError::from)
            .boxed()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn failed(error: stepwell_query::Error) -> HandlerError {
    use stepwell_query::Error;
    match error {
        Error::Query(_) | Error::Memory(_) => HandlerError::Config(error.to_string()),
        Error::Read(_) => HandlerError::Retryable(error.to_string()),
    }
}
