//! Columns of Parquet as what is declared: a value keeps all that it says, or becomes null.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, RecordBatch,
};
use arrow::compute::kernels::cmp::distinct;
use arrow::compute::kernels::numeric::add;
use arrow::compute::{CastOptions, cast_with_options, nullif};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use arrow::json::writer::{LineDelimited, WriterBuilder};
use arrow::row::{RowConverter, SortField};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ColumnType;
use crate::rows::{Cell, column};

/// The column as what is declared. What loses something in it becomes null.
pub(super) fn cast(array: &ArrayRef, kind: &ColumnType) -> Result<ArrayRef, ArrowError> {
    let to = kind.to_arrow();
    match array.data_type() {
        DataType::Dictionary(_, values) => cast(&plain_cast(array, values)?, kind),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
            if *kind != ColumnType::String =>
        {
            let texts = plain_cast(array, &DataType::Utf8)?;
            Ok(column(
                kind,
                texts.as_string::<i32>().iter().map(|it| it.map_or(Cell::Null, Cell::Text)),
            ))
        }
        given if *given == to => Ok(ArrayRef::clone(array)),
        given if given.is_nested() && matches!(kind, ColumnType::Json | ColumnType::String) => {
            as_json(array, kind)
        }
        given if given.is_nested() => {
            let cast = plain_cast(array, &to)?;
            let back = plain_cast(&cast, array.data_type())?;
            nullif(&cast, &differ(&back, array)?)
        }
        given if is_rounded(given, &to) => {
            let cast = plain_cast(array, &to)?;
            let back = plain_cast(&cast, array.data_type())?;
            nullif(&cast, &distinct(&positive_zero(&back)?, &positive_zero(array)?)?)
        }
        _ => plain_cast(array, &to),
    }
}

fn plain_cast(array: &dyn Array, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, to, &CastOptions { safe: true, ..CastOptions::default() })
}

/// A cast to fewer digits rounds, and one to a shorter time cuts: what does not come back as it was, is lost.
fn is_rounded(from: &DataType, to: &DataType) -> bool {
    let is_number = |kind: &DataType| kind.is_numeric() || kind.is_temporal();
    matches!(to, DataType::Decimal128(..))
        || (is_number(to) || *to == DataType::Boolean) && is_number(from)
}

/// Which rows of two columns of one type are not the same, to the last member.
fn differ(one: &ArrayRef, other: &ArrayRef) -> Result<BooleanArray, ArrowError> {
    let converter = RowConverter::new(vec![SortField::new(other.data_type().clone())])?;
    let one = converter.convert_columns(std::slice::from_ref(one))?;
    let other = converter.convert_columns(std::slice::from_ref(other))?;
    Ok(one.iter().zip(other.iter()).map(|(one, other)| Some(one != other)).collect())
}

/// The two zeros of floating-point numbers are one number.
fn positive_zero(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Float64 => add(array, &Float64Array::new_scalar(0.0)),
        DataType::Float32 => add(array, &Float32Array::new_scalar(0.0)),
        _ => Ok(ArrayRef::clone(array)),
    }
}

/// Lists and structs as JSON, which no text takes.
fn as_json(array: &ArrayRef, kind: &ColumnType) -> Result<ArrayRef, ArrowError> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let batch =
        RecordBatch::try_from_iter_with_nullable([("value", ArrayRef::clone(array), true)])?;
    let mut writer: LineDelimitedWriter<_> =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(&batch)?;
    writer.finish()?;
    let written = writer.into_inner();
    let lines = serde_json::Deserializer::from_slice(&written).into_iter::<Line<'_>>();
    let lines: Vec<_> = lines
        .collect::<Result<_, _>>()
        .map_err(|error| ArrowError::JsonError(error.to_string()))?;
    Ok(column(
        kind,
        lines.iter().map(|it| it.value.map_or(Cell::Null, |value| Cell::Json(value.get()))),
    ))
}
