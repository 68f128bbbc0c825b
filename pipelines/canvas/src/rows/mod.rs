//! Rows on their way from a source to a target: decoding, typed values, checksums.
//!
//! DAP delivers TSV that is PostgreSQL's COPY text format, and PostgreSQL gives tables back in the same format.
//! So one decoder reads both sides, and typed values say what a field means whatever its spelling. JSON Lines,
//! the other format that is asked for, are rewritten as TSV.
//! Getting the bytes (download, gzip) and putting rows anywhere is left to others.

pub mod batch;
pub(crate) mod decimal;
pub mod decoder;
pub(crate) mod digest;
pub(crate) mod escape;
pub(crate) mod json;
pub mod jsonl;
pub(crate) mod temporal;
#[cfg(test)]
pub(crate) mod testing;
pub mod text_sum;
pub mod tsv;
pub(crate) mod value;

pub use batch::{Action, Batch, Row};
pub use decoder::{Decoder, Format, Place};
pub use text_sum::TextSum;
pub use tsv::{TsvDecoder, TsvError};
