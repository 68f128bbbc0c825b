//! What is published: one pointer for each table, switched in one step.
//!
//! A partition's published files lie in one folder, `run=<run>`. Whoever goes by the pointer never sees half of a run;
//! what it no longer names stays for a grace time, for who reads it now.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::compute::cast;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::rows::Unknown;
use stepwell_tabular::{Column, ReadOptions, Stores, Tag, arrow_schema};

use crate::dataset::Partition;
use crate::target::{Target, values};
use crate::world::told;
use crate::write::read_kind;

/// The version of the pointer's form.
const FORMAT: u32 = 1;

/// A table as it is published: the content of `_table.json`.
///
/// ```json
/// {"format":1,"name":"orders","columns":["id bigint","amount decimal(18,2)"],"key":["id"],
///  "partition_by":["day(modified) as dt"],"upto":"2026-03-02T00:00:00Z",
///  "partitions":{"dt=2026-03-01":{"folder":"dt=2026-03-01/run=20260302T000000Z-1a2b3c4d","rows":2,
///    "files":[{"name":"20260302T000000Z-1a2b3c4d-all-00000.parquet","rows":2,"bytes":1034}],
///    "runs":["20260302T000000Z-1a2b3c4d"]}}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The version of this form.
    pub format: u32,
    /// Its name.
    pub name: String,
    /// The columns of a row, those of plain partitions among them.
    pub columns: Vec<Column>,
    /// The columns that name a row.
    pub key: Vec<String>,
    /// The levels of folders.
    pub partition_by: Vec<Partition>,
    /// In a log: what tells the newest row of a key, the strongest first. Else nothing.
    pub version_by: Vec<String>,
    /// The dataset whose arrays its rows come from.
    pub child_of: Option<String>,
    /// Up to when it has what its source has.
    #[serde(default)]
    pub upto: Option<Timestamp>,
    /// By path: `dt=2026-03-01`; one with an empty path without levels.
    pub partitions: BTreeMap<String, PublishedPartition>,
}

/// A partition as it is published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPartition {
    /// The folder of its files, below that of the table.
    pub folder: String,
    /// Its rows. None, where the source has none for it.
    pub rows: u64,
    /// Its files.
    pub files: Vec<PublishedFile>,
    /// The newest runs whose rows it has.
    pub runs: Vec<String>,
}

/// A file as it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedFile {
    /// Its name in the folder.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl Table {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            format: FORMAT,
            name: name.to_owned(),
            columns: Vec::new(),
            key: Vec::new(),
            partition_by: Vec::new(),
            version_by: Vec::new(),
            child_of: None,
            upto: None,
            partitions: BTreeMap::new(),
        }
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.partitions.values().map(|partition| partition.rows).sum()
    }

    /// The columns of the files.
    pub fn file_columns(&self) -> Vec<Column> {
        let in_path = |column: &Column| {
            self.partition_by.iter().any(|by| by.unit.is_none() && by.column == column.name)
        };
        self.columns.iter().filter(|column| !in_path(column)).cloned().collect()
    }

    /// Whether a file, `dt=…/run=…/name`, is published.
    pub(crate) fn has_file(&self, file: &str) -> bool {
        let Some((folder, name)) = file.rsplit_once('/') else { return false };
        self.partitions
            .values()
            .any(|it| it.folder == folder && it.files.iter().any(|file| file.name == name))
    }

    /// The files of a partition, `dt=…/run=…/name`.
    pub fn files<'a>(
        &'a self,
        partition: &'a PublishedPartition,
    ) -> impl Iterator<Item = String> + 'a {
        partition.files.iter().map(|file| format!("{}/{}", partition.folder, file.name))
    }
}

/// The published state of a table; none before its first run.
///
/// # Errors
/// By class: the pointer cannot be reached, or is not ours.
pub async fn table(
    stores: &Stores,
    target: &Target,
    name: &str,
) -> Result<Option<Table>, HandlerError> {
    Ok(tagged(stores, target, name).await?.map(|(table, _)| table))
}

/// A table as it was found: what [`switch`] puts a new state in the place of.
pub(crate) struct Found {
    /// Without columns and rows if there is none yet.
    pub(crate) table: Table,
    tag: Option<Tag>,
}

/// As [`table`], for who is going to switch it.
pub(crate) async fn found(
    stores: &Stores,
    target: &Target,
    name: &str,
) -> Result<Found, HandlerError> {
    let found = tagged(stores, target, name).await?;
    Ok(found.map_or_else(
        || Found { table: Table::new(name), tag: None },
        |(table, tag)| Found { table, tag: Some(tag) },
    ))
}

async fn tagged(
    stores: &Stores,
    target: &Target,
    name: &str,
) -> Result<Option<(Table, Tag)>, HandlerError> {
    let at = target.pointer(name);
    let (bytes, tag) = match stores.get_tagged(&at).await {
        Ok(found) => found,
        Err(stepwell_tabular::Error::Missing(_)) => return Ok(None),
        Err(error) => return Err(told(error)),
    };
    let table: Table = serde_json::from_slice(&bytes)
        .map_err(|error| HandlerError::Data(format!("{at} is no table's pointer: {error}")))?;
    if table.format != FORMAT {
        return Err(HandlerError::Config(format!(
            "{at} has format {}, which this stepwell does not know; use a newer one",
            table.format
        )));
    }
    Ok(Some((table, tag)))
}

/// Switches a table to a new state, if it still is in the one that was found.
pub(crate) async fn switch(
    stores: &Stores,
    target: &Target,
    found: &Found,
    table: &Table,
) -> Result<(), HandlerError> {
    let text = serde_json::to_string_pretty(table)
        .map_err(|error| HandlerError::Fatal(error.to_string()))?;
    let at = target.pointer(&table.name);
    if stores.put_if(&at, Bytes::from(text + "\n"), found.tag.as_ref()).await.map_err(told)? {
        return Ok(());
    }
    Err(HandlerError::Retryable(format!(
        "{at} was switched by another run meanwhile; nothing was switched here"
    )))
}

/// All tables that are published, by name.
///
/// # Errors
/// As [`table`].
pub async fn tables(stores: &Stores, target: &Target) -> Result<Vec<Table>, HandlerError> {
    let mut tables = Vec::new();
    let beside = stores.folders(&target.database()).await.map_err(told)?;
    let names: BTreeSet<_> = beside.iter().chain(target.elsewhere.keys()).collect();
    for name in names {
        tables.extend(table(stores, target, name).await?);
    }
    Ok(tables)
}

/// The rows of the partitions that are `wanted`, in the order of partition and file, with all columns of the table.
pub fn rows<'a>(
    stores: &'a Stores,
    target: &'a Target,
    table: &'a Table,
    wanted: impl Fn(&str) -> bool + 'a,
) -> BoxStream<'a, Result<RecordBatch, HandlerError>> {
    let partitions = table.partitions.iter().filter(move |(name, _)| wanted(name));
    let files = partitions.flat_map(move |(name, partition)| {
        table.files(partition).map(move |file| (name.as_str(), file))
    });
    stream::iter(files.collect::<Vec<_>>())
        .then(move |(partition, file)| async move {
            let batches = file_rows(stores, target, table, &file).await?;
            Ok::<_, HandlerError>(batches.map(move |batch| whole(table, partition, &batch?)))
        })
        .try_flatten()
        .boxed()
}

/// The rows of one file, with the columns of files.
pub(crate) async fn file_rows(
    stores: &Stores,
    target: &Target,
    table: &Table,
    file: &str,
) -> Result<BoxStream<'static, Result<RecordBatch, HandlerError>>, HandlerError> {
    let at = target.table(&table.name).join(file);
    let options = ReadOptions {
        kind: Some(read_kind(at.name())),
        unknown: Unknown::Ignore,
        missing_is_null: true,
        ..ReadOptions::of(optional(table.file_columns()))
    };
    let batches = stepwell_tabular::read(stores, &at, options).await.map_err(told)?;
    Ok(batches
        .map(move |batch| {
            let batch = batch.map_err(told)?;
            match batch.rejected.first() {
                None => Ok(batch.rows),
                Some(rejected) => Err(HandlerError::Data(format!(
                    "{at} is not as it was written: {}: {}",
                    rejected.place, rejected.reason
                ))),
            }
        })
        .boxed())
}

/// Tombstones lack what rows must have. In files, values stand under their names.
fn optional(columns: Vec<Column>) -> Vec<Column> {
    columns.into_iter().map(|column| Column::new(column.name, column.kind)).collect()
}

/// Puts the values of plain partitions back into the rows.
pub(crate) fn whole(
    table: &Table,
    partition: &str,
    rows: &RecordBatch,
) -> Result<RecordBatch, HandlerError> {
    let in_path = values(partition);
    let failed = |error: arrow::error::ArrowError| HandlerError::Data(error.to_string());
    let arrays: Vec<ArrayRef> = table
        .columns
        .iter()
        .map(|column| {
            if let Some(array) = rows.column_by_name(&column.name) {
                return Ok(Arc::clone(array));
            }
            let value = in_path.iter().find(|(name, _)| *name == column.name);
            let value = value.and_then(|(_, value)| value.as_deref());
            let texts: ArrayRef = Arc::new(StringArray::from(vec![value; rows.num_rows()]));
            cast(&texts, &column.kind.to_arrow()).map_err(failed)
        })
        .collect::<Result<_, HandlerError>>()?;
    RecordBatch::try_new(arrow_schema(&table.columns), arrays).map_err(failed)
}
