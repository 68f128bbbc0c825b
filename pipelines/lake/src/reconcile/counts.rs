//! The first level of a proof by itself: how many rows both sides have. Rows are not looked at.

use jiff::Timestamp;
use stepwell_pipeline::HandlerError;

use super::checkpoint::Checkpoint;
use super::comparing::Seen;
use super::lake::{Against, Pinned};
use super::proof::{Counted, Counts, DatasetProof, Level, Status};
use super::steps::Steps;
use crate::dataset::INGESTED_AT;
use crate::source::Window;

/// What is said of a source that cannot count.
pub(super) fn cannot(dataset: &str) -> DatasetProof {
    let why = "its source cannot count rows without being read; leave `--level counts` out";
    DatasetProof::unknown(dataset, Status::NotComparable, why)
}

impl Steps<'_> {
    /// Holds the numbers of rows against each other.
    pub(super) async fn compare_counts(
        &self,
        at: &Checkpoint,
        pinned: &Pinned,
        cutoff: Timestamp,
    ) -> Result<Seen, HandlerError> {
        let source = at.counted.and_then(|it| it.rows).unwrap_or_default();
        let lake = match self.counted_when_published(pinned) {
            Some(rows) => rows,
            None => self.lake_rows(at, pinned, cutoff).await?,
        };
        let newer = if lake > source { self.newer(at, cutoff).await? } else { 0 };
        let (status, note) = verdict(source, lake, newer);
        let counts = Counts { source_rows: source, lake_rows: lake, ..Counts::default() };
        let proof = DatasetProof {
            cutoff: Some(cutoff),
            counts,
            level: Level::Counts,
            counted: Counted { source: Some(source), lake: Some(lake) },
            ..DatasetProof::unknown(&self.subject.name, status, note)
        };
        Ok(Seen { proofs: vec![proof], doubts: Vec::new() })
    }

    /// The rows of a table of which every published one counts.
    pub(super) fn counted_when_published(&self, pinned: &Pinned) -> Option<u64> {
        let subject = self.subject;
        let is_stamped = |column: &stepwell_tabular::Column| column.name == INGESTED_AT;
        let all_count = !subject.has_versions
            && subject.event_time.is_none()
            && !pinned.tables.iter().any(|table| table.columns.iter().any(is_stamped));
        all_count.then(|| pinned.tables.iter().map(crate::published::Table::rows).sum())
    }

    /// How many rows of the source are newer than the cut-off: the lake may have each of them as it was before.
    async fn newer(&self, at: &Checkpoint, cutoff: Timestamp) -> Result<u64, HandlerError> {
        if self.subject.against != Against::Source || self.subject.event_time.is_none() {
            return Ok(0);
        }
        let source = self.lake.source(&self.subject.name).await?;
        let window = Window { from: Some(cutoff), to: at.until };
        Ok(source.count(&window).await?.unwrap_or_default())
    }
}

fn verdict(source: u64, lake: u64, newer: u64) -> (Status, String) {
    if source == lake {
        let note = "rows were counted and not compared: equal numbers are no proof";
        return (Status::CountsAgree, note.to_owned());
    }
    let told = format!("the source counts {source} rows, the lake has {lake}");
    if lake > source && lake - source <= newer {
        let note = format!(
            "{told}, and {newer} rows of the source are newer than the cut-off: only a comparison of rows can tell; leave \
             `--level counts` out"
        );
        return (Status::NotComparable, note);
    }
    (Status::Different, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_agree_differ_or_tell_nothing() {
        assert_eq!(verdict(5, 5, 0).0, Status::CountsAgree);
        assert_eq!(verdict(5, 4, 9).0, Status::Different);
        assert_eq!(verdict(5, 6, 0).0, Status::Different);
        assert_eq!(verdict(5, 6, 1).0, Status::NotComparable);
        assert_eq!(verdict(5, 7, 1).0, Status::Different);
    }
}
