//! How journal entries become bytes. Each row of the journal names the format of its bytes.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use stepwell_machine::Entry;

use crate::limits::COMPRESSED_BYTES_MIN;

/// The format of the entries of one journal row. A number, once written, is reserved for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntryFormat(pub(crate) i64);

impl EntryFormat {
    /// A JSON array of entries.
    const JSON: Self = Self(1);

    /// The same, compressed with zlib. Every state repeats its data when it is entered and left; of data up
    /// to 32 KiB, the window of zlib, a row so holds about one copy.
    const ZLIB_JSON: Self = Self(2);
}

/// The fastest level that finds what is repeated as far back as the window reaches; level 1 does not.
const LEVEL: Compression = Compression::new(2);

/// A row of the journal that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("journal entries of the unknown format {0}")]
    Format(i64),
    #[error("journal entries that cannot be decompressed: {0}")]
    Compressed(#[from] std::io::Error),
    #[error("journal entries that are no entries: {0}")]
    Entries(#[from] serde_json::Error),
}

/// Turns entries into bytes; reused from row to row to spare the allocator.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    json: Vec<u8>,
    compressed: Vec<u8>,
}

impl Encoder {
    /// The bytes of entries and their format.
    pub(crate) fn encode(&mut self, entries: &[Entry]) -> (EntryFormat, &[u8]) {
        self.json.clear();
        serde_json::to_writer(&mut self.json, entries)
            .expect("entries are JSON and a buffer takes all");
        if self.json.len() < COMPRESSED_BYTES_MIN {
            return (EntryFormat::JSON, &self.json);
        }
        self.compressed.clear();
        let mut encoder = ZlibEncoder::new(&mut self.compressed, LEVEL);
        encoder
            .write_all(&self.json)
            .and_then(|()| encoder.finish().map(drop))
            .expect("a buffer takes all");
        (EntryFormat::ZLIB_JSON, &self.compressed)
    }
}

/// Reads the bytes of entries.
pub(crate) fn decode(format: EntryFormat, bytes: &[u8]) -> Result<Vec<Entry>, Unreadable> {
    match format {
        EntryFormat::JSON => Ok(serde_json::from_slice(bytes)?),
        EntryFormat::ZLIB_JSON => {
            let mut json = Vec::with_capacity(bytes.len() * 8);
            ZlibDecoder::new(bytes).read_to_end(&mut json)?;
            Ok(serde_json::from_slice(&json)?)
        }
        EntryFormat(unknown) => Err(Unreadable::Format(unknown)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// As the first version wrote every kind of entry, and later ones what came later. No line is ever edited: what
    /// was once written must mean the same for ever. A new kind of entry or a new field gets a line, a new format a
    /// file of its own.
    const FORMAT_1: &[u8] = include_bytes!("golden/entries-1.json");

    /// The same entries.
    const FORMAT_2: &[u8] = include_bytes!("golden/entries-2.zlib");

    /// The history that they are.
    const HISTORY: &str = include_str!("golden/history.json");

    #[test]
    fn entries_of_format_1_mean_what_they_always_meant() {
        let entries = decode(EntryFormat::JSON, FORMAT_1).unwrap();
        let history: Vec<Value> = entries.iter().filter_map(Entry::to_history_event).collect();
        let expected: Vec<Value> = serde_json::from_str(HISTORY).unwrap();
        for (event, expected) in history.iter().zip(&expected) {
            assert_eq!(event, expected);
        }
        assert_eq!(history.len(), expected.len());
        // What the history does not show is understood too: nothing is dropped in reading.
        let written: Value = serde_json::from_slice(FORMAT_1).unwrap();
        assert_eq!(serde_json::to_value(&entries).unwrap(), written);
    }

    /// What came with task tokens and activities; no line of it is ever edited either.
    #[test]
    fn entries_of_callbacks_mean_what_they_always_meant() {
        let text = include_str!("golden/callbacks.json");
        let entries = decode(EntryFormat::JSON, text.as_bytes()).unwrap();
        let written: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&entries).unwrap(), written);
        let history: Vec<Value> = entries.iter().filter_map(Entry::to_history_event).collect();
        let types: Vec<_> = history.iter().map(|event| &event["type"]).collect();
        assert_eq!(types, ["TaskScheduled", "TaskSubmitted", "ActivityStarted"]);
        assert_eq!(history[2]["activityStartedEventDetails"]["workerName"], "w");
        assert!(history[0]["taskScheduledEventDetails"].get("token").is_none());
    }

    /// What came with redrives; no line of it is ever edited either.
    #[test]
    fn entries_of_redrives_mean_what_they_always_meant() {
        let text = include_str!("golden/redrives.json");
        let entries = decode(EntryFormat::JSON, text.as_bytes()).unwrap();
        let written: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(&entries).unwrap(), written);
        let history: Vec<Value> = entries.iter().filter_map(Entry::to_history_event).collect();
        let types: Vec<_> = history.iter().map(|event| &event["type"]).collect();
        assert_eq!(types, ["ExecutionRedriven", "ExecutionRedriven", "MapRunRedriven"]);
        assert_eq!(history[1]["executionRedrivenEventDetails"], json!({"redriveCount": 2}));
        assert_eq!(history[2]["mapRunRedrivenEventDetails"]["redriveCount"], 1);
    }

    /// What came later, a line each.
    #[test]
    fn later_entries_mean_what_they_always_meant() {
        for text in
            [include_str!("golden/given-back.json"), include_str!("golden/taken-again.json")]
        {
            let entries = decode(EntryFormat::JSON, text.as_bytes()).unwrap();
            let written: Value = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_value(&entries).unwrap(), written);
            assert!(entries.last().unwrap().to_history_event().is_none());
        }
    }

    #[test]
    fn entries_of_format_2_mean_the_same() {
        let entries = decode(EntryFormat::ZLIB_JSON, FORMAT_2).unwrap();
        assert_eq!(entries, decode(EntryFormat::JSON, FORMAT_1).unwrap());
    }

    #[test]
    fn a_format_of_the_future_is_refused_by_its_number() {
        for format in [-1, 0, 3, i64::MAX] {
            let error = decode(EntryFormat(format), FORMAT_1).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("journal entries of the unknown format {format}")
            );
        }
    }

    /// An older program would drop what it does not know, and go on wrongly.
    #[test]
    fn an_event_or_a_field_of_the_future_is_refused_by_its_name() {
        for (entries, name) in [
            (r#"[{"i":1,"t":0,"e":"Qx"}]"#, "unknown variant `Qx`"),
            (r#"[{"i":1,"t":0,"e":{"Sa":{"k":"P","q":1}}}]"#, "unknown field `q`"),
            (r#"[{"i":1,"t":0,"q":1,"e":"Px"}]"#, "unknown field `q`"),
            (r#"[{"i":1,"t":0,"e":{"Ef":{"q":1}}}]"#, "unknown field `q`"),
            (r#"[{"i":1,"t":0,"e":{"Is":{"x":0,"n":"M","q":1}}}]"#, "unknown field `q`"),
        ] {
            let error = decode(EntryFormat::JSON, entries.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        for bytes in [&FORMAT_2[..FORMAT_2.len() / 2], &[]] {
            let error = decode(EntryFormat::ZLIB_JSON, bytes).unwrap_err();
            assert!(matches!(error, Unreadable::Compressed(_) | Unreadable::Entries(_)), "{error}");
        }
        assert!(decode(EntryFormat::JSON, &FORMAT_1[..FORMAT_1.len() / 2]).is_err());
    }
}
