//! The proof of one dataset, in slices and looks: pin the lake, read the source, read the lake, compare; and where
//! something differs, look again.
//!
//! The lake is pinned before the source is read: what is in it then, the source must have told by the end of the look.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use stepwell_pipeline::{Context, HandlerError};

use super::checkpoint::Checkpoint;
use super::comparing::Seen;
use super::counts;
use super::kept::{load, save};
use super::lake::{Against, Lake, Pinned, Subject};
use super::looks::{self, Between, Earlier, LOOKS_MAX};
use super::proof::{DatasetProof, Level, Status};
use super::reading::remove_earlier;
use super::settings::Settings;
use crate::source::Window;

/// What a slice came to.
#[derive(Debug)]
pub(super) enum Sliced {
    /// There is more to do, after a wait.
    InProgress(Duration),
    /// The proof is complete: of the dataset, and of the tables of its arrays.
    Complete(Vec<DatasetProof>),
}

/// A dataset that is being proven.
pub(super) struct Steps<'a> {
    pub(super) lake: &'a dyn Lake,
    pub(super) settings: &'a Settings,
    pub(super) subject: &'a Subject,
    pub(super) level: Level,
    /// For the files of this proof alone.
    pub(super) folder: &'a Path,
    pub(super) ctx: &'a Context,
}

/// How a look ended.
enum Look {
    /// There is more to do, after a wait.
    Paused(Duration),
    Seen(Seen),
    /// The files of the pinned lake were removed meanwhile.
    Gone,
}

impl Steps<'_> {
    /// Works until the slice is over or the proof complete.
    pub(super) async fn work(&self, at: &mut Checkpoint) -> Result<Sliced, HandlerError> {
        remove_earlier(self.folder, at)?;
        loop {
            let Some(pinned) = self.pinned(at).await? else {
                return Ok(self.unknown("nothing has been published yet; run the pipeline first"));
            };
            let cutoff = self.cutoff(at, &pinned).await?;
            if let Some(from) = at.from.filter(|from| *from >= cutoff) {
                return Ok(self.unknown(&format!(
                    "nothing to compare: the lake is in step up to {cutoff}, and the days that were asked for begin with {from}"
                )));
            }
            let seen = match self.look(at, &pinned, cutoff).await? {
                Look::Paused(wait) => return Ok(Sliced::InProgress(wait)),
                Look::Seen(seen) if seen.is_final() => return Ok(self.complete(seen.ended())),
                Look::Seen(seen) => Some(seen),
                Look::Gone => None,
            };
            if let Some(proofs) = self.judged(at, &pinned, seen).await? {
                return Ok(self.complete(proofs));
            }
        }
    }

    /// What this look compares, whatever is published meanwhile.
    async fn pinned(&self, at: &Checkpoint) -> Result<Option<Pinned>, HandlerError> {
        let path = self.folder.join(format!("pinned-{}.json", at.lake_look));
        if let Some(pinned) = load(&path)? {
            return Ok(Some(pinned));
        }
        let pinned = self.pinned_now().await?;
        if let Some(pinned) = &pinned {
            save(&path, pinned)?;
        }
        Ok(pinned)
    }

    async fn pinned_now(&self) -> Result<Option<Pinned>, HandlerError> {
        let mut pinned = self.lake.pin(&self.subject.name).await?;
        if let (Some(pinned), Level::Counts) = (&mut pinned, self.level) {
            pinned.tables.retain(|table| table.name == self.subject.name);
        }
        Ok(pinned)
    }

    /// Where both sides are cut in this look.
    async fn cutoff(
        &self,
        at: &mut Checkpoint,
        pinned: &Pinned,
    ) -> Result<Timestamp, HandlerError> {
        if let Some(cutoff) = at.cutoff {
            return Ok(cutoff);
        }
        let mut cutoff = at.cutoff_of(self.subject, pinned);
        if self.subject.against == Against::Export {
            // What happened before an export was made has arrived, once the source has settled.
            let to = cutoff.checked_sub(self.subject.settle).unwrap_or(cutoff);
            at.until = to;
            let source = self.lake.source(&self.subject.name).await?;
            let state = source.state_at(&Window { from: None, to }).await?;
            cutoff = state.unwrap_or(to);
        }
        at.cutoff = Some(cutoff);
        Ok(cutoff)
    }

    async fn look(
        &self,
        at: &mut Checkpoint,
        pinned: &Pinned,
        cutoff: Timestamp,
    ) -> Result<Look, HandlerError> {
        let counted = self.count(at, cutoff).await?;
        if self.level == Level::Counts && counted.is_none() {
            let seen = counts::cannot(&self.subject.name);
            return Ok(Look::Seen(Seen { proofs: vec![seen], doubts: Vec::new() }));
        }
        if self.level == Level::Rows
            && let Some(wait) = self.read_source(at, cutoff).await?
        {
            return Ok(Look::Paused(wait));
        }
        let is_counted =
            self.level == Level::Counts && self.counted_when_published(pinned).is_some();
        let read = if is_counted { Ok(true) } else { self.read_lake(at, pinned).await };
        match read {
            Ok(true) => {}
            Ok(false) => return Ok(Look::Paused(Duration::ZERO)),
            Err(_) if self.pinned_now().await?.as_ref() != Some(pinned) => return Ok(Look::Gone),
            Err(error) => return Err(error),
        }
        let seen = match self.level {
            Level::Rows => self.compare(at, pinned, cutoff).await?,
            Level::Counts => self.compare_counts(at, pinned, cutoff).await?,
        };
        Ok(Look::Seen(seen))
    }

    /// What the looks so far come to; nothing if another one is needed, which `at` is at the beginning of then.
    async fn judged(
        &self,
        at: &mut Checkpoint,
        pinned: &Pinned,
        seen: Option<Seen>,
    ) -> Result<Option<Vec<DatasetProof>>, HandlerError> {
        let kept = |look: u32| self.folder.join(format!("look-{look}.json"));
        let is_same = self.pinned_now().await?.as_ref() == Some(pinned);
        let between =
            if is_same && at.lake_look < at.look { Between::Steady } else { Between::Changed };
        let is_last = between == Between::Steady || at.look >= LOOKS_MAX;
        let earlier: Option<Earlier> = load(&kept(at.look - 1))?;
        match (seen, earlier) {
            (Some(Seen { proofs, doubts }), Some(earlier)) if is_last => {
                let proofs = looks::confirmed(proofs, &earlier, between);
                return Ok(Some(Seen { proofs, doubts }.ended()));
            }
            (None, _) if at.look >= LOOKS_MAX => {
                return Ok(Some(vec![looks::changed(&self.subject.name)]));
            }
            (Some(seen), _) => save(&kept(at.look), &Earlier { proofs: seen.proofs })?,
            (None, _) => {}
        }
        *at = at.again(Timestamp::now(), is_same);
        Ok(None)
    }

    fn unknown(&self, why: &str) -> Sliced {
        self.complete(vec![DatasetProof::unknown(&self.subject.name, Status::NotComparable, why)])
    }

    fn complete(&self, proofs: Vec<DatasetProof>) -> Sliced {
        let ended = |proof: DatasetProof| DatasetProof {
            level: self.level,
            checked_at: Timestamp::now(),
            ..proof.at_most(self.settings.differences_max())
        };
        Sliced::Complete(proofs.into_iter().map(ended).collect())
    }
}
