//! `stepwell-lake-catalog`: tells the catalog what is published.
//!
//! The tables' own pointers decide; the catalog follows them. It is asked what it has first, so that a repeat changes
//! nothing and what an interrupted run left behind is caught up with. Files that were replaced long enough ago go when nobody
//! names them any more, the catalog included.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_integrations::glue::{self, Catalog, Column, Partition, Storage};
use stepwell_pipeline::{Context, Function, HandlerError};
use stepwell_services::ToHandlerError as _;
use stepwell_tabular::Format;

use super::hold;
use crate::dataset::Dataset;
use crate::publish::sweep;
use crate::published::{self, Table};
use crate::service::Service;
use crate::target::values;

/// Brings the catalog in step with the tables of a dataset.
pub struct UpdateCatalog {
    pub(crate) service: Arc<Service>,
}

/// ```json
/// {"dataset":"orders","execution":"arn:aws:states:us-east-1:000000000000:execution:lake:one"}
/// ```
#[derive(Debug, Deserialize)]
pub struct Told {
    dataset: String,
    /// Not told by executions that were started before it was needed; they leave the files to the next one.
    execution: Option<String>,
}

/// How many partitions were made, moved and taken out.
///
/// ```json
/// {"created":1,"moved":2,"removed":0}
/// ```
#[derive(Debug, Default, Serialize)]
pub struct Cataloged {
    created: usize,
    moved: usize,
    removed: usize,
}

#[async_trait]
impl Function for UpdateCatalog {
    type Input = Told;
    type Output = Cataloged;

    fn name(&self) -> &'static str {
        "stepwell-lake-catalog"
    }

    async fn call(&self, input: Told, _ctx: &Context) -> Result<Cataloged, HandlerError> {
        let service = &self.service;
        let Service { world, config, .. } = &**service;
        let dataset = service.dataset(&input.dataset)?;
        let mut told = Cataloged::default();
        let catalog = opened(service).await?;
        for name in dataset.tables() {
            if let Some(table) = published::table(&world.stores, &config.target, &name).await? {
                told += follow(service, &*catalog, &table, dataset.write.kind.format).await?;
            }
        }
        if let Some(execution) = &input.execution {
            // Not before: until now the catalog may have led its readers to them.
            let swept = swept(service, dataset);
            hold::beside_runs(service, &dataset.name, execution, swept).await?;
        }
        Ok(told)
    }
}

async fn swept(service: &Service, dataset: &Dataset) -> Result<(), HandlerError> {
    for table in dataset.tables() {
        sweep(service, &table).await?;
    }
    Ok(())
}

impl AddAssign for Cataloged {
    fn add_assign(&mut self, other: Self) {
        self.created += other.created;
        self.moved += other.moved;
        self.removed += other.removed;
    }
}

/// The catalog, which has the lake's database.
///
/// # Errors
/// By class, as every call of the catalog.
pub(crate) async fn opened(service: &Service) -> Result<Arc<dyn Catalog>, HandlerError> {
    let target = &service.config.target;
    let catalog = service.world.catalog(target).await?;
    catalog.ensure_database(&target.database).await.map_err(failed)?;
    Ok(catalog)
}

/// Brings the catalog in step with a table.
///
/// # Errors
/// By class, as every call of the catalog.
pub(crate) async fn follow(
    service: &Service,
    catalog: &dyn Catalog,
    table: &Table,
    format: Format,
) -> Result<Cataloged, HandlerError> {
    let target = &service.config.target;
    let entry = Entry { service, table, format };
    match catalog.get_table(&target.database, &table.name).await.map_err(failed)? {
        None => catalog.create_table(&target.database, &entry.wanted()).await.map_err(failed)?,
        Some(known) => {
            let wanted = entry.wanted();
            if !is_same(&known, &wanted) {
                catalog.update_table(&target.database, &wanted).await.map_err(failed)?;
            }
        }
    }
    if table.partition_by.is_empty() {
        return Ok(Cataloged::default());
    }
    entry.follow_partitions(catalog).await
}

/// A table as the catalog has it.
struct Entry<'a> {
    service: &'a Service,
    table: &'a Table,
    format: Format,
}

impl Entry<'_> {
    async fn follow_partitions(&self, catalog: &dyn Catalog) -> Result<Cataloged, HandlerError> {
        let (database, table) = (&self.service.config.target.database, &self.table.name);
        let mut told = Cataloged::default();
        let known = catalog.partitions(database, table).await.map_err(failed)?;
        let known: BTreeMap<_, _> =
            known.into_iter().map(|it| (it.values.clone(), it.storage.location)).collect();
        let partitions = self.partitions();
        let new: Vec<_> =
            partitions.iter().filter(|it| !known.contains_key(&it.values)).cloned().collect();
        catalog.create_partitions(database, table, &new).await.map_err(failed)?;
        told.created += new.len();
        for partition in &partitions {
            if known.get(&partition.values).is_some_and(|at| *at != partition.storage.location) {
                catalog.update_partition(database, table, partition).await.map_err(failed)?;
                told.moved += 1;
            }
        }
        let wanted: BTreeSet<_> = partitions.into_iter().map(|it| it.values).collect();
        let gone: Vec<_> = known.into_keys().filter(|values| !wanted.contains(values)).collect();
        if !gone.is_empty() {
            catalog.delete_partitions(database, table, &gone).await.map_err(failed)?;
            told.removed += gone.len();
        }
        Ok(told)
    }

    fn wanted(&self) -> glue::Table {
        let table = self.table;
        let keys = table.partition_by.iter().map(|by| {
            let plain =
                table.columns.iter().find(|column| by.unit.is_none() && column.name == by.column);
            Column::new(
                by.name.as_str(),
                plain.map_or("string".to_owned(), |column| column.kind.glue()),
            )
        });
        // A table without partitions is one folder too, and its location is what is switched.
        let folder = table.partitions.get("").map_or("", |partition| &partition.folder);
        glue::Table::new(
            table.name.as_str(),
            columns(table, self.format),
            keys.collect(),
            self.location(folder),
            self.format(),
        )
    }

    fn partitions(&self) -> Vec<Partition> {
        let partition = |(path, it): (&String, &published::PublishedPartition)| Partition {
            values: values(path)
                .into_iter()
                .map(|(_, value)| value.unwrap_or_else(|| crate::target::NULL_PARTITION.to_owned()))
                .collect(),
            storage: Storage::new(
                columns(self.table, self.format),
                self.location(&it.folder),
                self.format(),
            ),
            parameters: BTreeMap::new(),
        };
        self.table.partitions.iter().map(partition).collect()
    }

    /// As Athena wants it: a URL of a folder.
    fn location(&self, folder: &str) -> String {
        let at = self.service.config.target.table(&self.table.name).join(folder);
        match self.service.world.stores.local_path(&at) {
            Some(path) => {
                let path = std::path::absolute(&path).unwrap_or(path);
                format!("file://{}/", path.display().to_string().trim_end_matches('/'))
            }
            None => format!("{}/", at.to_string().trim_end_matches('/')),
        }
    }

    fn format(&self) -> glue::Format {
        match self.format {
            Format::Parquet => glue::Format::Parquet,
            Format::Jsonl => glue::Format::JsonLines,
            Format::Csv => glue::Format::Csv,
        }
    }
}

/// Whether the catalog's table is read as ours. What others wrote beside it is theirs.
fn is_same(known: &glue::Table, wanted: &glue::Table) -> bool {
    let (is, to_be) = (&known.storage, &wanted.storage);
    (&is.columns, &is.location, &is.input_format, &is.serde_info.serialization_library)
        == (
            &to_be.columns,
            &to_be.location,
            &to_be.input_format,
            &to_be.serde_info.serialization_library,
        )
        && known.partition_keys == wanted.partition_keys
}

/// Athena knows names in small letters only, and reads the cells of CSV as texts: neither times nor decimals nor empty numbers
/// as they are written.
fn columns(table: &Table, format: Format) -> Vec<Column> {
    let is_text = format == Format::Csv;
    let kind = |column: &stepwell_tabular::Column| {
        if is_text { "string".to_owned() } else { column.kind.glue() }
    };
    let columns = table.file_columns();
    columns.iter().map(|column| Column::new(column.name.to_lowercase(), kind(column))).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: glue::Error) -> HandlerError {
    error.to_handler_error()
}
