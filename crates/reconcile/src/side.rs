//! What is compared: something that can be read more than once.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::Selection;

/// Why a side could not be read, in its own words.
pub type SideError = Box<dyn std::error::Error + Send + Sync>;

/// Record batches, in any order.
pub type Batches<'a> = Box<dyn Iterator<Item = Result<RecordBatch, SideError>> + 'a>;

/// One side of a comparison: the same rows at every reading.
pub trait Side: Sync {
    /// Its columns.
    ///
    /// # Errors
    /// If it cannot be told.
    fn schema(&self) -> Result<SchemaRef, SideError>;

    /// Its rows, in these columns and this order; all of them, or those of a selection.
    ///
    /// More rows than selected may come, those of whole files for instance: they are looked at and left aside.
    /// [`Selection::mask`] says early which ones count.
    ///
    /// # Errors
    /// If reading cannot begin.
    fn read<'a>(
        &'a self,
        columns: &'a [String],
        selection: Option<&'a Selection>,
    ) -> Result<Batches<'a>, SideError>;

    /// All its rows, to be looked at once and let go batch by batch. Texts and bytes may be views into what was read.
    ///
    /// # Errors
    /// If reading cannot begin.
    fn look<'a>(&'a self, columns: &'a [String]) -> Result<Batches<'a>, SideError> {
        self.read(columns, None)
    }
}

/// Batches in memory.
impl Side for Vec<RecordBatch> {
    fn schema(&self) -> Result<SchemaRef, SideError> {
        Ok(self.first().ok_or("there is no batch to take the columns from")?.schema())
    }

    fn read<'a>(
        &'a self,
        columns: &'a [String],
        _selection: Option<&'a Selection>,
    ) -> Result<Batches<'a>, SideError> {
        Ok(Box::new(self.iter().map(|batch| project(batch, columns))))
    }
}

/// The columns of a batch, by name and in this order.
pub(crate) fn project(batch: &RecordBatch, columns: &[String]) -> Result<RecordBatch, SideError> {
    let schema = batch.schema();
    let indices: Result<Vec<_>, _> = columns.iter().map(|name| schema.index_of(name)).collect();
    Ok(batch.project(&indices?)?)
}

/// The schema of these columns of a side.
pub(crate) fn schema_of(side: &dyn Side, columns: &[String]) -> Result<SchemaRef, SideError> {
    let schema = side.schema()?;
    let indices: Result<Vec<_>, _> = columns.iter().map(|name| schema.index_of(name)).collect();
    Ok(std::sync::Arc::new(schema.project(&indices?)?))
}
