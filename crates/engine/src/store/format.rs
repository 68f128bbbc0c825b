//! How journal entries become bytes. Each row of the journal names the format of its bytes.

use stepwell_machine::Entry;

/// The format of the entries of one journal row. A number, once written, is reserved for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryFormat(pub(crate) i64);

impl EntryFormat {
    /// A JSON array of entries.
    const JSON: Self = Self(1);

    /// What new rows are written in.
    pub(crate) const CURRENT: Self = Self::JSON;

    /// Whether this program understands the format.
    fn check_readable_by(self, newest: Self) -> Result<(), Unreadable> {
        if (1..=newest.0).contains(&self.0) { Ok(()) } else { Err(Unreadable::Format(self.0)) }
    }
}

/// A row of the journal that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("journal entries of the unknown format {0}")]
    Format(i64),
    #[error("journal entries that are no entries: {0}")]
    Entries(#[from] serde_json::Error),
}

/// Appends the bytes of entries to `buffer`.
pub(crate) fn encode(entries: &[Entry], buffer: &mut Vec<u8>) {
    serde_json::to_writer(buffer, entries).expect("entries are JSON and a buffer takes all");
}

/// Reads the bytes of entries.
pub(crate) fn decode(format: EntryFormat, bytes: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    format.check_readable_by(EntryFormat::CURRENT)?;
    Ok(serde_json::from_slice(bytes)?)
}
