//! The data of Map runs in buckets: items are read from objects, results are written to them.
//!
//! Everything streams: an object is read as its items are wanted, a result is handed to its object as it comes. Items come
//! in the same order whenever they are read, so that a Map run can go on behind those that it took.
//!
//! Left to others: which items become which children (`stepwell-engine`), what a bucket is (`stepwell-integrations`).

mod formats;
mod objects;
mod reader;
mod writer;

use async_trait::async_trait;
use serde_json::Value;
use stepwell_integrations::s3::Buckets;
use stepwell_task::{ItemSource, Items, MapData, ResultDestination, Results, TaskFailure};

/// Items and results in the buckets of one account, or of one folder.
#[derive(Debug, Clone)]
pub struct BucketData {
    buckets: Buckets,
}

impl BucketData {
    /// Reads and writes these buckets.
    pub fn new(buckets: Buckets) -> Self {
        Self { buckets }
    }
}

#[async_trait]
impl MapData for BucketData {
    async fn read(&self, source: ItemSource) -> Result<Items, TaskFailure> {
        Ok(reader::items(self.buckets.clone(), source))
    }

    async fn write(
        &self,
        destination: ResultDestination,
        results: Results,
    ) -> Result<Value, TaskFailure> {
        writer::write(&self.buckets, &destination, results).await
    }
}
