//! What a proof says: a status for every dataset and day, and the rows that differ.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::HandlerError;
use stepwell_reconcile::{CompareError, Comparison, Day, Difference, Kind};

/// How source and lake compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// The same rows with the same values.
    #[serde(rename = "equal")]
    Equal,
    /// Not the same rows or values.
    #[serde(rename = "different")]
    Different,
    /// The source, or the lake, could not be read: nothing is known.
    #[serde(rename = "source unavailable")]
    SourceUnavailable,
    /// There is nothing to compare with, or no rule to compare by: nothing is known.
    #[serde(rename = "not comparable")]
    NotComparable,
}

impl Status {
    /// As it stands in the results: `source unavailable`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Different => "different",
            Self::SourceUnavailable => "source unavailable",
            Self::NotComparable => "not comparable",
        }
    }

    /// The error name that a run ends with, by who can mend it.
    pub fn error(self) -> Option<&'static str> {
        match self {
            Self::Equal => None,
            Self::Different => Some("Different"),
            Self::SourceUnavailable => Some(HandlerError::RETRYABLE),
            Self::NotComparable => Some(HandlerError::CONFIG),
        }
    }

    /// What a failure says about a comparison, by its error name: never that it is equal.
    pub(super) fn of_failure(error: &str) -> Self {
        match error {
            HandlerError::CONFIG | "Data" | "Fatal" => Self::NotComparable,
            // A time-out, a service that is not there, whatever the state machine names itself.
            _ => Self::SourceUnavailable,
        }
    }
}

/// The proof of one dataset.
///
/// ```json
/// {"dataset":"orders","status":"different","checked_at":"2026-03-02T06:00:04Z","cutoff":"2026-03-02T05:50:00Z",
///  "source_rows":5021,"lake_rows":5020,"missing":1,"extra":0,"different":0,"late":3,"duplicate":0,"note":null,
///  "omitted":0,"days":[...],"differences":[...]}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetProof {
    /// Which one.
    pub dataset: String,
    /// Of all days together.
    pub status: Status,
    /// When the comparison ended.
    pub checked_at: Timestamp,
    /// What happened from here on was not looked at.
    pub cutoff: Option<Timestamp>,
    /// The sums of all days.
    #[serde(flatten)]
    pub counts: Counts,
    /// What somebody should know.
    pub note: Option<String>,
    /// Every day and partition.
    pub days: Vec<DayProof>,
    /// Differing rows, at most as many as the settings allow.
    pub differences: Vec<Found>,
    /// How many more there are.
    pub omitted: u64,
}

/// Rows, by what is the matter with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// In the source.
    pub source_rows: u64,
    /// In the lake.
    pub lake_rows: u64,
    /// In the source only.
    pub missing: u64,
    /// In the lake only.
    pub extra: u64,
    /// With other values.
    pub different: u64,
    /// That came to the lake after their time had been read already; they are no loss.
    pub late: u64,
    /// In the lake more often than in the source.
    pub duplicate: u64,
}

impl Counts {
    /// Adds those of another day.
    pub(crate) fn add(&mut self, other: &Self) {
        self.source_rows += other.source_rows;
        self.lake_rows += other.lake_rows;
        self.missing += other.missing;
        self.extra += other.extra;
        self.different += other.different;
        self.late += other.late;
        self.duplicate += other.duplicate;
    }

    /// Rows that differ in whatever way; late ones do not.
    pub fn differing(&self) -> u64 {
        self.missing + self.extra + self.different + self.duplicate
    }

    fn status(&self) -> Status {
        if self.differing() == 0 { Status::Equal } else { Status::Different }
    }
}

/// The proof of one day and partition of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DayProof {
    /// The day of the events (UTC); none where they have no time.
    pub day: Option<Date>,
    /// The partition beside the day: `country=CH`.
    pub partition: Option<String>,
    /// Of this day.
    pub status: Status,
    /// Of this day.
    #[serde(flatten)]
    pub counts: Counts,
    /// By how many days late rows came late: `{"1": 5}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub late_by_days: BTreeMap<i64, u64>,
}

/// A differing row.
///
/// ```json
/// {"kind":"different","day":"2026-03-01","key":{"id":"17"},"columns":[{"name":"amount","source":"0.28","lake":"29.50"}]}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// What it is.
    pub kind: FoundKind,
    /// The day of its event.
    pub day: Option<Date>,
    /// The values of its key.
    pub key: BTreeMap<String, Option<String>>,
    /// What is different; values only where the settings show them.
    pub columns: Vec<FoundColumn>,
}

/// What is the matter with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FoundKind {
    /// In the source only.
    Missing,
    /// In the lake only.
    Extra,
    /// In the lake more often than in the source.
    Duplicate,
    /// With other values.
    Different,
}

impl FoundKind {
    /// As it stands in the results.
    pub fn text(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Duplicate => "duplicate",
            Self::Different => "different",
        }
    }
}

/// A column whose values differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundColumn {
    /// Its name.
    pub name: String,
    /// What the source has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the lake has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lake: Option<String>,
}

/// Rows that came late, by day and by how many days.
pub type Late = BTreeMap<Option<Date>, BTreeMap<i64, u64>>;

impl DatasetProof {
    /// The proof of a comparison.
    pub fn of(
        dataset: &str,
        comparison: &Comparison,
        partition: &[String],
        late: &Late,
        show_values: bool,
    ) -> Self {
        let days: Vec<_> =
            comparison.days.iter().map(|day| DayProof::of(day, partition, late)).collect();
        let mut counts = Counts::default();
        for day in &days {
            counts.add(&day.counts);
        }
        Self {
            dataset: dataset.to_owned(),
            status: counts.status(),
            checked_at: Timestamp::UNIX_EPOCH,
            cutoff: None,
            counts,
            note: None,
            days,
            differences: comparison
                .differences
                .iter()
                .map(|it| Found::of(it, show_values))
                .collect(),
            omitted: comparison.omitted,
        }
    }

    /// That nothing is known, and why.
    pub fn unknown(dataset: &str, status: Status, why: impl Into<String>) -> Self {
        Self {
            dataset: dataset.to_owned(),
            status,
            checked_at: Timestamp::UNIX_EPOCH,
            cutoff: None,
            counts: Counts::default(),
            note: Some(why.into()),
            days: Vec::new(),
            differences: Vec::new(),
            omitted: 0,
        }
    }

    /// Takes back what an earlier look did not find: it was on its way. Only where both looks told everything.
    #[must_use]
    pub fn confirming(mut self, earlier: &Self) -> Self {
        if self.omitted > 0 || earlier.omitted > 0 {
            return self;
        }
        let is_known = |found: &Found| {
            earlier.differences.iter().any(|it| it.key == found.key && it.kind == found.kind)
        };
        let (confirmed, new): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.differences).into_iter().partition(is_known);
        self.differences = confirmed;
        for found in &new {
            if let Some(day) = self.days.iter_mut().find(|day| day.day == found.day) {
                day.counts.take_back(found.kind);
                day.status = day.counts.status();
            }
            self.counts.take_back(found.kind);
        }
        self.status = self.counts.status();
        self
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

impl DayProof {
    fn of(day: &Day, partition: &[String], late: &Late) -> Self {
        let late_by_days = late.get(&day.group.day).cloned().unwrap_or_default();
        let counts = Counts {
            source_rows: day.source.rows,
            lake_rows: day.lake.rows,
            missing: day.missing,
            extra: day.extra,
            different: day.different,
            late: late_by_days.values().sum(),
            duplicate: day.duplicate,
        };
        let named = partition.iter().zip(&day.group.partition);
        let named: Vec<_> = named
            .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("NULL")))
            .collect();
        Self {
            day: day.group.day,
            partition: (!named.is_empty()).then(|| named.join("/")),
            status: counts.status(),
            counts,
            late_by_days,
        }
    }
}

impl Found {
    fn of(difference: &Difference, show_values: bool) -> Self {
        let shown = |value: &Option<String>| value.clone().filter(|_| show_values);
        let (kind, columns) = match &difference.kind {
            Kind::Missing => (FoundKind::Missing, &[][..]),
            Kind::Extra => (FoundKind::Extra, &[][..]),
            Kind::Duplicate => (FoundKind::Duplicate, &[][..]),
            Kind::Different(columns) => (FoundKind::Different, columns.as_slice()),
        };
        let column = |it: &stepwell_reconcile::ColumnDifference| FoundColumn {
            name: it.name.clone(),
            source: shown(&it.source),
            lake: shown(&it.lake),
        };
        Self {
            kind,
            day: difference.group.day,
            key: difference.key.iter().cloned().collect(),
            columns: columns.iter().map(column).collect(),
        }
    }
}

/// A comparison without a result, as the state machine tells failures apart.
pub fn failure(error: &CompareError) -> HandlerError {
    let told = stepwell_pipeline::error::in_one_line(error);
    match error {
        CompareError::Unsteady | CompareError::Stopped => HandlerError::Retryable(told),
        CompareError::NoColumn { .. }
        | CompareError::NotComparable { .. }
        | CompareError::NoKey => HandlerError::Config(told),
        CompareError::Unreadable { .. } => HandlerError::Data(told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(key: &str, kind: FoundKind) -> Found {
        let key = BTreeMap::from([("id".to_owned(), Some(key.to_owned()))]);
        Found { kind, day: None, key, columns: Vec::new() }
    }

    fn proof(differences: Vec<Found>) -> DatasetProof {
        let mut counts = Counts::default();
        for found in &differences {
            match found.kind {
                FoundKind::Missing => counts.missing += 1,
                FoundKind::Extra => counts.extra += 1,
                FoundKind::Duplicate => counts.duplicate += 1,
                FoundKind::Different => counts.different += 1,
            }
        }
        let day = DayProof {
            day: None,
            partition: None,
            status: counts.status(),
            counts,
            late_by_days: BTreeMap::new(),
        };
        let status = counts.status();
        let unknown = DatasetProof::unknown("orders", status, "");
        DatasetProof { counts, days: vec![day], differences, note: None, ..unknown }
    }

    #[test]
    fn what_only_the_second_look_finds_was_on_its_way() {
        let first = proof(vec![found("1", FoundKind::Missing)]);
        let second = proof(vec![found("1", FoundKind::Missing), found("2", FoundKind::Extra)]);
        let confirmed = second.confirming(&first);
        assert_eq!(confirmed.differences, first.differences);
        assert_eq!((confirmed.counts, confirmed.status), (first.counts, Status::Different));
        let gone = proof(vec![found("2", FoundKind::Extra)]).confirming(&first);
        assert_eq!((gone.status, gone.days[0].status), (Status::Equal, Status::Equal));
    }

    #[test]
    fn a_look_that_did_not_tell_everything_takes_nothing_back() {
        let first = DatasetProof { omitted: 7, ..proof(Vec::new()) };
        let second = proof(vec![found("1", FoundKind::Missing)]);
        assert_eq!(second.clone().confirming(&first), second);
    }

    #[test]
    fn no_failure_is_equal() {
        for error in ["Config", "Retryable", "Data", "Fatal", "States.Timeout", "Different"] {
            let status = Status::of_failure(error);
            assert!(status != Status::Equal && status.error().is_some(), "{error}");
        }
    }
}
