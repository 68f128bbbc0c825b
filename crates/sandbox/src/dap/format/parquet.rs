//! Apache Parquet: one flat column per header of the tabular formats, Snappy inside, no gzip around it.
//!
//! The layout of the service's own Parquet files is not documented; this one follows the tabular formats, since `mode` applies to it.
//! Timestamps beyond the reach of microseconds since 1970 do not occur: the generator has the same range.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{
    Compression, ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical,
};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use super::{Layout, action, is_null};
use crate::dap::data::cell::Cell;
use crate::dap::data::column::Kind;
use crate::dap::data::rows::Row;

/// Rows held at a time.
const ROWS_PER_GROUP: usize = 2_500;

/// Writes all rows as one Parquet file.
pub(crate) fn write(
    layout: &Layout,
    key: &Kind,
    rows: impl Iterator<Item = Row>,
    out: impl Write + Send,
) -> Result<(), ParquetError> {
    let fields = fields(layout, key)?;
    let schema = Arc::new(Type::group_type_builder("spark_schema").with_fields(fields).build()?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let group: Vec<Row> = rows.by_ref().take(ROWS_PER_GROUP).collect();
        let mut row_group = writer.next_row_group()?;
        write_group(layout, key, &group, &mut row_group)?;
        row_group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn fields(layout: &Layout, key: &Kind) -> Result<Vec<Arc<Type>>, ParquetError> {
    let mut kinds = vec![(&Kind::Timestamp, false)];
    if layout.incremental {
        kinds.push((&TEXT, false));
    }
    kinds.push((key, false));
    // A delete has no values, whatever the schema requires.
    kinds.extend(
        layout.columns.iter().map(|column| (&column.kind, !column.required || layout.incremental)),
    );
    layout
        .headers()
        .iter()
        .zip(kinds)
        .map(|(name, (kind, optional))| field(name, kind, optional))
        .collect()
}

const TEXT: Kind = Kind::Text { max_length: None };

fn field(name: &str, kind: &Kind, optional: bool) -> Result<Arc<Type>, ParquetError> {
    let repetition = if optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let builder = Type::primitive_type_builder(name, physical(kind)).with_repetition(repetition);
    let field = match kind {
        Kind::Int16 => builder.with_converted_type(ConvertedType::INT_16),
        Kind::Timestamp => {
            builder.with_logical_type(Some(LogicalType::timestamp(true, TimeUnit::MICROS)))
        }
        Kind::Date => builder.with_logical_type(Some(LogicalType::Date)),
        Kind::Decimal { precision, scale } => builder
            .with_logical_type(Some(LogicalType::decimal(*scale as i32, *precision as i32)))
            .with_precision(*precision as i32)
            .with_scale(*scale as i32),
        _ if physical(kind) == Physical::BYTE_ARRAY => {
            builder.with_logical_type(Some(LogicalType::String))
        }
        _ => builder,
    };
    field.build().map(Arc::new)
}

fn physical(kind: &Kind) -> Physical {
    match kind {
        Kind::Boolean => Physical::BOOLEAN,
        Kind::Int16 | Kind::Int32 | Kind::IntEnum(_) | Kind::Date => Physical::INT32,
        Kind::Int64 | Kind::Timestamp | Kind::Decimal { .. } => Physical::INT64,
        Kind::Float32 => Physical::FLOAT,
        Kind::Float64 | Kind::Number => Physical::DOUBLE,
        _ => Physical::BYTE_ARRAY,
    }
}

fn write_group<W: Write + Send>(
    layout: &Layout,
    key: &Kind,
    rows: &[Row],
    group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<(), ParquetError> {
    let stamps: Vec<Cell> = rows.iter().map(|row| Cell::Timestamp(row.committed_at)).collect();
    write_column(&Kind::Timestamp, false, stamps.iter(), group)?;
    if layout.incremental {
        let actions: Vec<Cell> = rows.iter().map(|row| Cell::Text(action(row).into())).collect();
        write_column(&TEXT, false, actions.iter(), group)?;
    }
    write_column(key, false, rows.iter().map(|row| &row.key), group)?;
    for column in &layout.columns {
        let cells =
            rows.iter().map(|row| if row.deleted { &Cell::Null } else { column.cell(&row.cells) });
        write_column(&column.kind, !column.required || layout.incremental, cells, group)?;
    }
    Ok(())
}

fn write_column<'a, W: Write + Send>(
    kind: &Kind,
    optional: bool,
    cells: impl Iterator<Item = &'a Cell> + Clone,
    group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = cells.clone().map(|cell| i16::from(!is_null(cell))).collect();
    let levels = optional.then_some(levels.as_slice());
    let present = cells.filter(|cell| !is_null(cell));
    let mut column = group.next_column()?.expect("the schema has as many columns as are written");
    macro_rules! write {
        ($data:ty, $convert:expr) => {
            column.typed::<$data>().write_batch(
                &present.map($convert).collect::<Vec<_>>(),
                levels,
                None,
            )?
        };
    }
    match physical(kind) {
        Physical::BOOLEAN => write!(BoolType, |cell| *cell == Cell::Bool(true)),
        Physical::INT32 => write!(Int32Type, |cell| integer(cell) as i32),
        Physical::INT64 => write!(Int64Type, integer),
        Physical::FLOAT => write!(FloatType, |cell| float(cell) as f32),
        Physical::DOUBLE => write!(DoubleType, float),
        _ => write!(ByteArrayType, bytes),
    };
    column.close()
}

fn integer(cell: &Cell) -> i64 {
    match cell {
        Cell::Int(value) | Cell::Decimal { unscaled: value, .. } | Cell::Date { days: value } => {
            *value
        }
        Cell::Timestamp(at) => *at,
        other => unreachable!("{other:?} in a column of integers"),
    }
}

fn float(cell: &Cell) -> f64 {
    match cell {
        Cell::Float32(value) => f64::from(*value),
        Cell::Float64(value) => *value,
        Cell::Int(value) => *value as f64,
        other => unreachable!("{other:?} in a column of floats"),
    }
}

fn bytes(cell: &Cell) -> ByteArray {
    let mut text = String::new();
    cell.write_text(&mut text);
    text.into_bytes().into()
}
