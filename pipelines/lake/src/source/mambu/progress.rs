//! How far the reading of a window is: the checkpoint.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A checkpoint: `{"next": {"search": {...}}, "seen": 1500}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) next: Progress,
    /// So many records were read of a table that is written anew.
    pub(super) seen: u64,
}

/// What comes next: `{"search": {"pass": 0, "bound": "2026-03-01T10:00:00Z", "at_bound": ["8a85..."], "offset": 0}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Progress {
    /// A page of a search by time.
    Search(Keyset),
    /// A page behind a cursor.
    Cursor(String),
    /// A page of a list.
    List(Offset),
    /// A page of the audit trail: from this time on, without the events of that time that were read.
    Events { from: Option<Timestamp>, read: Vec<String> },
    /// There is nothing more.
    Done,
}

/// Where a search by time goes on: at the time of the last record, with the records of that time that were read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Keyset {
    /// 0: by the table's own time; 1: by the other one.
    pub(super) pass: u8,
    pub(super) bound: Option<Timestamp>,
    pub(super) at_bound: Vec<String>,
    /// Only where more records have one time than fit a page.
    pub(super) offset: u64,
}

/// Where a list goes on, with the keys of the page before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "as checkpoints name them")]
pub(super) struct Offset {
    pub(super) offset: u64,
    pub(super) before: Vec<String>,
    /// How often records had shifted out of the overlap.
    pub(super) shifts: u32,
}
