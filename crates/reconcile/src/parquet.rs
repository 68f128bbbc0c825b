//! Parquet files as a side of a comparison.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowFilter,
};

use crate::side::project;
use crate::{Batches, Selection, Side, SideError};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8_192;

/// Files on this machine, all of the same columns, each row in one of them.
///
/// Of a selection, the key is read first, and of the other columns only what is selected.
#[derive(Debug, Clone)]
pub struct ParquetFiles {
    files: Vec<PathBuf>,
    schema: SchemaRef,
}

impl ParquetFiles {
    /// These files. `schema` is what they have; it is needed where there are none.
    pub fn new(files: Vec<PathBuf>, schema: SchemaRef) -> Self {
        Self { files, schema }
    }

    /// These files, at least one, with the columns of the first.
    ///
    /// # Errors
    /// If there is none, or it is no Parquet file.
    pub fn open(files: Vec<PathBuf>) -> Result<Self, SideError> {
        let first = files.first().ok_or("there is no file")?;
        let schema = builder(first)?.schema().clone();
        Ok(Self { files, schema })
    }
}

impl Side for ParquetFiles {
    fn schema(&self) -> Result<SchemaRef, SideError> {
        Ok(self.schema.clone())
    }

    fn read<'a>(
        &'a self,
        columns: &'a [String],
        selection: Option<&'a Selection>,
    ) -> Result<Batches<'a>, SideError> {
        let open = move |file: &Path| {
            let builder = builder(file)?;
            let Some(selection) = selection else { return Ok(builder) };
            let filter = filter(&builder, selection);
            Ok(builder.with_row_filter(filter))
        };
        Ok(self.batches(columns, open))
    }

    fn look<'a>(&'a self, columns: &'a [String]) -> Result<Batches<'a>, SideError> {
        Ok(self.batches(columns, in_place))
    }
}

impl ParquetFiles {
    /// These columns of every file, as `open` has it read.
    fn batches<'a>(
        &'a self,
        columns: &'a [String],
        open: impl Fn(&Path) -> Result<Builder, SideError> + 'a,
    ) -> Batches<'a> {
        let of_file = move |file: &'a PathBuf| -> Batches<'a> {
            let in_file = move |error: SideError| -> SideError {
                format!("{}: {error}", file.display()).into()
            };
            match open(file).and_then(|builder| reader(builder, columns)) {
                Ok(batches) => Box::new(batches.map(move |batch| {
                    batch
                        .map_err(SideError::from)
                        .and_then(|it| project(&it, columns))
                        .map_err(in_file)
                })),
                Err(error) => Box::new(std::iter::once(Err(in_file(error)))),
            }
        };
        Box::new(self.files.iter().flat_map(of_file))
    }
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

fn builder(file: &Path) -> Result<Builder, SideError> {
    Ok(Builder::try_new(File::open(file)?)?.with_batch_size(BATCH_ROWS))
}

/// With texts and bytes in the pages they were read in: those who look at every row once need no copies. Whoever keeps a
/// row keeps its pages.
fn in_place(file: &Path) -> Result<Builder, SideError> {
    let file = File::open(file)?;
    let known = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())?;
    let options = ArrowReaderOptions::new().with_schema(with_views(known.schema()));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(known.metadata()), options);
    // What cannot be had so is read as it is.
    let builder = Builder::new_with_metadata(file, metadata.unwrap_or(known));
    Ok(builder.with_batch_size(BATCH_ROWS))
}

fn with_views(schema: &Schema) -> SchemaRef {
    let viewed = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => as_type(field, DataType::Utf8View),
        DataType::Binary | DataType::LargeBinary => as_type(field, DataType::BinaryView),
        _ => Arc::clone(field),
    };
    let fields: Vec<_> = schema.fields().iter().map(viewed).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn as_type(field: &Field, kind: DataType) -> Arc<Field> {
    Arc::new(field.clone().with_data_type(kind))
}

fn reader(builder: Builder, columns: &[String]) -> Result<ParquetRecordBatchReader, SideError> {
    let mask = columns_of(&builder, columns);
    Ok(builder.with_projection(mask).build()?)
}

/// These columns as they are, also where a name has a dot in it.
fn columns_of(builder: &Builder, columns: &[String]) -> ProjectionMask {
    let schema = builder.parquet_schema();
    let fields = schema.root_schema().get_fields().iter().enumerate();
    let wanted = fields.filter(|(_, field)| columns.iter().any(|name| name == field.name()));
    let places: Vec<_> = wanted.map(|(place, _)| place).collect();
    ProjectionMask::roots(schema, places)
}

fn filter(builder: &Builder, selection: &Selection) -> RowFilter {
    let mask = columns_of(builder, selection.columns());
    let selection = selection.clone();
    let selected =
        move |batch: RecordBatch| selection.mask(&batch).map_err(ArrowError::ExternalError);
    RowFilter::new(vec![Box::new(ArrowPredicateFn::new(mask, selected))])
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, BinaryArray, LargeStringArray, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    #[test]
    fn texts_and_bytes_are_views_for_who_looks_and_as_the_schema_says_for_who_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("texts.parquet");
        let columns: [(&str, ArrayRef); 3] = [
            ("text", Arc::new(StringArray::from(vec!["a"]))),
            ("large", Arc::new(LargeStringArray::from(vec!["b"]))),
            ("bytes", Arc::new(BinaryArray::from(vec![&b"c"[..]]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let side = ParquetFiles::open(vec![path]).unwrap();
        let names = ["text", "large", "bytes"].map(str::to_owned);
        let types = |batches: Batches<'_>| -> Vec<_> {
            let schema = batches.map(Result::unwrap).next().unwrap().schema();
            schema.fields().iter().map(|field| field.data_type().clone()).collect()
        };
        let views = [DataType::Utf8View, DataType::Utf8View, DataType::BinaryView];
        assert_eq!(types(side.look(&names).unwrap()), views);
        let own = [DataType::Utf8, DataType::LargeUtf8, DataType::Binary];
        assert_eq!(types(side.read(&names, None).unwrap()), own);
    }
}
