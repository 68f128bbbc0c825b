//! The datasets in which results are kept: each proof adds a partition of its own, and none is changed.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Field, TimestampMicrosecondType};
use bytes::Bytes;
use jiff::Timestamp;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::{
    Column, ColumnType, Compression, Format, Kind, WriteOptions, Writer, arrow_schema,
};

use crate::dataset::Partition;
use crate::handlers::catalog;
use crate::published::{self, PublishedFile, PublishedPartition};
use crate::service::Service;
use crate::target::{folder, level};
use crate::world::told;

const FORMAT: Format = Format::Parquet;

/// The first level of folders: the day of the proof, by its first result.
const CHECKED_ON: &str = "checked_on";
/// The second one: the proof, the same in all datasets of results.
const PROOF: &str = "proof";

/// Adds the rows of a proof, which have a column `checked_at`, and tells the catalog. A repeat adds nothing.
pub(super) async fn append(
    service: &Service,
    name: &'static str,
    proof: &str,
    rows: RecordBatch,
) -> Result<(), HandlerError> {
    let Service { world, config, .. } = service;
    let found = published::found(&world.stores, &config.target, name).await?;
    let columns = columns(&rows)?;
    let mut after = found.table.clone();
    after.columns.clone_from(&columns);
    after.columns.push(Column::new(CHECKED_ON, ColumnType::Date));
    after.columns.push(Column::new(PROOF, ColumnType::String));
    after.partition_by = vec![plain(CHECKED_ON), plain(PROOF)];
    if let Some(day) = first_day(&rows)? {
        let partition = format!("{}/{}", level(CHECKED_ON, Some(&day)), level(PROOF, Some(proof)));
        let folder = folder(&partition, proof);
        let file = format!("{proof}.parquet");
        let bytes = written(&columns, &rows)?;
        let new = PublishedPartition {
            rows: rows.num_rows() as u64,
            files: vec![PublishedFile {
                name: file.clone(),
                rows: rows.num_rows() as u64,
                bytes: bytes.len() as u64,
            }],
            runs: vec![proof.to_owned()],
            folder,
        };
        let at = config.target.table(name).join(&new.folder).join(&file);
        world.stores.put(&at, bytes).await.map_err(told)?;
        after.partitions.insert(partition, new);
    }
    if after != found.table {
        published::switch(&world.stores, &config.target, &found, &after).await?;
    }
    if after.partitions.is_empty() {
        return Ok(());
    }
    // Every time: a repeat makes up for a catalog that could not be reached.
    let catalog = catalog::opened(service).await?;
    catalog::follow(service, &*catalog, &after, FORMAT).await.map(drop)
}

fn plain(column: &str) -> Partition {
    Partition { name: column.to_owned(), column: column.to_owned(), unit: None }
}

fn columns(rows: &RecordBatch) -> Result<Vec<Column>, HandlerError> {
    let schema = rows.schema();
    let column = |field: &Arc<Field>| {
        let kind = ColumnType::of_arrow(field.data_type()).ok_or_else(|| {
            HandlerError::Fatal(format!("the result `{}` has no type of a lake", field.name()))
        })?;
        Ok(Column::new(field.name(), kind))
    };
    schema.fields().iter().map(column).collect()
}

fn first_day(rows: &RecordBatch) -> Result<Option<String>, HandlerError> {
    let times: &ArrayRef = rows
        .column_by_name("checked_at")
        .ok_or_else(|| HandlerError::Fatal("results have no `checked_at`".to_owned()))?;
    let first = times.as_primitive::<TimestampMicrosecondType>().iter().next().flatten();
    let moment = first.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    Ok(moment.map(|moment| moment.strftime("%Y-%m-%d").to_string()))
}

fn written(columns: &[Column], rows: &RecordBatch) -> Result<Bytes, HandlerError> {
    let kind = Kind { format: FORMAT, compression: Compression::Zstd };
    let mut writer = Writer::new(Vec::new(), columns, &WriteOptions::of(kind)).map_err(told)?;
    let rows = RecordBatch::try_new(arrow_schema(columns), rows.columns().to_vec())
        .map_err(|error| HandlerError::Fatal(error.to_string()))?;
    writer.write(&rows).map_err(told)?;
    Ok(writer.finish().map_err(told)?.into())
}
