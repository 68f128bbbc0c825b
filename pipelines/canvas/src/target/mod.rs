//! Where a replica lives: one trait, PostgreSQL and SQLite behind it.
//!
//! Rows are first staged, chunk by chunk, each chunk durable together with its progress; then published in
//! one transaction together with the table's cursor. A crash leaves either staged rows to go on from or a
//! published table, never anything in between.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::schema::TableSchema;

/// What is known of a replicated table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableState {
    /// `at` of the snapshot or `until` of the last increment: the next `since`.
    pub cursor: Timestamp,
    /// The schema version that the table has now.
    pub schema_version: i64,
}

/// One job's result on its way into a table.
#[derive(Debug, Clone)]
pub struct LoadRequest {
    /// The schema of the delivered rows.
    pub schema: TableSchema,
    /// The DAP job that delivers them. Staged rows of another job are discarded.
    pub job_id: String,
    /// Snapshot or increment.
    pub kind: LoadKind,
}

/// What the rows are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadKind {
    /// The whole table as of `at`: replaces what is there.
    Snapshot {
        /// The new cursor.
        at: Timestamp,
    },
    /// Upserts and deletes: merged.
    Increment {
        /// The old cursor.
        since: Timestamp,
        /// The new cursor.
        until: Timestamp,
    },
}

/// How far one part (object) of a job is staged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PartProgress {
    /// Rows staged durably.
    pub rows: u64,
    /// All of the part is staged.
    pub complete: bool,
}

/// What publishing changed, and whether it was proven.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Published {
    /// Rows in the table now.
    pub rows: u64,
    /// Rows that were not there before.
    pub inserted: u64,
    /// Rows that were there before and were delivered again.
    pub updated: u64,
    /// Rows that are gone.
    pub deleted: u64,
    /// Values that the target cannot hold as they are: each is reported, none silently changed.
    pub altered: Vec<AlteredValue>,
}

/// A value that the target could not hold as it was delivered.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AlteredValue {
    /// The row's key.
    pub key: String,
    /// The column.
    pub column: String,
    /// Why, and what is stored instead.
    pub reason: String,
}
