//! Files of CSV, JSON lines and Parquet as Arrow batches, wherever they lie: a folder, a bucket, a web server.
//!
//! ```text
//! Location --Stores--> bytes --read--> Batch (rows, rejected rows, unknown fields)
//!                                       ^
//!               anything else --Rows----+      cell by cell, by declared columns
//!                          Batch --Writer--> a file whose bytes depend on its rows and settings alone
//! ```
//!
//! Numbers, times and dates are made from their text and never pass through a float, unless the column is a
//! `double`. Left to others: what the rows mean, where they go, credentials of buckets ([`Buckets`]).

mod column;
mod error;
mod format;
mod location;
mod read;
pub mod rows;
mod stores;
#[cfg(test)]
mod testing;
mod write;

pub use column::{Column, ColumnType, arrow_schema};
pub use error::Error;
pub use format::{Compression, Format, Kind};
pub use location::Location;
pub use read::{Batch, CsvOptions, ReadOptions, conform, count, infer, read};
pub use rows::Rejected;
pub use stores::{Buckets, Entry, NoBuckets, Stores, Tag};
pub use write::{WriteOptions, Writer};
