//! The comparison of two sides of a table: counts, keys and checksums, down to the rows that differ.
//!
//! ```text
//! first reading   each side, on a thread of its own: for every day and partition counts, checksums, extents;
//!                 for every bucket of key hashes a count and a sum of row hashes
//! compared        buckets that are equal are done
//! next readings   the rows of the other buckets, as many at a time as memory allows, value by value
//! ```
//!
//! Memory depends on the number of days, columns and buckets, not on the number of rows. Values are normalised before
//! they are hashed or compared, in one place ([`Rule`]): `10.5` and `10.50` are one number, two instants are compared
//! in the coarser unit, NULL equals NULL and no text. Hashes decide only what is *read again*; what is called different
//! was compared by value. Two different rows go unseen if their 64-bit hashes collide.
//!
//! Left to others: what the sides are, when they are read, which differences are late arrivals.

mod column;
mod compare;
mod error;
mod group;
mod layout;
mod parquet;
mod rows;
mod rule;
mod selection;
mod side;
mod summary;
mod value;

pub use column::{ColumnTotals, Extent};
pub use compare::{Comparison, Day, Options, Totals, compare};
pub use error::{CompareError, Which};
pub use group::Group;
pub use layout::{Column, Layout, Policy};
pub use parquet::ParquetFiles;
pub use rows::{ColumnDifference, Difference, Kind};
pub use rule::{Precision, Rule};
pub use selection::{Selection, key_hashes_of as key_hashes};
pub use side::{Batches, Side, SideError};
