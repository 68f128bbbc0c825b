//! SQL over the lake: its published tables, and for every log a view `<table>_latest` of its newest rows.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, SchemaRef};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use stepwell_pipeline::HandlerError;
use stepwell_query::{Batches, DataFile, ParquetFiles, ReadError, Rows, Session, quoted};
use stepwell_tabular::{Format, arrow_schema};

use crate::config::Config;
use crate::dataset::DELETED;
use crate::published::{self, Table};
use crate::target::{Target, values};
use crate::world::{World, told};
use crate::write::read_kind;

/// What the view of a log's newest rows ends with.
pub const LATEST: &str = "_latest";

/// What can be asked in SQL.
#[derive(Clone)]
pub struct Lake {
    world: Arc<World>,
    target: Target,
    memory: usize,
}

impl Lake {
    pub(crate) fn new(config: &Config, world: &Arc<World>) -> Self {
        Self { world: Arc::clone(world), target: config.target.clone(), memory: config.query_bytes }
    }

    /// Runs a query that reads, over what is published now.
    ///
    /// # Errors
    /// [`HandlerError::Config`] for a query that is wrong; by class what cannot be read.
    pub async fn query(&self, sql: &str) -> Result<Rows, HandlerError> {
        self.session().await?.query(sql).await.map_err(failed)
    }

    /// A session with all tables and views.
    ///
    /// # Errors
    /// By class.
    pub async fn session(&self) -> Result<Session, HandlerError> {
        let session = Session::new(self.memory, &self.spill()?).map_err(failed)?;
        let mut tables = Vec::new();
        for name in published::tables(&self.world.stores, &self.target).await? {
            tables.extend(published::table(&self.world.stores, &self.target, &name).await?);
        }
        for table in &tables {
            self.add(&session, table).await?;
        }
        // Views of children read those of their parents.
        tables.sort_by_key(|table| table.child_of.is_some());
        for table in &tables {
            if let Some(query) = latest(table) {
                let view = format!("{}{LATEST}", table.name);
                session.add_view(&view, &query).await.map_err(failed)?;
            }
        }
        Ok(session)
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

/// The newest rows of a log that are not deleted; those of a child go with their parent's.
fn latest(table: &Table) -> Option<String> {
    if table.version_by.is_empty() || table.key.is_empty() {
        return None;
    }
    let name = quoted(&table.name);
    let columns = |from: &str| {
        let names = table.columns.iter().map(|column| format!("{from}{}", quoted(&column.name)));
        names.collect::<Vec<_>>().join(", ")
    };
    if let Some(parent) = &table.child_of {
        let same = table
            .key
            .iter()
            .chain(&table.version_by)
            .filter(|name| table.columns.iter().any(|it| it.name == **name));
        let same: Vec<_> = same.map(|name| format!("c.{0} = p.{0}", quoted(name))).collect();
        let parent = quoted(&format!("{parent}{LATEST}"));
        return Some(format!(
            "SELECT DISTINCT {} FROM {name} c JOIN {parent} p ON {}",
            columns("c."),
            same.join(" AND ")
        ));
    }
    let key: Vec<_> = table.key.iter().map(|name| quoted(name)).collect();
    let order: Vec<_> =
        table.version_by.iter().map(|name| format!("{} DESC NULLS LAST", quoted(name))).collect();
    let is_there = if table.columns.iter().any(|it| it.name == DELETED) {
        format!(" AND NOT {}", quoted(DELETED))
    } else {
        String::new()
    };
    Some(format!(
        "SELECT {} FROM (SELECT *, row_number() OVER (PARTITION BY {} ORDER BY {}) AS _rank FROM {name}) WHERE _rank = 1{is_there}",
        columns(""),
        key.join(", "),
        order.join(", ")
    ))
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
