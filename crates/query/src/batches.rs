//! Tables of batches: what is no Parquet, read by somebody else.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;

/// Why batches cannot be read.
pub type ReadError = Box<dyn std::error::Error + Send + Sync>;

/// A table that is read from its beginning as often as a query needs it.
pub trait Batches: Send + Sync + 'static {
    /// Its columns.
    fn schema(&self) -> SchemaRef;

    /// All of its rows.
    fn read(&self) -> BoxStream<'static, Result<RecordBatch, ReadError>>;
}

pub(crate) fn partition(batches: Arc<dyn Batches>) -> Arc<dyn PartitionStream> {
    Arc::new(Whole { schema: batches.schema(), batches })
}

/// All of a table in one stream.
struct Whole {
    schema: SchemaRef,
    batches: Arc<dyn Batches>,
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for Whole {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = self.batches.read().map_err(DataFusionError::External);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}
