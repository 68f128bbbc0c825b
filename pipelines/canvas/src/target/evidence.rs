//! What was delivered against what is there.

use serde::{Deserialize, Serialize};

use super::staged::Receipt;
use super::{Difference, DifferenceKind, Proof, TableName, TargetError};
use crate::rows::digest::Digest;
use crate::schema::ColumnType;

/// How many keys a difference names.
pub(super) const KEYS_SHOWN: usize = 10;

/// So often a table is read back from the beginning because it changed meanwhile; the last time all at once.
const RESTARTS_MAX: u32 = 3;

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

/// How far a table was read back, to go on from there in the next slice.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ReadBack {
    pub(super) found: Digest,
    /// Where to go on: a page or a row.
    pub(super) next: i64,
    /// What has to be as it was, or else the table changed in between.
    pub(super) seal: Option<String>,
    pub(super) restarts: u32,
}

impl ReadBack {
    /// From the beginning, because somebody else changed the table.
    pub(super) fn restarted(table: &TableName, restarts_before: u32) -> Self {
        let restarts = restarts_before.saturating_add(1).min(RESTARTS_MAX);
        tracing::warn!(%table, "somebody else changed the table while it was read back; it is read again");
        Self { restarts, ..Self::default() }
    }

    /// Whether the table changes too often to be read in pieces.
    pub(super) fn is_at_once(&self) -> bool {
        self.restarts >= RESTARTS_MAX
    }

    /// What was found, once the whole table was read.
    pub(super) fn into_evidence(self, receipt: &Receipt) -> Evidence {
        let rows = receipt.upserts.differing_rows(&self.found);
        let differing_keys = rows.iter().take(KEYS_SHOWN).map(ToString::to_string).collect();
        Evidence {
            rows: self.found.rows,
            delivered: self.found,
            differing_keys,
            ..Evidence::default()
        }
    }
}

/// Compares a table with the receipt of the job that was published last.
pub(super) fn compare(table: &TableName, receipt: &Receipt, evidence: &Evidence) -> Proof {
    let (expected, found) = (&receipt.upserts, &evidence.delivered);
    let mut differences = Vec::new();
    let mut differ = |kind, expected: String, found: String, keys: &[String]| {
        if expected != found {
            let has_keys = matches!(kind, DifferenceKind::Keys | DifferenceKind::Values);
            let untold = (receipt.whole && has_keys && keys.is_empty()).then(|| untold(receipt));
            differences.push(Difference { kind, expected, found, keys: keys.to_vec(), untold });
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

/// The delivered rows of a snapshot are the table itself: there is nothing left to compare it with row by row.
fn untold(receipt: &Receipt) -> String {
    let mut keys = receipt.columns.iter().filter(|column| column.key);
    let whole_number =
        |ty: &ColumnType| matches!(ty, ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64);
    let named = keys.next().is_some_and(|key| whole_number(&key.ty)) && keys.next().is_none();
    let why = if named {
        "too many rows differ to tell single ones apart"
    } else {
        "only keys that are one whole number each can be told"
    };
    format!("{why}: of a snapshot checksums are kept, not rows")
}

/// What to say where the delivered rows had to make room for those of the next load.
pub(super) fn overtaken(table: &TableName) -> TargetError {
    TargetError::Gap {
        table: table.clone(),
        cause: "the next load has begun, so the last increment can no longer be proven; that load brings \
                its own proof"
            .to_owned(),
    }
}

/// Refuses to prove what another job delivered than the one that is meant.
pub(super) fn check_job(
    table: &TableName,
    receipt: &Receipt,
    job: Option<&str>,
) -> Result<(), TargetError> {
    if job.is_none_or(|job| job == receipt.job_id) {
        return Ok(());
    }
    Err(TargetError::Gap {
        table: table.clone(),
        cause: "another job was published since, so this one can no longer be proven; run again to prove what is \
                there now"
            .to_owned(),
    })
}

/// What to say where nothing was published that could be proven.
pub(super) fn nothing_to_prove(table: &TableName) -> TargetError {
    TargetError::Gap {
        table: table.clone(),
        cause: "nothing was published yet, so there is nothing to prove".to_owned(),
    }
}
