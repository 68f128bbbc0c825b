//! Where a dataset's rows come from: one trait, one folder for each source.
//!
//! A source reads; what becomes of the rows (files, publishing, comparison) is left to others.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_pipeline::{Context, HandlerError};
use stepwell_tabular::Column;
pub use stepwell_tabular::Rejected;

pub mod dynamodb;
pub mod files;
mod hidden;
mod kinds;
pub mod mambu;
pub mod postgres;
mod rest;
pub mod salesforce;
pub mod sql;

pub use kinds::{SourceTable, Sources};

/// A source of one dataset, ready to be read.
#[async_trait]
pub trait Source: Send + Sync {
    /// The parts of a window that can be read side by side, always the same ones for the same window.
    ///
    /// # Errors
    /// By class, as every call of a source.
    async fn splits(&self, window: &Window) -> Result<Vec<Split>, HandlerError>;

    /// The rows of a split in an order that does not change, from behind the checkpoint `after`.
    ///
    /// The stream ends when the split is read to its end. A wait that the slice has no time for ends it with
    /// [`Stop::NotNow`]; what came before counts.
    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>>;

    /// The rows of a window are published for good: what the source keeps of them on this machine is no longer needed.
    ///
    /// # Errors
    /// By class, as every call of a source.
    async fn published(&self, _window: &Window) -> Result<(), HandlerError> {
        Ok(())
    }

    /// The number of rows of a window that are no deletions, where the source can tell it without being read. With
    /// event times: of those whose event time lies in the window.
    ///
    /// # Errors
    /// By class, as every call of a source.
    async fn count(&self, _window: &Window) -> Result<Option<u64>, HandlerError> {
        Ok(None)
    }

    /// The instant whose state reading a window gives, where that is not the instant of reading.
    ///
    /// # Errors
    /// By class, as every call of a source.
    async fn state_at(&self, _window: &Window) -> Result<Option<Timestamp>, HandlerError> {
        Ok(None)
    }

    /// The columns that hold all that the source has exactly, where it can tell them: what a dataset may declare.
    ///
    /// # Errors
    /// By class, as every call of a source.
    async fn columns(&self) -> Result<Option<Vec<Column>>, HandlerError> {
        Ok(None)
    }
}

/// What is read, by event time: `{"from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}`.
///
/// Half open, `from <= time < to`, and settled: `to` lies in the past. Without `from`: everything before `to`. A source
/// without event times is read as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Inclusive.
    pub from: Option<Timestamp>,
    /// Exclusive.
    pub to: Timestamp,
}

/// A part of a window: `{"name": "segment-3"}`. Letters, digits, `-` and `_`: it stands in the names of files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Split {
    /// Unique in its window.
    pub name: String,
    /// Of what comes as a whole (a file, an export): another one if its content is another one. A log takes each version
    /// of such a split once, whenever it comes.
    pub version: Option<String>,
}

impl Split {
    /// A part of what a window cuts out.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), version: None }
    }
}

/// What to read.
#[derive(Clone, Copy)]
pub struct Read<'a> {
    /// The window.
    pub window: &'a Window,
    /// One of its splits.
    pub split: &'a Split,
    /// The checkpoint of the last chunk that is durable; none at the beginning.
    pub after: Option<&'a Value>,
    /// Names what it is read for: a run, a look of a proof. The same one however often that is repeated.
    pub run: &'a str,
    /// The invocation: when its slice ends, when to stop.
    pub ctx: &'a Context,
}

/// Rows that were read together: a page, a block, a batch.
///
/// The same source gives the same chunks again, whatever happened in between: where files end depends on it.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The rows, in the dataset's columns.
    pub rows: RecordBatch,
    /// What could not become a row: kept in quarantine with its reason.
    pub rejected: Vec<Rejected>,
    /// The fields that the dataset does not declare.
    pub unknown: BTreeSet<String>,
    /// Reading goes on behind this chunk with it. Of the source's own making; no secret is in it.
    pub checkpoint: Value,
}

/// Why a stream of chunks ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The source has nothing within this slice (a job is not ready, a limit is reached).
    NotNow {
        /// How long to wait before the next slice.
        wait: std::time::Duration,
        /// What is waited for, with what finds it again (`{"job": "750A"}`); replaces the checkpoint.
        checkpoint: Option<Value>,
    },
    /// The call failed.
    Failed(HandlerError),
    /// The call failed, and would fail from this checkpoint for ever; the next attempt goes on from another one.
    GivenUp {
        /// Why.
        error: HandlerError,
        /// Replaces the checkpoint.
        checkpoint: Value,
    },
}

impl From<HandlerError> for Stop {
    fn from(error: HandlerError) -> Self {
        Self::Failed(error)
    }
}
