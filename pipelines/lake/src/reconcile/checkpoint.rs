//! How far the proof of a dataset is, and where both sides are cut.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lake::{Against, Pinned, Subject};
use super::sheet::Span;
use crate::source::Window;

/// How far the proof of a dataset is. Files are named after looks and places, so that a repeat writes the same ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Events before it are not compared.
    pub(super) from: Option<Timestamp>,
    /// Nor are events from it on; the lake may be in step up to an earlier instant only.
    pub(super) to: Timestamp,
    /// Which look this is, from 1.
    pub(super) look: u32,
    /// The look in which the lake was pinned that is compared.
    pub(super) lake_look: u32,
    /// Up to when the source is read in this look: what changed since the cut-off is then known. Of exports, when they
    /// came at the latest.
    pub(super) until: Timestamp,
    /// The cut-off of this look, once it is known.
    pub(super) cutoff: Option<Timestamp>,
    /// What the source counts; none before it was asked.
    pub(super) counted: Option<Count>,
    /// Splits of the source that are read.
    pub(super) splits: usize,
    /// Where the next one goes on.
    pub(super) after: Option<Value>,
    /// Files of the source.
    pub(super) source_files: usize,
    /// Rows of the source that it counts too.
    pub(super) countable: u64,
    /// Records of the source that fit no row.
    pub(super) rejected: u64,
    /// Partitions of the pinned tables that are read.
    pub(super) partitions: usize,
}

/// What a source answered: `{"rows":5021}`, or nothing where it cannot count without being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Count {
    pub(super) rows: Option<u64>,
}

impl Checkpoint {
    /// At the beginning.
    pub(super) fn new(from: Option<Timestamp>, to: Timestamp, until: Timestamp) -> Self {
        Self {
            from,
            to,
            look: 1,
            lake_look: 1,
            until,
            cutoff: None,
            counted: None,
            splits: 0,
            after: None,
            source_files: 0,
            countable: 0,
            rejected: 0,
            partitions: 0,
        }
    }

    /// At the beginning of the next look. The lake stays as it was read unless it was published anew.
    pub(super) fn again(&self, until: Timestamp, is_same_lake: bool) -> Self {
        let look = self.look + 1;
        let (lake_look, partitions) =
            if is_same_lake { (self.lake_look, self.partitions) } else { (look, 0) };
        Self { look, lake_look, partitions, ..Self::new(self.from, self.to, until) }
    }

    /// Where a dataset is cut by its cursor; not later than this was asked for.
    pub(super) fn cutoff_of(&self, subject: &Subject, pinned: &Pinned) -> Timestamp {
        if subject.against.is_by_arrival() {
            // A whole window came, or nothing of it.
            pinned.in_step_until
        } else {
            self.to.min(pinned.in_step_until)
        }
    }

    /// What is read of the source for a cut-off.
    pub(super) fn window(&self, subject: &Subject, cutoff: Timestamp) -> Window {
        let from = self.from.or(subject.since);
        match subject.against {
            // Up to now, and not up to the cut-off: what has changed since must be known.
            Against::Source => Window { from, to: self.until },
            Against::Arrivals | Against::Inbox => Window { from, to: cutoff },
            // A scan has no window; this one is that of the changes since.
            Against::Scan => Window { from: Some(cutoff), to: self.until },
            // An export comes later than the instant that it has the state of.
            Against::Export => Window { from: None, to: self.until },
        }
    }

    /// What the source counts for a cut-off: rows that moved behind it since are not among them.
    pub(super) fn counted_window(&self, subject: &Subject, cutoff: Timestamp) -> Window {
        let window = self.window(subject, cutoff);
        match subject.against {
            Against::Source => Window { to: cutoff, ..window },
            Against::Arrivals | Against::Inbox | Against::Scan | Against::Export => window,
        }
    }

    /// Which rows count in the source and in the lake.
    pub(super) fn spans(&self, subject: &Subject, cutoff: Timestamp) -> (Span, Span) {
        let cut = cutoff.as_microsecond();
        let by_time =
            Span { from: self.from.map(Timestamp::as_microsecond), cutoff: cut, ..Span::ALL };
        let by_arrival = Span { ingested_until: Some(cut), ..Span::ALL };
        match subject.against {
            Against::Source | Against::Export => (by_time, by_time),
            Against::Arrivals | Against::Inbox => (Span::ALL, by_arrival),
            Against::Scan => (by_time, by_arrival),
        }
    }
}
