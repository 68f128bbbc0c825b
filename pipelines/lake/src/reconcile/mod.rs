//! The proof: what the source has against what the lake has, dataset by dataset and day by day.
//!
//! ```text
//! Begin -> Map { Compare (slices) } -> Record -> Summarise -> Notify
//! Compare   reads the source into files, reads the lake into files, compares them, and where they differ
//!           reads the source once more: what has gone by then was on its way
//! ```
//!
//! Both sides are cut at the same instant: the settle time before now, and not later than the lake says that it is
//! in step. "Could not be compared" is a status of its own and never `equal`.
//!
//! Left to others: the comparison of two sides (`stepwell-reconcile`), reading a source ([`crate::source`]), what is
//! published and how.

pub mod current;
pub mod handlers;
pub mod lake;
pub mod proof;
pub mod settings;
mod spool;
mod steps;

/// The state machine that proves, as it also runs on AWS.
pub const DEFINITION: &str = include_str!("../../reconcile.asl.json");
