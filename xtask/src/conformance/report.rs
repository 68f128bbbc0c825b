//! The verdicts of one run, and how they are counted and shown.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The reports of a run: that of the interpreter, and those of the API.
const PARTS: [&str; 4] =
    ["machine.json", "sfn-api.json", "sfn-api-express.json", "sfn-api-map-runs.json"];

/// The verdicts of one run.
#[derive(Debug)]
pub(super) struct Report {
    verdicts: Vec<Verdict>,
    /// How many reports they come from.
    parts: usize,
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
    /// Reads the reports of a run. A case that one test skipped counts as another one found it.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let (mut verdicts, mut parts) = (BTreeMap::new(), 0);
        for part in PARTS.map(|part| folder.join(part)).iter().filter(|part| part.exists()) {
            let text = std::fs::read_to_string(part).with_context(|| part.display().to_string())?;
            let found: Vec<Verdict> =
                serde_json::from_str(&text).with_context(|| part.display().to_string())?;
            parts += 1;
            for verdict in found {
                let known = verdicts.entry(verdict.id.clone());
                let known = known.or_insert_with(|| verdict.clone());
                if known.kind == Kind::Skipped {
                    *known = verdict;
                }
            }
        }
        Ok(Self { verdicts: verdicts.into_values().collect(), parts })
    }

    /// Whether every test has left its report.
    pub(super) fn is_complete(&self) -> bool {
        self.parts == PARTS.len()
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
        Report { verdicts: serde_json::from_str(json).unwrap(), parts: PARTS.len() }
    }

    #[test]
    fn a_case_counts_as_the_test_found_it_that_ran_it() {
        let folder = tempfile::tempdir().unwrap();
        let write = |part: &str, kind: &str| {
            let verdict =
                format!(r#"[{{"id": "a", "group": "api", "verdict": "{kind}", "reason": "r"}}]"#);
            std::fs::write(folder.path().join(part), verdict).unwrap();
            Report::read(folder.path()).unwrap()
        };
        let [interpreter, api, others @ ..] = PARTS;
        assert!(!write(interpreter, "skipped").is_complete());
        for part in others {
            write(part, "skipped");
        }
        let report = write(api, "passed");
        assert!(report.is_complete());
        assert_eq!(report.tallies().1, Tally { passed: 1, ..Tally::default() });
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
