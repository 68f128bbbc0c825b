//! The lake itself, as the proof asks it: datasets of the settings, published files, the ledger.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use stepwell_pipeline::HandlerError;
use stepwell_tabular::rows::{UNKNOWN, Unknown};

use super::lake::{Lake, Subject};
use super::results;
use crate::dataset::{Dataset, Mode};
use crate::publish::time_of;
use crate::published::{self, Table, file_rows, whole};
use crate::service::Service;
use crate::source::Source;

/// The lake of a service.
pub struct InLake(pub Arc<Service>);

impl InLake {
    async fn table(&self, dataset: &str) -> Result<Option<Table>, HandlerError> {
        published::table(&self.0.world.stores, &self.0.config.target, dataset).await
    }
}

#[async_trait]
impl Lake for InLake {
    fn datasets(&self) -> Vec<String> {
        self.0.config.datasets.keys().cloned().collect()
    }

    fn subject(&self, dataset: &str) -> Result<Subject, HandlerError> {
        Ok(subject(self.0.dataset(dataset)?))
    }

    async fn source(&self, dataset: &str) -> Result<Arc<dyn Source>, HandlerError> {
        self.0.source(self.0.dataset(dataset)?).await
    }

    async fn in_step_until(&self, dataset: &str) -> Result<Option<Timestamp>, HandlerError> {
        self.0.ledger().await?.cursor(dataset).await
    }

    async fn partitions(
        &self,
        dataset: &str,
        from: Option<Timestamp>,
    ) -> Result<Vec<String>, HandlerError> {
        let Some(table) = self.table(dataset).await? else { return Ok(Vec::new()) };
        let level = self.0.dataset(dataset)?.time_partition();
        let is_before = |path: &String| {
            let (Some(from), Some((by, unit))) = (from, level) else { return false };
            // What begins before may end after it: the longest unit is a month.
            let far_before = from.checked_sub(jiff::SignedDuration::from_hours(31 * 24));
            time_of(path, &by.name, unit)
                .zip(far_before.ok())
                .is_some_and(|(start, limit)| start < limit)
        };
        Ok(table.partitions.into_keys().filter(|path| !is_before(path)).collect())
    }

    async fn rows(
        &self,
        dataset: &str,
        partition: &str,
    ) -> Result<BoxStream<'static, Result<RecordBatch, HandlerError>>, HandlerError> {
        let Some(table) = self.table(dataset).await? else { return Ok(stream::empty().boxed()) };
        let Some(published) = table.partitions.get(partition) else {
            let message = format!("`{dataset}` was published anew while it was read");
            return Err(HandlerError::Retryable(message));
        };
        let files: Vec<_> = table.files(published).collect();
        let (service, table) = (Arc::clone(&self.0), Arc::new(table));
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
        results::append(&self.0, dataset, run, rows).await
    }
}

fn subject(dataset: &Dataset) -> Subject {
    let declared = dataset.columns.iter().map(|column| column.name.clone());
    let caught = (dataset.unknown_fields == Unknown::Catch).then(|| UNKNOWN.to_owned());
    let plain = dataset.partition_by.iter().filter(|by| by.unit.is_none());
    Subject {
        name: dataset.name.clone(),
        schema: dataset.read_schema(),
        key: dataset.key.clone(),
        event_time: dataset.event_time.clone(),
        columns: declared.chain(caught).collect(),
        partition: plain.map(|by| by.column.clone()).collect(),
        has_versions: dataset.mode == Mode::Append || dataset.has_deletes(),
        settle: dataset.settle,
        // A table that is written anew has all that the source has.
        since: dataset.since.filter(|_| dataset.mode != Mode::Overwrite),
    }
}
