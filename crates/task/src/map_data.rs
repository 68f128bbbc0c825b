//! The port between the Map runs of the engine and the data that they read and write.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use serde_json::Value;

use crate::TaskFailure;

/// The items of a Map run, in an order that is the same whenever they are read.
pub type Items = BoxStream<'static, Result<Value, TaskFailure>>;

/// The results of a Map run.
pub struct Results {
    /// Of the children that ended, by their index. An error is the engine's own: the write is given up.
    pub ended: BoxStream<'static, Result<ChildResult, TaskFailure>>,
    /// The inputs of the children that were not started because the Map run failed: JSON.
    pub pending: BoxStream<'static, String>,
}

/// Where a Map run reads its items: an evaluated `ItemReader`.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemSource {
    /// `arn:aws:states:::s3:getObject` or `arn:aws:states:::s3:listObjectsV2`.
    pub resource: Arc<str>,
    /// `{"Bucket": "orders", "Key": "2026.csv"}`
    pub arguments: Arc<Value>,
    /// The `ReaderConfig`: `{"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}`; null if there is none.
    pub config: Arc<Value>,
    /// So many items are passed over: they were read before.
    pub skip: u64,
}

/// Where a Map run writes its results: an evaluated `ResultWriter`.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultDestination {
    /// `arn:aws:states:<region>:<account>:mapRun:<state machine>/<label>:<uuid>`
    pub map_run_arn: Arc<str>,
    /// `{"Bucket": "orders", "Prefix": "done"}`
    pub arguments: Arc<Value>,
    /// The `WriterConfig`: `{"Transformation": "COMPACT", "OutputType": "JSONL"}`; null if there is none.
    pub config: Arc<Value>,
}

/// What became of one child execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildResult {
    /// Its ARN.
    pub execution_arn: String,
    /// The ARN of the state machine with the label of the Map state.
    pub state_machine_arn: String,
    /// Its name.
    pub name: String,
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: &'static str,
    /// Its input: JSON.
    pub input: String,
    /// Its output, if it succeeded: JSON.
    pub output: Option<String>,
    /// Its error name.
    pub error: Option<String>,
    /// The cause.
    pub cause: Option<String>,
    /// When it started.
    pub started_at: SystemTime,
    /// When it ended.
    pub stopped_at: SystemTime,
    /// How often it was redriven.
    pub redrives: u32,
}

/// Reads the items of Map runs and writes their results.
#[async_trait]
pub trait MapData: Send + Sync {
    /// Opens the items of a source. What is wrong with the source is an error here or in the place of an item.
    ///
    /// # Errors
    /// `States.ItemReaderFailed` with AWS's text.
    async fn read(&self, source: ItemSource) -> Result<Items, TaskFailure>;

    /// Writes all results, and gives the output of the Map state. Called again with the same results if the process died
    /// meanwhile: then it writes the same files again.
    ///
    /// # Errors
    /// `States.ResultWriterFailed` with AWS's text.
    async fn write(
        &self,
        destination: ResultDestination,
        results: Results,
    ) -> Result<Value, TaskFailure>;
}
