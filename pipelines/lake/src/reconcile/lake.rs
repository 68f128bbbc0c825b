//! What the proof asks of the lake.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use stepwell_pipeline::HandlerError;
use stepwell_reconcile::{Column, Layout, Policy};

use crate::source::Source;

/// A dataset as the proof sees it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// The columns that both sides have, with their types: what a source reads.
    pub schema: SchemaRef,
    /// What tells rows apart. Without one, rows are told apart by all that is compared.
    pub key: Vec<String>,
    /// The column with the event time.
    pub event_time: Option<String>,
    /// The columns to compare.
    pub columns: Vec<String>,
    /// Columns by which is counted beside the day.
    pub partition: Vec<String>,
    /// Whether a key can stand for several versions of a row, of which the last one counts.
    pub has_versions: bool,
    /// How long the source needs until what happened can be read.
    pub settle: SignedDuration,
    /// Where the lake begins, if not with the source.
    pub since: Option<Timestamp>,
}

impl Subject {
    /// What is compared; `tolerance` says how far apart the numbers of a column may be.
    pub fn layout(&self, tolerance: impl Fn(&str) -> Option<f64>) -> Layout {
        let key = if self.key.is_empty() { self.columns.clone() } else { self.key.clone() };
        let column = |name: &String| {
            let policy = Policy { tolerance: tolerance(name), ..Policy::default() };
            Column { name: name.clone(), policy }
        };
        Layout {
            key,
            day: self.event_time.clone(),
            partition: self.partition.clone(),
            columns: self.columns.iter().map(column).collect(),
        }
    }
}

/// The lake with its datasets.
#[async_trait]
pub trait Lake: Send + Sync + 'static {
    /// The names of all datasets.
    fn datasets(&self) -> Vec<String>;

    /// A dataset.
    ///
    /// # Errors
    /// [`HandlerError::Config`] if there is none of that name.
    fn subject(&self, dataset: &str) -> Result<Subject, HandlerError>;

    /// Its source. Contacts nobody.
    ///
    /// # Errors
    /// By class, as every call.
    async fn source(&self, dataset: &str) -> Result<Arc<dyn Source>, HandlerError>;

    /// Up to when the lake has what the source has; none if nothing was published yet.
    ///
    /// # Errors
    /// By class, as every call.
    async fn in_step_until(&self, dataset: &str) -> Result<Option<Timestamp>, HandlerError>;

    /// The published partitions that can hold event times from `from` on.
    ///
    /// # Errors
    /// By class, as every call.
    async fn partitions(
        &self,
        dataset: &str,
        from: Option<Timestamp>,
    ) -> Result<Vec<String>, HandlerError>;

    /// The rows of a partition: all columns of the subject, `_ingested_at` where there is one.
    ///
    /// # Errors
    /// By class, as every call.
    async fn rows(
        &self,
        dataset: &str,
        partition: &str,
    ) -> Result<BoxStream<'static, Result<RecordBatch, HandlerError>>, HandlerError>;

    /// Adds rows to a dataset of the lake's own, once for each `run`.
    ///
    /// # Errors
    /// By class, as every call.
    async fn append(
        &self,
        dataset: &'static str,
        run: &str,
        rows: RecordBatch,
    ) -> Result<(), HandlerError>;
}
