//! A checksum of a part's text on its way by, so that text that comes again can be held against what came before.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// What a stretch of text is.
///
/// ```json
/// {"bytes":1048611,"hash":12157347713208203561}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TextSum {
    /// How long it is.
    pub bytes: u64,
    /// The sum of one hash for each gzip member that it lies in, of what of it lies there.
    pub hash: u64,
}

impl TextSum {
    /// What comes behind a first stretch that ends where a gzip member ends.
    pub(crate) fn since(self, first: Self) -> Self {
        Self {
            bytes: self.bytes.wrapping_sub(first.bytes),
            hash: self.hash.wrapping_sub(first.hash),
        }
    }
}

/// Sums up text piece by piece.
#[derive(Default)]
pub(crate) struct Summing {
    ended: TextSum,
    member: Xxh3,
    bytes: u64,
}

impl Summing {
    pub(crate) fn add(&mut self, text: &[u8]) {
        self.member.update(text);
        self.bytes += text.len() as u64;
    }

    /// What comes next is another gzip member.
    pub(crate) fn end_member(&mut self) {
        self.ended = self.sum();
        self.member.reset();
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The sum of all so far. Nothing counts for a member that nothing has come of.
    pub(crate) fn sum(&self) -> TextSum {
        let hash = if self.bytes == self.ended.bytes { 0 } else { self.member.digest() };
        TextSum { bytes: self.bytes, hash: self.ended.hash.wrapping_add(hash) }
    }
}
