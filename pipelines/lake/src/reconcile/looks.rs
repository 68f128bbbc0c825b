//! What several looks say together: a difference counts only if it was found again, and what came to the lake meanwhile is
//! never a loss.

use serde::{Deserialize, Serialize};

use super::comparing::Seen;
use super::current::Settled;
use super::proof::{Counts, DatasetProof, Found, FoundKind, Level, Status};

/// A lake that is published anew so often while it is proven is not followed any further.
pub(super) const LOOKS_MAX: u32 = 4;

/// Why a proof without differences is not `equal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubt {
    status: Status,
    why: String,
    /// Whether another look may dispel it.
    passes: bool,
}

impl Doubt {
    /// Rows that were left out were not compared.
    pub(super) fn of_left_out(
        proof: &DatasetProof,
        settled: &Settled,
        rejected: u64,
    ) -> Option<Self> {
        let nothing = proof.counts.source_rows + proof.counts.lake_rows == 0;
        let left_out = settled.moving + settled.kept.untold;
        let why = if rejected > 0 {
            "not every record could be compared; the quarantine has them with their reasons"
        } else if nothing && left_out > 0 {
            "nothing was left to compare; prove it again after the next run"
        } else {
            return None;
        };
        Some(Self { status: Status::NotComparable, why: why.to_owned(), passes: false })
    }

    /// The source did not give what it counts.
    pub(super) fn of_unread(count: u64, given: u64) -> Self {
        let why = format!(
            "the source counts {count} rows and gave {given} when it was read; prove it again, and tell whoever serves it \
             if that stays so"
        );
        Self { status: Status::SourceUnavailable, why, passes: true }
    }
}

impl Seen {
    /// Whether no other look is needed.
    pub(super) fn is_final(&self) -> bool {
        self.proofs.iter().all(|proof| proof.status != Status::Different)
            && !self.doubts.iter().any(|doubt| doubt.passes)
    }

    /// The proofs, none of which is `equal` in spite of a doubt.
    pub(super) fn ended(self) -> Vec<DatasetProof> {
        let Self { mut proofs, doubts } = self;
        for doubt in doubts {
            for proof in proofs.iter_mut().filter(|proof| proof.status == Status::Equal) {
                proof.status = doubt.status;
                proof.days.iter_mut().for_each(|day| day.status = doubt.status);
            }
            proofs[0].tell(&doubt.why);
        }
        proofs
    }
}

/// A look that was kept for the next one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Earlier {
    pub(super) proofs: Vec<DatasetProof>,
}

/// How the lake was between two looks and after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Between {
    /// The same all the time.
    Steady,
    /// Published anew.
    Changed,
}

/// What the last look says beside the one before.
pub(super) fn confirmed(
    proofs: Vec<DatasetProof>,
    earlier: &Earlier,
    between: Between,
) -> Vec<DatasetProof> {
    let one = |proof: DatasetProof| {
        let before = earlier.proofs.iter().find(|it| it.dataset == proof.dataset);
        match (before, between) {
            _ if proof.status != Status::Different => proof,
            (_, Between::Changed) if proof.level == Level::Counts => changed(&proof.dataset),
            _ if proof.level == Level::Counts => proof,
            (Some(before), Between::Steady) => proof.confirming(before),
            (Some(before), Between::Changed) => proof.found_again(before),
            (None, _) => proof,
        }
    };
    proofs.into_iter().map(one).collect()
}

/// That the lake did not hold still.
pub(super) fn changed(dataset: &str) -> DatasetProof {
    let why = format!(
        "the lake was published anew during each of {LOOKS_MAX} looks; prove it between two runs"
    );
    DatasetProof::unknown(dataset, Status::LakeChanged, why)
}

impl DatasetProof {
    /// Takes back what an earlier look did not find: it was on its way. Only where both looks told everything.
    #[must_use]
    fn confirming(mut self, earlier: &Self) -> Self {
        if self.omitted > 0 || earlier.omitted > 0 {
            return self;
        }
        self.take_back_new(earlier);
        self
    }

    /// What an earlier look found too, although the lake was published anew in between: that is missing in a newer state
    /// as well. If there is nothing like that, nothing is known.
    fn found_again(mut self, earlier: &Self) -> Self {
        if self.omitted == 0 && earlier.omitted == 0 {
            self.take_back_new(earlier);
            if self.status == Status::Different {
                self.tell("the lake was published anew meanwhile; only what differs still is told");
                return self;
            }
        }
        let Self { checked_at, cutoff, dataset, .. } = self;
        Self { checked_at, cutoff, ..changed(&dataset) }
    }

    fn take_back_new(&mut self, earlier: &Self) {
        let is_known = |found: &Found| {
            earlier.differences.iter().any(|it| it.key == found.key && it.kind == found.kind)
        };
        let (confirmed, new): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.differences).into_iter().partition(is_known);
        self.differences = confirmed;
        for found in &new {
            let of_group = |day: &&mut super::proof::DayProof| {
                day.day == found.day && day.partition == found.partition
            };
            if let Some(day) = self.days.iter_mut().find(of_group) {
                day.counts.take_back(found.kind);
                day.status = day.counts.status();
                if day.status == Status::Equal {
                    day.columns.clear();
                }
            }
            self.counts.take_back(found.kind);
        }
        self.status = self.counts.status();
    }
}

impl Counts {
    fn take_back(&mut self, kind: FoundKind) {
        let count = match kind {
            FoundKind::Missing => &mut self.missing,
            FoundKind::Extra => &mut self.extra,
            FoundKind::Duplicate => &mut self.duplicate,
            FoundKind::Different => &mut self.different,
        };
        *count = count.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::reconcile::proof::DayProof;

    fn found(key: &str, kind: FoundKind, partition: &str) -> Found {
        let key = BTreeMap::from([("id".to_owned(), Some(key.to_owned()))]);
        Found { kind, day: None, partition: Some(partition.to_owned()), key, columns: Vec::new() }
    }

    fn counts<'a>(differences: impl Iterator<Item = &'a Found>) -> Counts {
        let mut counts = Counts::default();
        for found in differences {
            match found.kind {
                FoundKind::Missing => counts.missing += 1,
                FoundKind::Extra => counts.extra += 1,
                FoundKind::Duplicate => counts.duplicate += 1,
                FoundKind::Different => counts.different += 1,
            }
        }
        counts
    }

    fn proof(differences: Vec<Found>) -> DatasetProof {
        let day = |partition: &str| {
            let of_day = differences.iter().filter(|it| it.partition.as_deref() == Some(partition));
            let counts = counts(of_day);
            DayProof {
                day: None,
                partition: Some(partition.to_owned()),
                status: counts.status(),
                counts,
                late_by_days: BTreeMap::new(),
                columns: BTreeMap::new(),
            }
        };
        let days = vec![day("c=CH"), day("c=DE")];
        let counts = counts(differences.iter());
        let unknown = DatasetProof::unknown("orders", counts.status(), "");
        DatasetProof { counts, days, differences, note: None, ..unknown }
    }

    fn judged(last: DatasetProof, before: DatasetProof, between: Between) -> DatasetProof {
        confirmed(vec![last], &Earlier { proofs: vec![before] }, between).remove(0)
    }

    #[test]
    fn what_only_the_second_look_finds_was_on_its_way() {
        let first = proof(vec![found("1", FoundKind::Missing, "c=CH")]);
        let second = proof(vec![
            found("1", FoundKind::Missing, "c=CH"),
            found("2", FoundKind::Missing, "c=DE"),
        ]);
        let confirmed = judged(second, first.clone(), Between::Steady);
        assert_eq!(confirmed, first, "the partition with the loss is told, and no other one");
        let gone = proof(vec![found("2", FoundKind::Extra, "c=DE")]);
        let gone = judged(gone, first, Between::Steady);
        assert_eq!((gone.status, gone.days[1].status), (Status::Equal, Status::Equal));
    }

    #[test]
    fn a_look_that_did_not_tell_everything_takes_nothing_back() {
        let first = DatasetProof { omitted: 7, ..proof(Vec::new()) };
        let second = proof(vec![found("1", FoundKind::Missing, "c=CH")]);
        assert_eq!(judged(second.clone(), first.clone(), Between::Steady), second);
        let unknown = judged(second, first, Between::Changed);
        assert_eq!((unknown.status, unknown.counts), (Status::LakeChanged, Counts::default()));
    }

    #[test]
    fn in_a_lake_that_changes_only_what_was_found_twice_is_a_difference() {
        let loss = || found("1", FoundKind::Missing, "c=CH");
        let first = proof(vec![loss(), found("3", FoundKind::Missing, "c=CH")]);
        let second = proof(vec![loss(), found("2", FoundKind::Extra, "c=DE")]);
        let told = judged(second, first.clone(), Between::Changed);
        assert_eq!((told.status, told.differences), (Status::Different, vec![loss()]));
        let other = proof(vec![found("2", FoundKind::Missing, "c=DE")]);
        assert_eq!(judged(other, first, Between::Changed).status, Status::LakeChanged);
    }

    #[test]
    fn counts_that_differ_are_not_taken_back() {
        let level = Level::Counts;
        let one =
            DatasetProof { level, ..DatasetProof::unknown("a", Status::Different, "5 and 4") };
        assert_eq!(judged(one.clone(), one.clone(), Between::Steady), one);
    }
}
