//! The limits that AWS sets to an execution, for those who want them here.
//!
//! Which limits hold is decided when an execution starts and recorded with its start, so that they stay the same
//! whatever a restart brings. Left to others: the limits of requests (`stepwell-engine`).
//!
//! Source: Step Functions Developer Guide, "Step Functions service quotas".

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_asl::Data;
use stepwell_asl::variable::Assigned;

use crate::event::{Event, EventId};

/// Bytes that an input, a result or an output may have as JSON in UTF-8, on AWS.
pub const PAYLOAD_BYTES_MAX: usize = 262_144;

/// Bytes that all variables of an execution may have together as JSON in UTF-8, on AWS. Those that one state
/// assigns may have [`PAYLOAD_BYTES_MAX`] together.
pub const VARIABLES_BYTES_MAX: usize = 10 * 1_024 * 1_024;

/// Events that a history may have, on AWS.
pub const HISTORY_EVENTS_MAX: EventId = 25_000;

/// Which limits hold for an execution. Its names are persisted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limits {
    /// None: memory and disk are the only ones.
    #[default]
    #[serde(rename = "n")]
    None,
    /// Those of AWS: [`PAYLOAD_BYTES_MAX`], [`VARIABLES_BYTES_MAX`] and [`HISTORY_EVENTS_MAX`].
    #[serde(rename = "a")]
    Aws,
}

impl Limits {
    /// Whether data is larger than what may be recorded.
    pub(crate) fn exclude(self, data: &Value) -> bool {
        self == Self::Aws && are_longer([data], PAYLOAD_BYTES_MAX)
    }

    /// Whether variables are larger than what one state may assign, or with those that are `kept` larger than
    /// what there may be.
    pub(crate) fn exclude_variables<'v>(
        self,
        assigned: &Assigned,
        kept: impl Iterator<Item = &'v Data>,
    ) -> bool {
        if self == Self::None || assigned.is_empty() {
            return false;
        }
        let new = || assigned.values().map(|value| &**value);
        are_longer(new(), PAYLOAD_BYTES_MAX)
            || are_longer(new().chain(kept.map(|value| &**value)), VARIABLES_BYTES_MAX)
    }

    /// Whether a history has no room for an event: its last place is for the end of the execution.
    pub(crate) fn end_before(self, id: EventId, event: &Event) -> bool {
        self == Self::Aws && id >= HISTORY_EVENTS_MAX && !event.is_end()
    }
}

/// The cause of `States.DataLimitExceeded`: a state, or what did the work of a task, gave too much.
pub(crate) fn too_large(name: &str) -> String {
    format!(
        "The state/task '{name}' returned a result with a size exceeding the maximum number of \
         bytes service limit."
    )
}

/// The cause of the failure that ends a full history.
pub(crate) fn history_is_full() -> String {
    format!("The execution reached the maximum number of history events ({HISTORY_EVENTS_MAX}).")
}

/// Whether the compact JSON of values has more bytes than this. Reads no further than needed.
fn are_longer<'v>(values: impl IntoIterator<Item = &'v Value>, max: usize) -> bool {
    let mut budget = Budget(max);
    values.into_iter().any(|value| serde_json::to_writer(&mut budget, value).is_err())
}

/// Takes so many bytes and no more.
struct Budget(usize);

impl io::Write for Budget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_are_counted_as_utf_8_and_the_last_one_is_allowed() {
        assert!(!are_longer([&json!({"a": "ö"})], 10));
        assert!(are_longer([&json!({"a": "ö"})], 9));
        assert!(are_longer([&json!("12345"), &json!("")], 8));
        let largest = json!("x".repeat(PAYLOAD_BYTES_MAX - 2));
        assert!(!Limits::Aws.exclude(&largest));
        let larger = json!("x".repeat(PAYLOAD_BYTES_MAX - 1));
        assert!(Limits::Aws.exclude(&larger) && !Limits::None.exclude(&larger));
    }
}
