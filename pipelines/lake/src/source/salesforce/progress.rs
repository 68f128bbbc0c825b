//! How far the reading of a window is: the checkpoint, and how windows get shorter.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::soql::Key;
use crate::source::Window;

/// Nothing in Salesforce is older.
pub(super) const BEGINNING: Timestamp = Timestamp::constant(915_148_800, 0);

/// Which part of the window is read, and how far it is:
/// `{"from": "...", "to": "...", "step": {"job": {"id": "750...", "locator": "MTAw", "after": ["...", "001..."]}}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The part's beginning; none: everything before its end.
    pub(super) from: Option<Timestamp>,
    /// The part's end.
    pub(super) to: Timestamp,
    /// So many records are asked for at once, of a table that is read as a whole.
    pub(super) limit: Option<u64>,
    pub(super) step: Step,
}

/// What is done with a part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// It is decided how what lies behind a record is read.
    Begin { after: Option<Key> },
    /// Over REST, behind a record.
    Rest { after: Option<Key> },
    /// With a job whose results stand behind a record, from a locator on.
    Job { id: String, locator: Option<String>, after: Option<Key> },
    /// Records are read; the list of deleted ones is, from here on.
    Deleted { from: Timestamp },
    /// There is nothing more.
    Done,
}

impl Progress {
    pub(super) fn beginning(window: &Window) -> Self {
        Self { from: window.from, to: window.to, limit: None, step: Step::Begin { after: None } }
    }

    /// The part is read: the next one, as long, or twice as long where there was nothing; or the deleted records.
    pub(super) fn part_is_read(&mut self, window: &Window, was_empty: bool, with_deleted: bool) {
        if self.to >= window.to {
            self.step = match window.from.filter(|_| with_deleted) {
                Some(from) => Step::Deleted { from },
                None => Step::Done,
            };
            return;
        }
        let length = self.to.duration_since(self.from.unwrap_or(BEGINNING));
        let length = if was_empty { length * 2 } else { length };
        let end = self.to.checked_add(length).unwrap_or(window.to).min(window.to);
        let (from, limit) = (Some(self.to), self.limit);
        *self = Self { from, to: end, limit, step: Step::Begin { after: None } };
    }

    /// Whether records are read, and not the list of deleted ones.
    pub(super) fn reads_records(&self) -> bool {
        !matches!(self.step, Step::Deleted { .. } | Step::Done)
    }

    /// The query takes too long: so many records at once, behind the same record.
    pub(super) fn narrow(&mut self, limit: u64) {
        let after = self.after();
        self.limit = Some(limit);
        self.step = Step::Begin { after };
    }

    /// The record that reading goes on behind.
    fn after(&self) -> Option<Key> {
        match &self.step {
            Step::Begin { after } | Step::Rest { after } | Step::Job { after, .. } => after.clone(),
            Step::Deleted { .. } | Step::Done => None,
        }
    }

    /// The query takes too long: half of what is left of the part, behind the same record. False if it cannot be shorter.
    pub(super) fn halve(&mut self, oldest: Option<Timestamp>) -> bool {
        let after = self.after();
        let begun = after.as_ref().and_then(|key| key.0).or(self.from).or(oldest);
        let begun = begun.unwrap_or(BEGINNING);
        let Some(middle) = middle(begun, self.to) else { return false };
        self.from = self.from.or(Some(begun));
        self.to = middle;
        self.step = Step::Begin { after };
        true
    }
}

/// A whole second between two times.
pub(super) fn middle(from: Timestamp, to: Timestamp) -> Option<Timestamp> {
    let half: SignedDuration = to.duration_since(from) / 2;
    let middle = Timestamp::from_second((from + half).as_second()).ok()?;
    (from < middle && middle < to).then_some(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn parts_follow_each_other_without_gap_until_the_window_is_read() {
        let window =
            Window { from: Some(time("2026-03-01T00:00:00Z")), to: time("2026-03-03T00:00:00Z") };
        let mut progress = Progress::beginning(&window);
        let mut parts = Vec::new();
        assert!(progress.halve(None) && progress.halve(None));
        while matches!(progress.step, Step::Begin { .. }) {
            parts.push((progress.from.unwrap(), progress.to));
            progress.part_is_read(&window, parts.len() == 2, true);
        }
        assert_eq!(progress.step, Step::Deleted { from: window.from.unwrap() });
        assert_eq!(parts.first().unwrap().0, window.from.unwrap());
        assert_eq!(parts.last().unwrap().1, window.to);
        assert!(parts.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert_eq!(parts.len(), 3, "half a day, half a day without anything, and a day: {parts:?}");
    }

    #[test]
    fn a_part_of_a_second_is_not_halved_and_a_half_stands_behind_the_same_record() {
        let key = Key(Some(time("2026-03-01T06:00:00Z")), "001".to_owned());
        let step = Step::Rest { after: Some(key.clone()) };
        let mut progress = Progress {
            from: Some(time("2026-03-01T00:00:00Z")),
            to: time("2026-03-01T08:00:00Z"),
            limit: None,
            step,
        };
        assert!(progress.halve(None));
        assert_eq!(progress.to, time("2026-03-01T07:00:00Z"));
        assert_eq!(progress.step, Step::Begin { after: Some(key) });
        progress.to = time("2026-03-01T06:00:01Z");
        assert!(!progress.halve(None));
    }
}
