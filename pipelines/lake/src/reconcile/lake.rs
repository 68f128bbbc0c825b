//! What the proof asks of the lake.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use stepwell_pipeline::HandlerError;
use stepwell_reconcile::{Column, Layout, Policy};
use stepwell_tabular::arrow_schema;

use crate::dataset::{Child, INDEX, Unit};
use crate::published::Table;
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
    /// What the lake is compared with, and so how both sides are cut.
    pub against: Against,
    /// The level of folders that goes by the event time, and its unit.
    pub time_level: Option<(String, Unit)>,
    /// The tables that its arrays become.
    pub children: Vec<ChildTable>,
}

/// What the lake is compared with, and so how both sides are cut at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// The source, by the event times of rows; as a whole where they have none.
    Source,
    /// The source, by when something came: a file, an export. The lake has what came before its cursor.
    Arrivals,
    /// The changes that came and are still kept: they say nothing of other keys.
    Inbox,
    /// The table as it is now. What changed since the lake's cursor, as far as it is known, is left out.
    Scan,
    /// The table as it was at one instant; of the lake's log the versions before it count.
    Export,
}

impl Against {
    /// Whether rows of the lake count by when they came to it.
    pub(super) fn is_by_arrival(self) -> bool {
        matches!(self, Self::Arrivals | Self::Inbox | Self::Scan)
    }
}

/// The table of an array's items.
#[derive(Debug, Clone)]
pub struct ChildTable {
    /// Its name in the lake.
    pub name: String,
    /// The array and the columns of its items.
    pub child: Child,
    /// What is compared: the parent's key, the place in the array, the columns of an item.
    pub columns: Vec<stepwell_tabular::Column>,
}

impl ChildTable {
    /// [`Self::columns`] in Arrow.
    pub(super) fn schema(&self) -> SchemaRef {
        arrow_schema(&self.columns)
    }

    /// What is compared, below a parent with this key.
    pub(super) fn layout(&self, key: &[String], tolerance: Tolerance<'_>) -> Layout {
        let items = self.child.columns.iter().map(|column| compared(&column.name, tolerance));
        Layout {
            key: key.iter().cloned().chain([INDEX.to_owned()]).collect(),
            columns: items.collect(),
            ..Layout::default()
        }
    }
}

/// How far apart the numbers of a column may be.
pub(super) type Tolerance<'a> = &'a dyn Fn(&str) -> Option<f64>;

fn compared(name: &str, tolerance: Tolerance<'_>) -> Column {
    let policy = Policy { tolerance: tolerance(name), ..Policy::default() };
    Column { name: name.to_owned(), policy }
}

impl Subject {
    /// What is compared.
    pub(super) fn layout(&self, tolerance: Tolerance<'_>) -> Layout {
        let key = if self.key.is_empty() { self.columns.clone() } else { self.key.clone() };
        Layout {
            key,
            day: self.event_time.clone(),
            partition: self.partition.clone(),
            columns: self.columns.iter().map(|name| compared(name, tolerance)).collect(),
        }
    }
}

/// What is published at one instant: the whole of a look goes by it, whatever is published meanwhile.
///
/// ```json
/// {"in_step_until":"2026-03-02T05:50:00Z","tables":[{"name":"orders",...},{"name":"orders_lines",...}]}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// Up to when the lake has what the source has.
    pub in_step_until: Timestamp,
    /// The published tables of the dataset: its own first, then those of its arrays. One that has never had a row may
    /// be missing.
    pub tables: Vec<Table>,
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

    /// What it is compared with. Contacts nobody.
    ///
    /// # Errors
    /// By class, as every call.
    async fn source(&self, dataset: &str) -> Result<Arc<dyn Source>, HandlerError>;

    /// What is published now; none if nothing was published yet. The cursor is read before the tables, so that they
    /// have what it says at least.
    ///
    /// # Errors
    /// By class, as every call.
    async fn pin(&self, dataset: &str) -> Result<Option<Pinned>, HandlerError>;

    /// The rows of a partition of a pinned table, with the table's columns.
    ///
    /// # Errors
    /// By class, as every call. [`HandlerError::Retryable`] if its files are gone: the table was published anew long
    /// ago.
    async fn rows(
        &self,
        table: &Table,
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
