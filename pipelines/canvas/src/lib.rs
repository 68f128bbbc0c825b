//! Keeps a PostgreSQL or SQLite replica of Instructure Canvas Data 2 in step.
//!
//! `ListTables -> Map { SyncTable -> Choice(COMPLETE | INIT_NEEDED -> InitTable | IN_PROGRESS -> again) } -> Prove -> Notify`

pub mod dap;
pub mod rows;
pub mod schema;
pub mod target;
