//! The verdicts of one run, and how they are counted and shown.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::known;

/// The verdicts of one run.
#[derive(Debug)]
pub(super) struct Report {
    verdicts: Vec<Verdict>,
}

/// How one case went.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Verdict {
    pub(super) id: String,
    group: String,
    #[serde(rename = "verdict")]
    kind: Kind,
    /// Why it did not pass.
    pub(super) reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Passed,
    Failed,
    /// Differs, and the reason is known.
    Known,
    Skipped,
}

/// How many cases went which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    /// Those with a known reason included.
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

impl Tally {
    fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Passed => self.passed += 1,
            Kind::Failed | Kind::Known => self.failed += 1,
            Kind::Skipped => self.skipped += 1,
        }
    }
}

impl Report {
    /// Reads the verdicts that the program left. A case of the list differs for the reason that stands there, also where luck let
    /// it pass.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(super) fn read(file: &Path, list: &str) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let mut verdicts: Vec<Verdict> =
            serde_json::from_str(&text).with_context(|| file.display().to_string())?;
        let reasons = known::reasons(list);
        for verdict in &mut verdicts {
            if let Some(reason) = reasons.get(&*verdict.id) {
                verdict.kind = Kind::Known;
                (*reason).clone_into(&mut verdict.reason);
            }
        }
        verdicts.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(Self { verdicts })
    }

    /// The cases that failed for no known reason.
    pub(super) fn failed_ids(&self) -> Vec<String> {
        self.of(Kind::Failed).map(|verdict| verdict.id.clone()).collect()
    }

    /// Takes the verdict of a case from another report.
    pub(super) fn replace(&mut self, id: &str, other: Self) {
        let found = other.verdicts.into_iter().find(|verdict| verdict.id == id);
        let mine = self.verdicts.iter_mut().find(|verdict| verdict.id == id);
        if let (Some(mine), Some(found)) = (mine, found) {
            *mine = found;
        }
    }

    /// Whether a case failed for no known reason.
    pub(super) fn has_failed(&self) -> bool {
        self.of(Kind::Failed).next().is_some()
    }

    /// The cases with this verdict.
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(move |verdict| verdict.kind == kind)
    }

    /// The count of every group, and of all together.
    pub(super) fn tallies(&self) -> (BTreeMap<&str, Tally>, Tally) {
        let (mut groups, mut total) = (BTreeMap::<&str, Tally>::new(), Tally::default());
        for verdict in &self.verdicts {
            groups.entry(&verdict.group).or_default().add(verdict.kind);
            total.add(verdict.kind);
        }
        (groups, total)
    }

    fn skipped(&self) -> BTreeMap<&str, usize> {
        let mut reasons = BTreeMap::<&str, usize>::new();
        for verdict in self.of(Kind::Skipped) {
            *reasons.entry(&verdict.reason).or_default() += 1;
        }
        reasons
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (groups, total) = self.tallies();
        writeln!(f, "{:<17} {:>7} {:>7} {:>7}", "group", "passed", "failed", "skipped")?;
        for (group, tally) in groups.into_iter().chain([("total", total)]) {
            let Tally { passed, failed, skipped } = tally;
            writeln!(f, "{group:<17} {passed:>7} {failed:>7} {skipped:>7}")?;
        }
        for (reason, count) in self.skipped() {
            writeln!(f, "skipped {count:>4}: {reason}")?;
        }
        for Verdict { id, reason, .. } in self.of(Kind::Known) {
            writeln!(f, "known to differ: {id}: {reason}")?;
        }
        for Verdict { id, reason, .. } in self.of(Kind::Failed) {
            writeln!(f, "failed: {id}: {reason}")?;
        }
        let Tally { passed, failed, skipped } = total;
        writeln!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn report() -> Report {
        let json = r#"[
            {"id": "a", "group": "map", "verdict": "passed", "reason": ""},
            {"id": "b", "group": "map", "verdict": "known", "reason": "the order varies"},
            {"id": "c", "group": "wait", "verdict": "skipped", "reason": "needs sqs"},
            {"id": "d", "group": "wait", "verdict": "failed", "reason": "output"}
        ]"#;
        Report { verdicts: serde_json::from_str(json).unwrap() }
    }

    #[test]
    fn a_case_of_the_list_is_known_whether_it_passed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("verdicts.json");
        let verdict = |id: &str, kind: &str| {
            format!(r#"{{"id": "{id}", "group": "api", "verdict": "{kind}", "reason": "r"}}"#)
        };
        let verdicts = [verdict("c", "failed"), verdict("b", "passed"), verdict("a", "known")];
        std::fs::write(&file, format!("[{}]", verdicts.join(","))).unwrap();
        let report = Report::read(&file, "# the order varies\na\nb\n").unwrap();
        assert_eq!(report.tallies().1, Tally { failed: 3, ..Tally::default() });
        let known: Vec<_> = report.of(Kind::Known).map(|it| (&*it.id, &*it.reason)).collect();
        assert_eq!(known, [("a", "the order varies"), ("b", "the order varies")]);
    }

    #[test]
    fn verdicts_are_counted_by_group_and_reason() {
        let shown = report().to_string();
        for line in [
            "map                     1       1       0",
            "wait                    0       1       1",
            "skipped    1: needs sqs",
            "known to differ: b: the order varies",
            "failed: d: output",
            "1 passed, 2 failed, 1 skipped",
        ] {
            assert!(shown.lines().any(|found| found == line), "{line}\n{shown}");
        }
        assert!(report().has_failed());
    }
}
