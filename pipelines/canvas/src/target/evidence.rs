//! What was delivered against what is there.

use super::staged::Receipt;
use super::{Difference, DifferenceKind, Proof, TableName};
use crate::rows::digest::Digest;

/// How many keys a difference names.
pub(super) const KEYS_SHOWN: usize = 10;

/// What a table holds now.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Rows in the table.
    pub(super) rows: u64,
    /// The rows that were delivered, as the table holds them.
    pub(super) delivered: Digest,
    /// Keys of delivered rows that are missing or hold other values.
    pub(super) differing_keys: Vec<String>,
    /// Keys of delivered deletes that are still there.
    pub(super) undeleted_keys: Vec<String>,
}

/// Compares a table with the receipt of the job that was published last.
pub(super) fn compare(table: &TableName, receipt: &Receipt, evidence: &Evidence) -> Proof {
    let expected = receipt.upserts;
    let found = evidence.delivered;
    let mut differences = Vec::new();
    let mut differ = |kind, expected: String, found: String, keys: &[String]| {
        if expected != found {
            differences.push(Difference { kind, expected, found, keys: keys.to_vec() });
        }
    };
    let count = |rows: u64| rows.to_string();
    let sum = |sum: u64| format!("{sum:016x}");
    let keys = &evidence.differing_keys;
    let rows_due = if receipt.whole { expected.rows } else { receipt.published.rows };
    differ(DifferenceKind::RowCount, count(rows_due), count(evidence.rows), &[]);
    differ(DifferenceKind::Keys, sum(expected.keys), sum(found.keys), keys);
    differ(DifferenceKind::Values, sum(expected.values), sum(found.values), keys);
    let undeleted = evidence.undeleted_keys.len() as u64;
    differ(DifferenceKind::Deletes, count(0), count(undeleted), &evidence.undeleted_keys);
    Proof { table: table.to_string(), rows: evidence.rows, compared: found.rows, differences }
}

/// What to say where the delivered rows had to make room for those of the next load.
pub(super) fn overtaken(table: &TableName) -> super::TargetError {
    super::TargetError::Gap {
        table: table.clone(),
        cause: "the next load has begun, so the last increment can no longer be proven; that load brings \
                its own proof"
            .to_owned(),
    }
}

/// What to say where nothing was published that could be proven.
pub(super) fn nothing_to_prove(table: &TableName) -> super::TargetError {
    super::TargetError::Gap {
        table: table.clone(),
        cause: "nothing was published yet, so there is nothing to prove".to_owned(),
    }
}
