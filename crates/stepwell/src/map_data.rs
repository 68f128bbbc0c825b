//! The buckets of Map runs: those that `[services]` names for the pipelines too, opened when the first Map run asks.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use stepwell_map_data::BucketData;
use stepwell_services::Opener;
use stepwell_task::{ItemSource, Items, MapData, ResultDestination, Results, TaskFailure};

/// Reads and writes the buckets of a project.
pub(crate) struct ProjectBuckets(Arc<Opener>);

impl ProjectBuckets {
    pub(crate) fn new(opener: Arc<Opener>) -> Self {
        Self(opener)
    }

    async fn open(&self, error: &str) -> Result<BucketData, TaskFailure> {
        let buckets = self.0.buckets().await.map_err(|cause| TaskFailure {
            error: error.to_owned(),
            cause: Some(cause.to_string()),
        })?;
        Ok(BucketData::new(buckets))
    }
}

#[async_trait]
impl MapData for ProjectBuckets {
    async fn read(&self, source: ItemSource) -> Result<Items, TaskFailure> {
        self.open("States.ItemReaderFailed").await?.read(source).await
    }

    async fn write(
        &self,
        destination: ResultDestination,
        results: Results,
    ) -> Result<Value, TaskFailure> {
        self.open("States.ResultWriterFailed").await?.write(destination, results).await
    }
}
