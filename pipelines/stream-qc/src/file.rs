//! A series in a file of CSV, JSON lines or Parquet.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use futures_util::TryStreamExt as _;
use stepwell_tabular::{
    ColumnType, Error, Format, Kind, Location, ReadOptions, Stores, arrow_schema,
};

use crate::series::Columns;

/// Reads all rows.
///
/// # Errors
/// [`Error`], by what should happen next. A row that cannot be read ends it, by place and reason.
pub async fn read(
    stores: &Stores,
    at: &Location,
    kind: Option<Kind>,
    columns: &Columns,
) -> Result<RecordBatch, Error> {
    let options = options(stores, at, kind, columns).await?;
    let mut batches = Vec::new();
    let mut found = stepwell_tabular::read(stores, at, options.clone()).await?;
    while let Some(batch) = found.try_next().await? {
        if let Some(rejected) = batch.rejected.first() {
            return Err(Error::Wrong(format!("{}: {}", rejected.place, rejected.reason)));
        }
        batches.push(batch.rows);
    }
    let schema = match (batches.first(), options.columns) {
        (Some(batch), _) => batch.schema(),
        (None, Some(columns)) => arrow_schema(&columns),
        (None, None) => arrow_schema(
            &stepwell_tabular::infer(stores, at, &ReadOptions { kind, ..ReadOptions::default() })
                .await?,
        ),
    };
    concat_batches(&schema, &batches).map_err(|error| Error::Wrong(error.to_string()))
}

/// Of texts, what a check looks at is read as text: one that is no number is a missing value, and not the end.
pub(crate) async fn options(
    stores: &Stores,
    at: &Location,
    kind: Option<Kind>,
    columns: &Columns,
) -> Result<ReadOptions, Error> {
    let mut options = ReadOptions { kind, ..ReadOptions::default() };
    let is_parquet =
        kind.or_else(|| Kind::of(at.name())).is_some_and(|it| it.format == Format::Parquet);
    if is_parquet {
        return Ok(options);
    }
    let mut inferred = stepwell_tabular::infer(stores, at, &options).await?;
    let places = [&columns.depth, &columns.lon, &columns.lat].into_iter().flatten();
    let roles: Vec<_> = [&columns.time, &columns.value].into_iter().chain(places).collect();
    for column in inferred.iter_mut().filter(|column| roles.contains(&&column.name)) {
        column.kind = ColumnType::String;
        column.required = false;
    }
    options.columns = Some(inferred);
    Ok(options)
}
