//! A table as it is now, for the proof of the log of its changes: a scan, and behind it what has changed since the lake
//! read its inbox last.
//!
//! A scan does not say when an item changed. What arrived in the inbox from the beginning of the window on is told too,
//! with the time of its arrival in `_changed_at`: these keys are newer than what the lake can have.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use stepwell_pipeline::HandlerError;

use super::scan::TableScan;
use super::stream::{ARRIVALS, ChangedRows};
use crate::source::{Chunk, Read, Source, Split, Stop, Window};

/// The source.
pub(super) struct ScannedNow {
    pub(super) scan: TableScan,
    pub(super) changes: ChangedRows,
}

#[async_trait]
impl Source for ScannedNow {
    /// What has arrived comes last: a change that the scan saw may arrive while it goes on.
    async fn splits(&self, window: &Window) -> Result<Vec<Split>, HandlerError> {
        let mut splits = self.scan.splits(window).await?;
        splits.push(Split::new(ARRIVALS));
        Ok(splits)
    }

    fn read<'a>(&'a self, read: Read<'a>) -> BoxStream<'a, Result<Chunk, Stop>> {
        if read.split.name == ARRIVALS { self.changes.arrived(read) } else { self.scan.read(read) }
    }
}
