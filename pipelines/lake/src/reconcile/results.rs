//! The datasets in which results are kept: rows are added and never changed, each run's once.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use stepwell_pipeline::HandlerError;
use stepwell_tabular::{
    Column, ColumnType, Compression, Format, Kind, WriteOptions, Writer, arrow_schema,
};

use crate::dataset::Partition;
use crate::publish::sweep;
use crate::published::{self, PublishedFile, PublishedPartition, Table};
use crate::service::Service;
use crate::target::{folder, level};
use crate::world::told;

/// The partition: the day of the run, by its first result.
const CHECKED_ON: &str = "checked_on";

/// Adds the rows of a run. They have a column `checked_at`.
pub(super) async fn append(
    service: &Service,
    name: &'static str,
    run: &str,
    rows: RecordBatch,
) -> Result<(), HandlerError> {
    let Service { world, config, .. } = service;
    let before = published::table(&world.stores, &config.target, name).await?;
    let before = before.unwrap_or_else(|| Table::new(name));
    let file_columns = columns(&rows)?;
    let mut after = before.clone();
    after.columns.clone_from(&file_columns);
    after.columns.push(Column::new(CHECKED_ON, ColumnType::Date));
    let by = Partition { name: CHECKED_ON.into(), column: CHECKED_ON.into(), unit: None };
    after.partition_by = vec![by];
    if let Some(day) = first_day(&rows)? {
        let partition = level(CHECKED_ON, Some(&day));
        let old = before.partitions.get(&partition);
        if old.is_some_and(|old| old.runs.iter().any(|known| known == run)) {
            return Ok(());
        }
        let bytes = written(&file_columns, &rows)?;
        let new = beside(service, name, old, &folder(&partition, run), run, bytes).await?;
        after.partitions.insert(partition, new);
    }
    if after != before {
        replaced(service, &before, &after).await?;
        published::switch(&world.stores, &config.target, &after).await?;
        sweep(service, name).await?;
    }
    Ok(())
}

/// The new file of a partition, and the old ones as links or copies beside it.
async fn beside(
    service: &Service,
    name: &str,
    old: Option<&PublishedPartition>,
    folder: &str,
    run: &str,
    (bytes, rows): (Bytes, u64),
) -> Result<PublishedPartition, HandlerError> {
    let Service { world, config, .. } = service;
    let table = config.target.table(name);
    let mut new = old.cloned().unwrap_or_default();
    for file in &new.files {
        let (from, to) =
            (table.join(&new.folder).join(&file.name), table.join(folder).join(&file.name));
        world.stores.copy(&from, &to).await.map_err(told)?;
    }
    let file = PublishedFile { name: format!("{run}.parquet"), rows, bytes: bytes.len() as u64 };
    world.stores.put(&table.join(folder).join(&file.name), bytes).await.map_err(told)?;
    folder.clone_into(&mut new.folder);
    new.rows += rows;
    new.files.push(file);
    new.runs.push(run.to_owned());
    Ok(new)
}

/// What the new state no longer names is removed once nobody reads it any more.
async fn replaced(service: &Service, before: &Table, after: &Table) -> Result<(), HandlerError> {
    let files = before.partitions.values().flat_map(|partition| before.files(partition));
    let files = files.filter(|file| !after.has_file(file)).collect();
    let grace = SignedDuration::try_from(service.config.grace).unwrap_or(SignedDuration::MAX);
    let due = Timestamp::now().saturating_add(grace).unwrap_or(Timestamp::MAX);
    service.ledger().await?.replace(&after.name, files, due).await
}

fn columns(rows: &RecordBatch) -> Result<Vec<Column>, HandlerError> {
    let schema = rows.schema();
    let column = |field: &Arc<arrow::datatypes::Field>| {
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
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let first = (times.len() > 0 && times.is_valid(0)).then(|| times.value(0));
    let moment = first.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    Ok(moment.map(|moment| moment.strftime("%Y-%m-%d").to_string()))
}

fn written(columns: &[Column], rows: &RecordBatch) -> Result<(Bytes, u64), HandlerError> {
    let kind = Kind { format: Format::Parquet, compression: Compression::Zstd };
    let mut writer = Writer::new(Vec::new(), columns, &WriteOptions::of(kind)).map_err(told)?;
    let rows = RecordBatch::try_new(arrow_schema(columns), rows.columns().to_vec())
        .map_err(|error| HandlerError::Fatal(error.to_string()))?;
    writer.write(&rows).map_err(told)?;
    let bytes = writer.finish().map_err(told)?;
    Ok((bytes.into(), rows.num_rows() as u64))
}
