//! Rows that were staged before the checksum behind them was seen.
//!
//! Where an invocation ends inside a gzip member, the next one downloads it again and passes over the rows that are
//! staged. The checksum that it then verifies is that of what came now; only where the text is the same, it
//! is that of what is staged.

use crate::rows::text_sum::{Summing, TextSum};
use crate::target::PartProgress;

/// The text of one download, held against what was staged of it before.
pub(super) struct Text {
    summing: Summing,
    due: Option<Due>,
}

/// Text that has to come again.
struct Due {
    /// Bytes of the file before it.
    offset: u64,
    /// The text before it, once that came by.
    before: Option<TextSum>,
    expected: TextSum,
}

/// What was staged is not what came now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its rows are not those that were staged of it before")]
pub(super) struct Changed;

impl Text {
    /// Of a body that begins behind so many bytes of the file.
    pub(super) fn new(body_offset: u64, progress: &PartProgress) -> Self {
        let offset = progress.mark.as_ref().map_or(0, |mark| mark.offset);
        let before = (offset == body_offset).then(TextSum::default);
        let expected = progress.unverified.filter(|it| it.bytes > 0);
        let due = expected.map(|expected| Due { offset, before, expected });
        Self { summing: Summing::default(), due }
    }

    /// Takes the next bytes.
    pub(super) fn add(&mut self, text: &[u8]) -> Result<(), Changed> {
        let Some(Due { before: Some(before), expected, .. }) = self.due else {
            self.summing.add(text);
            return Ok(());
        };
        let left = before.bytes + expected.bytes - self.summing.bytes();
        let (again, new) =
            text.split_at(text.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        self.summing.add(again);
        if again.len() as u64 == left {
            if self.sum().since(before) != expected {
                return Err(Changed);
            }
            self.due = None;
        }
        self.summing.add(new);
        Ok(())
    }

    /// What comes next is the gzip member behind so many bytes of the file.
    pub(super) fn end_member(&mut self, offset: u64) {
        self.summing.end_member();
        let sum = self.sum();
        if let Some(due) = &mut self.due
            && due.offset == offset
        {
            due.before = Some(sum);
        }
    }

    /// Fails unless all that was staged before came again: nothing new counts until then.
    pub(super) fn check_passed(&self) -> Result<(), Changed> {
        if self.due.is_some() { Err(Changed) } else { Ok(()) }
    }

    /// All that came so far.
    pub(super) fn sum(&self) -> TextSum {
        self.summing.sum()
    }
}
