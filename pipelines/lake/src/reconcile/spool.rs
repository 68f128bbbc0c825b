//! Files beside the pipeline's state: one side of a proof, ready to be read more than once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use stepwell_pipeline::HandlerError;

use super::kept::unwritable;

/// A row group is held in memory until it is written.
const ROW_GROUP_ROWS: usize = 100_000;

/// One file that is being written. It has its name once it is whole.
pub(super) struct SpoolFile {
    schema: SchemaRef,
    writer: ArrowWriter<File>,
    part: PathBuf,
    path: PathBuf,
}

impl SpoolFile {
    pub(super) fn create(
        folder: &Path,
        name: &str,
        schema: &SchemaRef,
    ) -> Result<Self, HandlerError> {
        let schema = nullable(schema);
        let path = folder.join(name);
        let part = path.with_extension("part");
        let made = || -> Result<_, Box<dyn std::error::Error>> {
            fs::create_dir_all(folder)?;
            let properties = WriterProperties::builder()
                .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                .set_compression(Compression::SNAPPY)
                .build();
            Ok(ArrowWriter::try_new(File::create(&part)?, schema.clone(), Some(properties))?)
        };
        let writer = made().map_err(|error| unwritable(&path, &error))?;
        Ok(Self { schema, writer, part, path })
    }

    /// Adds rows, column by name; one that they do not have is NULL.
    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<(), HandlerError> {
        let rows = aligned(rows, &self.schema)?;
        self.writer.write(&rows).map_err(|error| unwritable(&self.path, &error))
    }

    /// Ends the file and gives its path.
    pub(super) fn finish(self) -> Result<PathBuf, HandlerError> {
        let Self { writer, part, path, .. } = self;
        let ended = || -> Result<_, Box<dyn std::error::Error>> {
            writer.into_inner()?.sync_all()?;
            Ok(fs::rename(&part, &path)?)
        };
        ended().map_err(|error| unwritable(&path, &error))?;
        Ok(path)
    }
}

/// The same columns, all of them nullable: a tombstone has its key alone.
fn nullable(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> =
        schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
    Arc::new(Schema::new(fields))
}

fn aligned(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, HandlerError> {
    let column = |field: &Arc<Field>| -> Result<ArrayRef, HandlerError> {
        let Some(column) = rows.column_by_name(field.name()) else {
            return Ok(new_null_array(field.data_type(), rows.num_rows()));
        };
        cast(column, field.data_type()).map_err(|error| {
            HandlerError::Config(format!(
                "the column `{}` cannot be compared: {error}",
                field.name()
            ))
        })
    };
    let columns: Result<Vec<_>, _> = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema.clone(), columns?)
        .map_err(|error| HandlerError::Fatal(format!("rows do not fit their columns: {error}")))
}
