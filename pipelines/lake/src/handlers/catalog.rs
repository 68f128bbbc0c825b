//! `stepwell-lake-catalog`: tells the catalog what is published.
//!
//! The tables' own pointers decide; the catalog follows them. It is asked what it has first, so that a repeat changes
//! nothing and what an interrupted run left behind is caught up with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stepwell_integrations::glue::{self, Catalog, Column, Partition, Storage};
use stepwell_pipeline::{Context, Function, HandlerError};
use stepwell_services::ToHandlerError as _;
use stepwell_tabular::Format;

use crate::dataset::Dataset;
use crate::published::{self, Table};
use crate::service::Service;
use crate::target::values;

/// Brings the catalog in step with the tables of a dataset.
pub struct UpdateCatalog {
    pub(crate) service: Arc<Service>,
}

/// ```json
/// {"dataset":"orders"}
/// ```
#[derive(Debug, Deserialize)]
pub struct Told {
    dataset: String,
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
        let (world, target) = (&service.world, &service.config.target);
        let dataset = service.dataset(&input.dataset)?;
        let catalog = world.catalog(target).await?;
        catalog.ensure_database(&target.database).await.map_err(failed)?;
        let mut told = Cataloged::default();
        for name in dataset.tables() {
            if let Some(table) = published::table(&world.stores, target, &name).await? {
                self.follow(&*catalog, dataset, &table, &mut told).await?;
            }
        }
        Ok(told)
    }
}

impl UpdateCatalog {
    async fn follow(
        &self,
        catalog: &dyn Catalog,
        dataset: &Dataset,
        table: &Table,
        told: &mut Cataloged,
    ) -> Result<(), HandlerError> {
        let database = &self.service.config.target.database;
        let wanted = self.wanted(dataset, table);
        match catalog.get_table(database, &table.name).await.map_err(failed)? {
            None => catalog.create_table(database, &wanted).await.map_err(failed)?,
            Some(known)
                if known.storage.columns == wanted.storage.columns
                    && known.storage.location == wanted.storage.location => {}
            Some(_) => catalog.update_table(database, &wanted).await.map_err(failed)?,
        }
        if table.partition_by.is_empty() {
            return Ok(());
        }
        let known = catalog.partitions(database, &table.name).await.map_err(failed)?;
        let known: BTreeMap<_, _> =
            known.into_iter().map(|it| (it.values.clone(), it.storage.location)).collect();
        let partitions = self.partitions(dataset, table);
        let new: Vec<_> =
            partitions.iter().filter(|it| !known.contains_key(&it.values)).cloned().collect();
        catalog.create_partitions(database, &table.name, &new).await.map_err(failed)?;
        told.created += new.len();
        for partition in &partitions {
            if known.get(&partition.values).is_some_and(|at| *at != partition.storage.location) {
                catalog.update_partition(database, &table.name, partition).await.map_err(failed)?;
                told.moved += 1;
            }
        }
        let wanted: BTreeSet<_> = partitions.into_iter().map(|it| it.values).collect();
        let gone: Vec<_> = known.into_keys().filter(|values| !wanted.contains(values)).collect();
        if !gone.is_empty() {
            catalog.delete_partitions(database, &table.name, &gone).await.map_err(failed)?;
            told.removed += gone.len();
        }
        Ok(())
    }

    fn wanted(&self, dataset: &Dataset, table: &Table) -> glue::Table {
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
            columns(table),
            keys.collect(),
            self.location(&table.name, folder),
            format(dataset),
        )
    }

    fn partitions(&self, dataset: &Dataset, table: &Table) -> Vec<Partition> {
        let partition = |(path, it): (&String, &published::PublishedPartition)| Partition {
            values: values(path)
                .into_iter()
                .map(|(_, value)| value.unwrap_or_else(|| crate::target::NULL_PARTITION.to_owned()))
                .collect(),
            storage: Storage::new(
                columns(table),
                self.location(&table.name, &it.folder),
                format(dataset),
            ),
            parameters: BTreeMap::new(),
        };
        table.partitions.iter().map(partition).collect()
    }

    /// As Athena wants it: a URL of a folder.
    fn location(&self, table: &str, folder: &str) -> String {
        let at = self.service.config.target.table(table).join(folder);
        match self.service.world.stores.local_path(&at) {
            Some(path) => {
                let path = std::path::absolute(&path).unwrap_or(path);
                format!("file://{}/", path.display().to_string().trim_end_matches('/'))
            }
            None => format!("{}/", at.to_string().trim_end_matches('/')),
        }
    }
}

/// Athena knows names in small letters only.
fn columns(table: &Table) -> Vec<Column> {
    let columns = table.file_columns();
    columns
        .iter()
        .map(|column| Column::new(column.name.to_lowercase(), column.kind.glue()))
        .collect()
}

fn format(dataset: &Dataset) -> glue::Format {
    match dataset.write.kind.format {
        Format::Parquet => glue::Format::Parquet,
        Format::Jsonl => glue::Format::JsonLines,
        Format::Csv => glue::Format::Csv,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: glue::Error) -> HandlerError {
    error.to_handler_error()
}
