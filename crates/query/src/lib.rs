//! SQL over files: DataFusion with exactly the files that somebody published.
//!
//! Responsible for: tables of Parquet files with the values that stand in their paths, tables of batches, views, queries
//! within a limit of memory. Left to others: which files there are, what becomes of the results. See ADR 0013.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::{SQLOptions, SessionConfig, SessionContext};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::sql::resolve::resolve_table_references;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

mod batches;
mod parquet;

pub use batches::{Batches, ReadError};
pub use parquet::{DataFile, ParquetFiles};

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The query is wrong, or not one that only reads.
    #[error("{0}")]
    Query(String),
    /// It needs more than it may have.
    #[error("the query needs more memory than `query_mebibytes` allows: {0}")]
    Memory(String),
    /// What it reads cannot be read.
    #[error("{0}")]
    Read(String),
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        let message = error.strip_backtrace();
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Memory(message),
            DataFusionError::ObjectStore(_)
            | DataFusionError::IoError(_)
            | DataFusionError::ParquetError(_)
            | DataFusionError::External(_) => Self::Read(message),
            _ => Self::Query(message),
        }
    }
}

/// The rows of a query, as they come.
pub struct Rows {
    /// Their columns.
    pub schema: SchemaRef,
    /// In the order of the query.
    pub batches: BoxStream<'static, Result<RecordBatch, Error>>,
}

/// Tables and views, and queries over them. Names are as they are written: `Id` is another column than `id`.
pub struct Session {
    context: SessionContext,
}

impl Session {
    /// Without tables yet. Beyond `memory` bytes, a query goes on in files in `spill` where it can.
    ///
    /// # Errors
    /// [`Error::Query`] if the folder cannot be used.
    pub fn new(memory: usize, spill: &Path) -> Result<Self, Error> {
        let mut config =
            SessionConfig::new().with_target_partitions(2).with_information_schema(true);
        config.options_mut().sql_parser.enable_ident_normalization = false;
        config.options_mut().execution.parquet.pushdown_filters = true;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_limit(memory, 1.0)
            .with_temp_file_path(spill)
            .build_arc()?;
        Ok(Self { context: SessionContext::new_with_config_rt(config, runtime) })
    }

    /// Adds a table of Parquet files.
    ///
    /// # Errors
    /// [`Error::Query`] if the name is taken.
    pub fn add_parquet(&self, name: &str, files: ParquetFiles) -> Result<(), Error> {
        files.register_store(&self.context);
        self.context.register_table(quoted(name), Arc::new(files))?;
        Ok(())
    }

    /// Adds a table of batches.
    ///
    /// # Errors
    /// [`Error::Query`] if the name is taken.
    pub fn add_batches(&self, name: &str, batches: Arc<dyn Batches>) -> Result<(), Error> {
        let table = StreamingTable::try_new(batches.schema(), vec![batches::partition(batches)])?;
        self.context.register_table(quoted(name), Arc::new(table))?;
        Ok(())
    }

    /// Adds a view: a name for a query.
    ///
    /// # Errors
    /// [`Error::Query`] if the query is wrong or the name is taken.
    pub async fn add_view(&self, name: &str, query: &str) -> Result<(), Error> {
        self.context.sql(&format!("CREATE VIEW {} AS {query}", quoted(name))).await?;
        Ok(())
    }

    /// Runs a query that reads: no statement that would change anything is taken.
    ///
    /// # Errors
    /// [`Error`]; later ones come with the rows.
    pub async fn query(&self, sql: &str) -> Result<Rows, Error> {
        let reading = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let stream = self.context.sql_with_options(sql, reading).await?.execute_stream().await?;
        Ok(Rows { schema: stream.schema(), batches: stream.map_err(Error::from).boxed() })
    }
}

/// The tables that a query reads.
///
/// # Errors
/// [`Error::Query`] if it is not one query.
pub fn tables_of(sql: &str) -> Result<Vec<String>, Error> {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.enable_ident_normalization = false;
    let state = SessionContext::new_with_config(config).state();
    let statement = state.sql_to_statement(sql, &state.config().options().sql_parser.dialect)?;
    let (tables, _) = resolve_table_references(&statement, false)?;
    Ok(tables.iter().map(|table| table.table().to_owned()).collect())
}

/// A name in SQL, whatever is in it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
