//! The lake itself, as the proof asks it: datasets of the settings, published files, the ledger.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use stepwell_pipeline::HandlerError;
use stepwell_tabular::rows::{UNKNOWN, Unknown};
use stepwell_tabular::{Column, ColumnType};
use tokio::sync::Mutex;

use super::lake::{Against, ChildTable, Lake, Pinned, Subject};
use super::results;
use crate::dataset::{Child, Dataset, INDEX, Mode};
use crate::published::{self, Table, file_rows, whole};
use crate::service::Service;
use crate::source::Source;

/// The lake of a service.
pub struct InLake {
    service: Arc<Service>,
    /// Proofs that end together add to the same tables, one after the other.
    results: Mutex<()>,
}

impl InLake {
    pub(crate) fn new(service: &Arc<Service>) -> Self {
        Self { service: Arc::clone(service), results: Mutex::new(()) }
    }
}

#[async_trait]
impl Lake for InLake {
    fn datasets(&self) -> Vec<String> {
        self.service.config.datasets.keys().cloned().collect()
    }

    fn subject(&self, dataset: &str) -> Result<Subject, HandlerError> {
        Ok(subject(self.service.dataset(dataset)?))
    }

    async fn source(&self, dataset: &str) -> Result<Arc<dyn Source>, HandlerError> {
        self.service.proof_source(self.service.dataset(dataset)?).await
    }

    async fn pin(&self, dataset: &str) -> Result<Option<Pinned>, HandlerError> {
        let Some(in_step_until) = self.service.ledger().await?.cursor(dataset).await? else {
            return Ok(None);
        };
        let mut tables = Vec::new();
        for name in self.service.dataset(dataset)?.tables().iter().rev() {
            let Service { world, config, .. } = &*self.service;
            tables.extend(published::table(&world.stores, &config.target, name).await?);
        }
        Ok(Some(Pinned { in_step_until, tables }))
    }

    async fn rows(
        &self,
        table: &Table,
        partition: &str,
    ) -> Result<BoxStream<'static, Result<RecordBatch, HandlerError>>, HandlerError> {
        let Some(published) = table.partitions.get(partition) else {
            return Ok(stream::empty().boxed());
        };
        let files: Vec<_> = table.files(published).collect();
        let (service, table) = (Arc::clone(&self.service), Arc::new(table.clone()));
        let partition: Arc<str> = partition.into();
        Ok(stream::iter(files)
            .then(move |file| {
                let (service, table) = (Arc::clone(&service), Arc::clone(&table));
                let partition = Arc::clone(&partition);
                async move {
                    let target = &service.config.target;
                    let rows = file_rows(&service.world.stores, target, &table, &file).await?;
                    Ok::<_, HandlerError>(rows.map(move |rows| whole(&table, &partition, &rows?)))
                }
            })
            .try_flatten()
            .boxed())
    }

    async fn append(
        &self,
        dataset: &'static str,
        run: &str,
        rows: RecordBatch,
    ) -> Result<(), HandlerError> {
        let _alone = self.results.lock().await;
        results::append(&self.service, dataset, run, rows).await
    }
}

fn subject(dataset: &Dataset) -> Subject {
    let declared = dataset.columns.iter().map(|column| column.name.clone());
    let caught = (dataset.unknown_fields == Unknown::Catch).then(|| UNKNOWN.to_owned());
    let plain = dataset.partition_by.iter().filter(|by| by.unit.is_none());
    let against = dataset.source.proven_against(dataset);
    let is_log = dataset.mode == Mode::Append || dataset.has_deletes();
    // Of what came without any time, each row is one that the lake must have.
    let is_bare = against == Against::Arrivals && !dataset.has_deletes();
    Subject {
        name: dataset.name.clone(),
        schema: dataset.read_schema(),
        key: dataset.key.clone(),
        event_time: dataset.event_time.clone(),
        columns: declared.chain(caught).collect(),
        partition: plain.map(|by| by.column.clone()).collect(),
        has_versions: is_log && !is_bare,
        settle: dataset.settle,
        // A table that is written anew has all that the source has.
        since: dataset.since.filter(|_| dataset.mode != Mode::Overwrite),
        against,
        time_level: dataset.time_partition().map(|(by, unit)| (by.name.clone(), unit)),
        children: dataset.children.iter().map(|child| child_table(dataset, child)).collect(),
    }
}

fn child_table(dataset: &Dataset, child: &Child) -> ChildTable {
    let key = dataset.key.iter().filter_map(|name| dataset.column(name));
    let index = Column::new(INDEX, ColumnType::Bigint);
    ChildTable {
        name: dataset.child_table(child),
        child: child.clone(),
        columns: key.chain([index]).chain(child.columns.iter().cloned()).collect(),
    }
}
