//! The decoder of one part, whatever its format.

use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::jsonl::JsonLinesDecoder;
use super::tsv::{Delivery, TsvDecoder, TsvError};
use crate::schema::TableSchema;

/// The formats that parts are asked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Tab-separated values, nested objects as JSON: PostgreSQL's own COPY format.
    #[default]
    Tsv,
    /// JSON Lines.
    Jsonl,
}

/// A place in a part's text where a decoder can begin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Rows that begin before it.
    pub rows: u64,
    /// The last of them ends behind it: its rest is passed over.
    #[serde(default)]
    pub inside_row: bool,
    /// The header of the part, which is not read again. Empty where there is none.
    #[serde(default)]
    pub header: String,
}

/// Turns chunks of one part's decompressed bytes into batches.
#[derive(Debug)]
pub enum Decoder {
    /// Of tab-separated values.
    Tsv(TsvDecoder),
    /// Of JSON Lines.
    JsonLines(JsonLinesDecoder),
}

impl Decoder {
    /// A decoder for one part of a job on the table of `schema`. Passes over the rows that were staged before.
    pub fn new(format: Format, schema: &TableSchema, delivery: Delivery, staged: u64) -> Self {
        match format {
            Format::Tsv => Self::Tsv(TsvDecoder::new(schema, delivery).resume_after(staged)),
            Format::Jsonl => {
                Self::JsonLines(JsonLinesDecoder::new(schema, delivery).resume_after(staged))
            }
        }
    }

    /// Begins at a place in the part instead of its beginning.
    ///
    /// # Errors
    /// [`TsvError`] if the header of the place does not fit the schema.
    pub fn begin_at(self, place: &Place) -> Result<Self, TsvError> {
        match self {
            Self::Tsv(decoder) => decoder.begin_at(place).map(Self::Tsv),
            Self::JsonLines(decoder) => decoder.begin_at(place).map(Self::JsonLines),
        }
    }

    /// How many rows there were so far.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Tsv(decoder) => decoder.rows(),
            Self::JsonLines(decoder) => decoder.rows(),
        }
    }

    /// The place that was reached. None where nothing but the end, or the header, can come.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Tsv(decoder) => decoder.place(),
            Self::JsonLines(decoder) => decoder.place(),
        }
    }

    /// Takes the next bytes; gives a batch when one is full.
    ///
    /// # Errors
    /// [`TsvError`] with the line; the decoder is of no use afterwards.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Option<Batch>, TsvError> {
        match self {
            Self::Tsv(decoder) => decoder.push(chunk),
            Self::JsonLines(decoder) => decoder.push(chunk),
        }
    }

    /// The part has ended: gives what is left.
    ///
    /// # Errors
    /// [`TsvError`], [`TsvError::Shorter`] where the part does not reach back to where it was left.
    pub fn finish(&mut self) -> Result<Option<Batch>, TsvError> {
        match self {
            Self::Tsv(decoder) => decoder.finish(),
            Self::JsonLines(decoder) => decoder.finish(),
        }
    }
}
