//! What is known of a load besides its rows: persisted with each checkpoint, in the same transaction.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::evidence::ReadBack;
use super::{AlteredValue, LoadRequest, Mark, PartProgress, Published, TableState};
use crate::rows::TextSum;
use crate::rows::digest::Digest;
use crate::schema::Column;

/// How many altered values a [`Published`] names. All of them are kept beside the table.
const ALTERED_SHOWN: usize = 20;

/// The format of what is persisted. A load of another format is begun anew.
const FORMAT: u32 = 2;

/// What a job has staged so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Staged {
    format: u32,
    job_id: String,
    schema_version: i64,
    /// The staging table has the shape of the final table, not that of a merge.
    pub(super) direct: bool,
    parts: BTreeMap<String, PartProgress>,
    /// What was delivered to be there, as it is stored.
    pub(super) upserts: Digest,
    pub(super) deletes: u64,
    pub(super) superseded: u64,
    altered_total: u64,
    altered: Vec<AlteredValue>,
    /// Columns whose values are longer than declared.
    pub(super) widened: BTreeSet<String>,
    /// Required columns that hold a null.
    pub(super) relaxed: BTreeSet<String>,
}

impl Staged {
    pub(super) fn new(request: &LoadRequest, direct: bool) -> Self {
        Self {
            format: FORMAT,
            job_id: request.job_id.clone(),
            schema_version: request.schema.version,
            direct,
            parts: BTreeMap::new(),
            upserts: Digest::default(),
            deletes: 0,
            superseded: 0,
            altered_total: 0,
            altered: Vec::new(),
            widened: BTreeSet::new(),
            relaxed: BTreeSet::new(),
        }
    }

    /// Reads what was persisted, if it belongs to the request and to the way it would be staged now.
    pub(super) fn resume(text: &str, request: &LoadRequest, direct: bool) -> Option<Self> {
        let staged: Self = serde_json::from_str(text).ok()?;
        let same = staged.format == FORMAT
            && staged.job_id == request.job_id
            && staged.schema_version == request.schema.version
            && staged.direct == direct;
        same.then_some(staged)
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data is JSON")
    }

    pub(super) fn progress(&self, part: &str) -> PartProgress {
        self.parts.get(part).cloned().unwrap_or_default()
    }

    pub(super) fn part_mut(&mut self, part: &str) -> &mut PartProgress {
        if !self.parts.contains_key(part) {
            self.parts.insert(part.to_owned(), PartProgress::default());
        }
        self.parts.get_mut(part).expect("inserted above")
    }

    pub(super) fn mark(&mut self, part: &str, mark: Option<Mark>, unverified: TextSum) {
        let progress = self.part_mut(part);
        progress.mark = mark.or_else(|| progress.mark.take());
        progress.unverified = Some(unverified);
    }

    pub(super) fn finish_part(&mut self, part: &str) {
        let rows = self.part_mut(part).rows;
        *self.part_mut(part) = PartProgress { rows, complete: true, ..PartProgress::default() };
    }

    /// No other part has staged anything.
    pub(super) fn is_alone(&self, part: &str) -> bool {
        self.parts.iter().all(|(name, progress)| name == part || progress.rows == 0)
    }

    pub(super) fn count_altered(&mut self, alteration: &Alteration) {
        self.altered_total += 1;
        if self.altered.len() < ALTERED_SHOWN {
            self.altered.push(alteration.shown());
        }
    }

    /// What publishing gives, given the rows before and what the merge counted.
    ///
    /// All of a table counts afresh, so that a difference never outlives it.
    pub(super) fn published(
        &self,
        whole: bool,
        rows_before: u64,
        changes: Changes,
        shape: Vec<String>,
    ) -> Published {
        let rows = if whole {
            self.upserts.rows
        } else {
            // Rows that somebody else added may be among the deleted ones.
            (rows_before + changes.inserted).saturating_sub(changes.deleted)
        };
        Published {
            rows,
            inserted: changes.inserted,
            updated: changes.updated,
            deleted: changes.deleted,
            superseded: self.superseded,
            schema_changes: shape,
            altered_total: self.altered_total,
            altered: self.altered.clone(),
        }
    }
}

/// What a merge did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) inserted: u64,
    pub(super) updated: u64,
    pub(super) deleted: u64,
}

/// A value that is stored otherwise than delivered, with its original.
#[derive(Debug, Clone)]
pub(super) struct Alteration {
    pub(super) key: String,
    pub(super) column: String,
    pub(super) reason: String,
    pub(super) original: Vec<u8>,
}

impl Alteration {
    fn shown(&self) -> AlteredValue {
        AlteredValue {
            key: self.key.clone(),
            column: self.column.clone(),
            reason: self.reason.clone(),
        }
    }
}

/// What a published job left behind, so that it can be proven and told again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Receipt {
    pub(super) job_id: String,
    /// The columns that the table then had from the source: all others are the user's.
    pub(super) columns: Vec<Column>,
    /// What was delivered is all of the table.
    pub(super) whole: bool,
    pub(super) upserts: Digest,
    pub(super) published: Published,
    /// Columns that increments have filled in changed rows only.
    #[serde(default)]
    unfilled: Vec<String>,
    /// The last proof held.
    #[serde(default)]
    pub(super) proven: bool,
    /// A proof is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) read_back: Option<ReadBack>,
}

impl Receipt {
    /// `before` is what was known of the table until now.
    pub(super) fn new(
        request: &LoadRequest,
        staged: &Staged,
        whole: bool,
        before: Option<&TableState>,
        published: Published,
    ) -> Self {
        let before = before.filter(|_| !request.kind.is_whole());
        Self {
            job_id: request.job_id.clone(),
            columns: request.schema.columns.clone(),
            whole,
            upserts: staged.upserts.clone(),
            published,
            unfilled: before.map(|it| it.unfilled_under(&request.schema)).unwrap_or_default(),
            proven: false,
            read_back: None,
        }
    }

    /// The same once a proof has ended.
    pub(super) fn after_proof(self, proven: bool) -> Self {
        Self { proven, read_back: None, ..self }
    }

    /// What it says of the table, which then stands at this cursor.
    pub(super) fn state(&self, cursor: Timestamp, schema_version: i64) -> TableState {
        TableState {
            cursor,
            schema_version,
            rows: Some(self.published.rows),
            columns: self.columns.iter().map(|column| column.name.clone()).collect(),
            unfilled: self.unfilled.clone(),
            proof_due: !self.proven,
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data is JSON")
    }
}
