//! Parquet: columns are cast to what is declared, and what does not survive the cast is rejected.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, new_null_array,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::cast::cast;
use super::{Batch, ReadOptions};
use crate::rows::{UNKNOWN, Unknown};
use crate::{Column, ColumnType, Error, Location, Rejected, Stores, arrow_schema};

pub(super) async fn read(
    stores: &Stores,
    at: &Location,
    options: ReadOptions,
) -> Result<BoxStream<'static, Result<Batch, Error>>, Error> {
    let (schema, batches) = open(stores, at, &options).await?;
    let columns = match options.columns {
        Some(columns) => columns,
        None => columns_of(&schema, at)?,
    };
    let shape = Shape::new(columns, &schema, options.unknown, options.missing_is_null, at)?;
    let (at, mut end_row) = (at.clone(), options.skip_rows);
    let shaped = batches.map(move |batch| {
        let batch = batch.map_err(|error| error_of(&at, &error))?;
        let first = end_row;
        end_row += batch.num_rows() as u64;
        shape.apply(&batch, &at, first)
    });
    Ok(shaped.boxed())
}

pub(super) async fn columns(stores: &Stores, at: &Location) -> Result<Vec<Column>, Error> {
    let (schema, _) = open(stores, at, &ReadOptions::default()).await?;
    columns_of(&schema, at)
}

pub(super) async fn count(stores: &Stores, at: &Location) -> Result<u64, Error> {
    let builder = builder(stores, at).await?;
    let rows = builder.metadata().file_metadata().num_rows();
    u64::try_from(rows).map_err(|_| Error::content(at, "its footer has no count of rows"))
}

async fn builder(
    stores: &Stores,
    at: &Location,
) -> Result<ParquetRecordBatchStreamBuilder<Ranges>, Error> {
    let (store, path) = stores.open(at).await?;
    let meta = store.head(&path).await.map_err(|error| Error::of_store(at, &error))?;
    let ranges = Ranges { store, path, size: meta.size };
    ParquetRecordBatchStreamBuilder::new(ranges).await.map_err(|error| error_of(at, &error))
}

/// The parts of a file that Parquet asks for.
struct Ranges {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl AsyncFileReader for Ranges {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move { self.store.get_range(&self.path, range).await.map_err(ParquetError::from) }
            .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(ParquetError::from) }
            .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        let size = self.size;
        async move { ParquetMetaDataReader::new().load_and_finish(self, size).await.map(Arc::new) }
            .boxed()
    }
}

/// Rows of any types as rows of declared columns, as if they stood in a Parquet file `at`: what does not survive its cast
/// is rejected.
///
/// # Errors
/// [`Error::Content`] for a column that is not there.
pub fn conform(
    rows: &RecordBatch,
    columns: &[Column],
    at: &Location,
    first_row: u64,
) -> Result<Batch, Error> {
    Shape::new(columns.to_vec(), rows.schema_ref(), Unknown::Report, false, at)?
        .apply(rows, at, first_row)
}

type Batches = BoxStream<'static, Result<RecordBatch, ParquetError>>;

async fn open(
    stores: &Stores,
    at: &Location,
    options: &ReadOptions,
) -> Result<(SchemaRef, Batches), Error> {
    let skipped = usize::try_from(options.skip_rows)
        .map_err(|_| Error::Wrong(format!("{at}: {} rows cannot be skipped", options.skip_rows)))?;
    if let Location::Http(_) = at {
        return in_memory(stores.get(at).await?, at, options.batch_rows, skipped);
    }
    let builder = builder(stores, at).await?;
    let schema = Arc::clone(builder.schema());
    let builder = builder.with_batch_size(options.batch_rows).with_offset(skipped);
    let stream = builder.build().map_err(|error| error_of(at, &error))?;
    Ok((schema, stream.boxed()))
}

/// A web server may know no ranges, so the file is fetched whole.
fn in_memory(
    bytes: Bytes,
    at: &Location,
    batch_rows: usize,
    skipped: usize,
) -> Result<(SchemaRef, Batches), Error> {
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(|error| error_of(at, &error))?;
    let schema = Arc::clone(builder.schema());
    let builder = builder.with_batch_size(batch_rows).with_offset(skipped);
    let batches = builder.build().map_err(|error| error_of(at, &error))?;
    Ok((schema, futures_util::stream::iter(batches).map_err(ParquetError::from).boxed()))
}

fn error_of(at: &Location, error: &ParquetError) -> Error {
    match error {
        ParquetError::External(cause) => match cause.downcast_ref::<object_store::Error>() {
            Some(error) => Error::of_store(at, error),
            None => Error::content(at, error),
        },
        _ => Error::content(at, error),
    }
}

fn columns_of(schema: &Schema, at: &Location) -> Result<Vec<Column>, Error> {
    let column = |field: &Arc<arrow::datatypes::Field>| {
        let kind = ColumnType::of_arrow(field.data_type()).ok_or_else(|| {
            Error::content(
                at,
                format!(
                    "the column `{}` is {}, which is not supported",
                    field.name(),
                    field.data_type()
                ),
            )
        })?;
        Ok(Column::new(field.name(), kind))
    };
    schema.fields().iter().map(column).collect()
}

/// How batches of a file become rows of the declared columns.
struct Shape {
    columns: Vec<Column>,
    schema: SchemaRef,
    unknown: BTreeSet<String>,
}

impl Shape {
    fn new(
        columns: Vec<Column>,
        file: &Schema,
        unknown: Unknown,
        missing_is_null: bool,
        at: &Location,
    ) -> Result<Self, Error> {
        let root = |column: &Column| column.place().split('.').next().unwrap_or("").to_owned();
        let has = |name: &str| file.fields().iter().any(|field| field.name() == name);
        let missing: Vec<_> = columns
            .iter()
            .filter(|it| it.name != UNKNOWN && !has(it.place()) && !has(&root(it)))
            .map(|it| it.name.clone())
            .collect();
        if !missing.is_empty() && !missing_is_null {
            return Err(Error::content(at, format!("it has no column `{}`", missing.join("`, `"))));
        }
        if unknown == Unknown::Catch {
            return Err(Error::Wrong(format!(
                "{at}: columns of Parquet that are not declared cannot be caught; declare them, or report them"
            )));
        }
        let known: BTreeSet<_> =
            columns.iter().flat_map(|it| [root(it), it.place().to_owned()]).collect();
        let others = file.fields().iter().map(|field| field.name().clone());
        let unknown = match unknown {
            Unknown::Ignore => BTreeSet::new(),
            Unknown::Report | Unknown::Catch => {
                others.filter(|name| !known.contains(name)).collect()
            }
        };
        Ok(Self { schema: arrow_schema(&columns), columns, unknown })
    }

    fn apply(&self, batch: &RecordBatch, at: &Location, first: u64) -> Result<Batch, Error> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        let mut reasons: Vec<Option<String>> = vec![None; batch.num_rows()];
        for column in &self.columns {
            let given = at_path(batch, column);
            let cast = cast(&given, &column.kind).map_err(|error| {
                Error::content(at, format!("the column `{}`: {error}", column.name))
            })?;
            let nulls = given.logical_nulls();
            let is_there = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            for (row, reason) in reasons.iter_mut().enumerate() {
                if reason.is_none() && cast.is_null(row) && (column.required || is_there(row)) {
                    let name = &column.name;
                    *reason = Some(if is_there(row) {
                        format!("`{name}`: its value is no {}", column.kind)
                    } else {
                        format!("`{name}` is empty")
                    });
                }
            }
            arrays.push(cast);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|error| Error::content(at, error))?;
        self.without_rejected(batch, rows, reasons, at, first)
    }

    fn without_rejected(
        &self,
        given: &RecordBatch,
        rows: RecordBatch,
        reasons: Vec<Option<String>>,
        at: &Location,
        first: u64,
    ) -> Result<Batch, Error> {
        let end_row = first + given.num_rows() as u64;
        let kept: BooleanArray = reasons.iter().map(|reason| Some(reason.is_none())).collect();
        let rejected: Vec<_> = reasons
            .into_iter()
            .enumerate()
            .filter_map(|(row, reason)| {
                let place = format!("{} row {}", at.name(), first + row as u64 + 1);
                Some(Rejected { place, reason: reason?, record: shown(given, row) })
            })
            .collect();
        let rows = if rejected.is_empty() {
            rows
        } else {
            filter_record_batch(&rows, &kept).map_err(|error| Error::content(at, error))?
        };
        Ok(Batch { rows, rejected, unknown: self.unknown.clone(), end_row })
    }
}

/// The column as it stands in the file, also inside of structs.
fn at_path(batch: &RecordBatch, column: &Column) -> ArrayRef {
    let nothing = || new_null_array(&column.kind.to_arrow(), batch.num_rows());
    if let Some(array) = batch.column_by_name(column.place()) {
        return Arc::clone(array);
    }
    let mut parts = column.place().split('.');
    let mut found = parts.next().and_then(|root| batch.column_by_name(root)).cloned();
    for part in parts {
        found = found.and_then(|array| {
            let DataType::Struct(_) = array.data_type() else { return None };
            array.as_struct().column_by_name(part).cloned()
        });
    }
    found.unwrap_or_else(nothing)
}

fn shown(batch: &RecordBatch, row: usize) -> String {
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    let written = writer.write(&batch.slice(row, 1)).and_then(|()| writer.finish());
    match written {
        Ok(()) => String::from_utf8_lossy(&writer.into_inner()).trim_end().to_owned(),
        Err(error) => format!("(cannot be shown: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        DictionaryArray, Float64Array, Int64Array, ListArray, NullArray, StringArray,
        Time64MicrosecondArray, TimestampNanosecondArray, UInt64Array,
    };
    use arrow::datatypes::{Field, Float64Type, Int32Type};

    use super::*;

    #[track_caller]
    fn check(given: ArrayRef, to: &str, kept: &[bool]) {
        let schema = Schema::new(vec![Field::new("n", given.data_type().clone(), true)]);
        let rows = RecordBatch::try_new(Arc::new(schema), vec![given]).unwrap();
        let columns = [format!("n {to} not null").parse().unwrap()];
        let batch = conform(&rows, &columns, &"a.parquet".parse().unwrap(), 0).unwrap();
        let places: Vec<_> = batch.rejected.iter().map(|it| it.place.clone()).collect();
        let lost = kept.iter().enumerate().filter(|(_, is_kept)| !**is_kept);
        let expected: Vec<_> = lost.map(|(row, _)| format!("a.parquet row {}", row + 1)).collect();
        assert_eq!(places, expected, "{to}");
        assert_eq!(batch.rows.num_rows(), kept.len() - expected.len());
    }

    #[test]
    fn a_value_that_loses_something_in_its_declared_type_is_rejected() {
        let doubles = || Arc::new(Float64Array::from(vec![1.0, 1.7, -0.0, 1e300, f64::NAN]));
        check(doubles(), "bigint", &[true, false, true, false, false]);
        check(doubles(), "int", &[true, false, true, false, false]);
        let whole = Arc::new(Int64Array::from(vec![1, (1 << 53) + 1, i64::MAX]));
        check(whole, "double", &[true, false, false]);
        let times =
            || Arc::new(TimestampNanosecondArray::from(vec![0, 1_000, 1, 86_400_000_000_000]));
        check(times(), "timestamp", &[true, true, false, true]);
        check(times(), "date", &[true, false, false, true]);
        check(
            Arc::new(Int64Array::from(vec![1, 0, 5, -3])),
            "boolean",
            &[true, true, false, false],
        );
    }

    #[test]
    fn so_is_one_within_a_list_or_a_dictionary() {
        let lists = [vec![Some(1.0)], vec![Some(1.7)], vec![Some(2.0), Some(1e300)], vec![None]];
        let lists = lists.map(Some);
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(lists);
        check(Arc::new(lists), "array<bigint>", &[true, false, false, true]);
        let values = Arc::new(Float64Array::from(vec![1.0, 1.7]));
        let dictionary = DictionaryArray::<Int32Type>::new(vec![0, 1, 0].into(), values);
        check(Arc::new(dictionary), "bigint", &[true, false, true]);
    }

    #[test]
    fn text_is_read_as_in_any_other_source() {
        let texts = |texts: &[&str]| Arc::new(StringArray::from(texts.to_vec()));
        let days = ["2026-03-01", "2026-03-01 23:59:59", "2026-03-01T23:30:00-05:00"];
        check(texts(&days), "date", &[true, false, false]);
        let times = ["2026-03-01T10:00:00.123456Z", "2026-03-01T10:00:00.123456789Z"];
        check(texts(&times), "timestamp", &[true, false]);
        check(
            texts(&["1.5", "1.50", "1.555", "abc"]),
            "decimal(10,2)",
            &[true, true, false, false],
        );
        check(texts(&[r#"{"a": 1}"#, "nope", ""]), "json", &[true, false, false]);
    }

    #[test]
    fn columns_that_nothing_else_fits_are_decimals_and_texts() {
        let arrays: [(&str, ArrayRef); 3] = [
            ("count", Arc::new(UInt64Array::from(vec![u64::MAX, 0]))),
            ("nothing", Arc::new(NullArray::new(2))),
            ("at", Arc::new(Time64MicrosecondArray::from(vec![Some(1), None]))),
        ];
        let rows = RecordBatch::try_from_iter(arrays).unwrap();
        let at = "a.parquet".parse().unwrap();
        let columns = columns_of(&rows.schema(), &at).unwrap();
        let batch = conform(&rows, &columns, &at, 0).unwrap();
        assert_eq!((batch.rejected, batch.rows.num_rows()), (Vec::new(), 2));
        assert_eq!(batch.rows.column(1).null_count(), 2);
    }

    #[test]
    fn a_list_is_json_where_json_is_declared() {
        let lists =
            ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None]), None]);
        let json = cast(&(Arc::new(lists) as ArrayRef), &ColumnType::Json).unwrap();
        assert_eq!(json.as_string::<i32>().iter().collect::<Vec<_>>(), [Some("[1,null]"), None]);
    }
}
