//! Tables of Parquet files: named one by one, each with the values that stand in its path.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{ScalarValue, project_schema};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::context::SessionContext;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectStore;

/// The files of a table.
pub struct ParquetFiles {
    schema: TableSchema,
    files: Vec<DataFile>,
    url: ObjectStoreUrl,
    store: Arc<dyn ObjectStore>,
}

/// A file of a table.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// Its path in the store.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// The values of the columns that stand in the path, in their order.
    pub values: Vec<Option<String>>,
}

impl ParquetFiles {
    /// Files with these columns, and behind them those that stand in the paths. `store_name` tells stores apart.
    ///
    /// # Errors
    /// [`crate::Error::Query`] if the name is no host's.
    pub fn new(
        columns: SchemaRef,
        in_path: Vec<FieldRef>,
        files: Vec<DataFile>,
        store_name: &str,
        store: Arc<dyn ObjectStore>,
    ) -> std::result::Result<Self, crate::Error> {
        let schema = TableSchema::builder(columns).with_table_partition_cols(in_path).build();
        let url = ObjectStoreUrl::parse(format!("lake://{store_name}"))?;
        Ok(Self { schema, files, url, store })
    }

    pub(crate) fn register_store(&self, context: &SessionContext) {
        context.register_object_store(self.url.as_ref(), Arc::clone(&self.store));
    }

    fn partitioned(&self, file: &DataFile) -> Result<PartitionedFile> {
        let columns = self.schema.table_partition_cols().iter();
        let values = columns.zip(&file.values).map(|(column, value)| match value {
            Some(value) => ScalarValue::try_from_string(value.clone(), column.data_type()),
            None => ScalarValue::try_from(column.data_type()),
        });
        let mut partitioned = PartitionedFile::new(file.path.clone(), file.size);
        partitioned.partition_values = values.collect::<Result<_>>()?;
        Ok(partitioned)
    }
}

impl fmt::Debug for ParquetFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetFiles").field("files", &self.files).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for ParquetFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Filters are pushed into the files by the optimizer, which asks the scan itself.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            let schema = project_schema(self.schema.table_schema(), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let files: Vec<_> =
            self.files.iter().map(|file| self.partitioned(file)).collect::<Result<_>>()?;
        let groups = FileGroup::new(files).split_files(state.config().target_partitions());
        let options = state.table_options().parquet.clone();
        let source = ParquetSource::new(self.schema.clone()).with_table_parquet_options(options);
        let scan = FileScanConfigBuilder::new(self.url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}
