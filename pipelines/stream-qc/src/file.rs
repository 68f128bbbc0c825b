//! A series in a file of CSV, JSON lines or Parquet.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures_util::TryStreamExt as _;
use stepwell_tabular::{
    ColumnType, Error, Format, Kind, Location, ReadOptions, Stores, arrow_schema,
};

use crate::series::Columns;
use crate::spool::{self, Spool};

/// Reads all rows into a spool.
///
/// # Errors
/// [`Error`], by what should happen next. A row that cannot be read ends it, by place and reason.
pub async fn read(
    stores: &Stores,
    at: &Location,
    kind: Option<Kind>,
    columns: &Columns,
    spool: &mut Spool,
) -> Result<(), spool::Error> {
    let (options, told) = options(stores, at, kind, columns).await?;
    if let Some(told) = told {
        spool.tell_columns(told);
    }
    let mut found = stepwell_tabular::read(stores, at, options.clone()).await?;
    while let Some(batch) = found.try_next().await? {
        if let Some(rejected) = batch.rejected.first() {
            return Err(Error::Wrong(format!("{}: {}", rejected.place, rejected.reason)).into());
        }
        spool.push(&batch.rows)?;
    }
    if spool.is_untouched() {
        let columns = if let Some(columns) = options.columns {
            columns
        } else {
            let options = ReadOptions { kind, ..ReadOptions::default() };
            stepwell_tabular::infer(stores, at, &options).await?
        };
        spool.push(&RecordBatch::new_empty(arrow_schema(&columns)))?;
    }
    Ok(())
}

/// How the file is read, and as what its columns are told. Of texts, what a check looks at is read as text: one that is
/// no number is a missing value, and not the end. The check of types takes it for what it is read as.
async fn options(
    stores: &Stores,
    at: &Location,
    kind: Option<Kind>,
    columns: &Columns,
) -> Result<(ReadOptions, Option<SchemaRef>), Error> {
    let mut options = ReadOptions { kind, ..ReadOptions::default() };
    let is_parquet =
        kind.or_else(|| Kind::of(at.name())).is_some_and(|it| it.format == Format::Parquet);
    if is_parquet {
        return Ok((options, None));
    }
    let mut told = stepwell_tabular::infer(stores, at, &options).await?;
    let mut read = told.clone();
    let places = [&columns.depth, &columns.lon, &columns.lat].into_iter().flatten();
    let numbers: Vec<_> = std::iter::once(&columns.value).chain(places).collect();
    for (read, told) in read.iter_mut().zip(&mut told) {
        let meant = match &read.name {
            name if *name == columns.time => ColumnType::Timestamp,
            name if numbers.contains(&name) => ColumnType::Double,
            _ => continue,
        };
        if read.kind == ColumnType::String {
            told.kind = meant;
        }
        read.kind = ColumnType::String;
        read.required = false;
    }
    options.columns = Some(read);
    Ok((options, Some(arrow_schema(&told))))
}
