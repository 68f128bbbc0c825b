//! What a proof says: a status for every dataset and day, and the rows that differ.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::HandlerError;
use stepwell_reconcile::{CompareError, Comparison, Day, Difference, Group, Kind};

use super::columns::ColumnProof;

/// How far a proof goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The numbers of rows alone: what the source counts without being read, and what the lake has.
    Counts,
    /// Every row.
    #[default]
    Rows,
}

impl Level {
    /// As it stands in the results.
    pub fn text(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Rows => "rows",
        }
    }
}

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
    /// The lake was published anew during every look, and what differed cannot be told from what was on its way:
    /// nothing is known.
    #[serde(rename = "lake changed")]
    LakeChanged,
    /// There is nothing to compare with, or no rule to compare by: nothing is known.
    #[serde(rename = "not comparable")]
    NotComparable,
    /// Both sides have as many rows; nobody looked at them.
    #[serde(rename = "counts agree")]
    CountsAgree,
}

impl Status {
    /// All of them, in the order in which they are told.
    pub(crate) const ALL: [Self; 6] = [
        Self::Equal,
        Self::CountsAgree,
        Self::Different,
        Self::SourceUnavailable,
        Self::LakeChanged,
        Self::NotComparable,
    ];

    /// As it stands in the results: `source unavailable`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Different => "different",
            Self::SourceUnavailable => "source unavailable",
            Self::LakeChanged => "lake changed",
            Self::NotComparable => "not comparable",
            Self::CountsAgree => "counts agree",
        }
    }

    /// Whether it says something about the rows or their number.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Equal | Self::Different | Self::CountsAgree)
    }

    /// The error name that a run ends with, by who can mend it.
    pub fn error(self) -> Option<&'static str> {
        match self {
            Self::Equal | Self::CountsAgree => None,
            Self::Different => Some("Different"),
            Self::SourceUnavailable | Self::LakeChanged => Some(HandlerError::RETRYABLE),
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
///  "level":"rows","counted":{"source":5021,"lake":5020},"omitted":0,"days":[...],"differences":[...]}
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
    /// How far it goes.
    #[serde(default)]
    pub level: Level,
    /// What both sides count, before any row is looked at.
    #[serde(default)]
    pub counted: Counted,
    /// What somebody should know.
    pub note: Option<String>,
    /// Every day and partition.
    pub days: Vec<DayProof>,
    /// Differing rows, at most as many as the settings allow.
    pub differences: Vec<Found>,
    /// How many more there are.
    pub omitted: u64,
}

/// The first level of a proof: `{"source":5021,"lake":5020}`.
///
/// Keys that have changed at the source since the cut-off are among the lake's rows and no longer among the source's, so
/// the two can differ where all rows are equal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Rows before the cut-off, by the source's own count; none where it cannot count without being read.
    pub source: Option<u64>,
    /// Rows before the cut-off, the last version of each key.
    pub lake: Option<u64>,
}

impl Counted {
    /// `5021 / 5020`; what is not known is `-`.
    pub fn text(self) -> String {
        let told = |it: Option<u64>| it.map_or_else(|| "-".to_owned(), |it| it.to_string());
        match self {
            Self { source: None, lake: None } => String::new(),
            Self { source, lake } => format!("{} / {}", told(source), told(lake)),
        }
    }
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

    pub(super) fn status(&self) -> Status {
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
    /// Where rows are missing, extra or different: the columns that are not the same on both sides.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, ColumnProof>,
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
    /// The partition beside the day: `country=CH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
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

/// Rows that came late, by day and partition, and by how many days.
pub type Late = BTreeMap<Group, BTreeMap<i64, u64>>;

impl DatasetProof {
    /// The proof of a comparison.
    pub fn of(
        dataset: &str,
        comparison: &Comparison,
        partition: &[String],
        late: &Late,
        show_values: bool,
    ) -> Self {
        let day = |day: &Day| {
            // With a tolerance equal rows can have other checksums.
            let columns = if day.is_equal() {
                BTreeMap::new()
            } else {
                ColumnProof::of_day(day, &comparison.columns, show_values)
            };
            DayProof::of(day, partition, late, columns)
        };
        let days: Vec<_> = comparison.days.iter().map(day).collect();
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
            level: Level::Rows,
            counted: Counted::default(),
            note: None,
            days,
            differences: comparison
                .differences
                .iter()
                .map(|it| Found::of(it, partition, show_values))
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
            level: Level::Rows,
            counted: Counted::default(),
            note: Some(why.into()),
            days: Vec::new(),
            differences: Vec::new(),
            omitted: 0,
        }
    }

    /// Whether anything is known of single rows.
    pub fn compares_rows(&self) -> bool {
        self.status.is_known() && self.level == Level::Rows
    }

    /// Adds something that somebody should know.
    pub(super) fn tell(&mut self, note: &str) {
        let before = self.note.take().map(|before| before + "; ").unwrap_or_default();
        self.note = Some(before + note);
    }

    /// Keeps no more than so many differences; all are counted.
    #[must_use]
    pub(super) fn at_most(mut self, differences_max: usize) -> Self {
        let more = self.differences.len().saturating_sub(differences_max);
        self.differences.truncate(differences_max);
        self.omitted += more as u64;
        self
    }
}

impl DayProof {
    fn of(
        day: &Day,
        partition: &[String],
        late: &Late,
        columns: BTreeMap<String, ColumnProof>,
    ) -> Self {
        let late_by_days = late.get(&day.group).cloned().unwrap_or_default();
        let counts = Counts {
            source_rows: day.source.rows,
            lake_rows: day.lake.rows,
            missing: day.missing,
            extra: day.extra,
            different: day.different,
            late: late_by_days.values().sum(),
            duplicate: day.duplicate,
        };
        Self {
            day: day.group.day,
            partition: named(partition, &day.group),
            status: counts.status(),
            counts,
            late_by_days,
            columns,
        }
    }
}

/// `country=CH`; none where there are no partitions beside the day.
fn named(partition: &[String], group: &Group) -> Option<String> {
    let named: Vec<_> = partition
        .iter()
        .zip(&group.partition)
        .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("NULL")))
        .collect();
    (!named.is_empty()).then(|| named.join("/"))
}

impl Found {
    fn of(difference: &Difference, partition: &[String], show_values: bool) -> Self {
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
            partition: named(partition, &difference.group),
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

    #[test]
    fn no_failure_is_equal() {
        for error in ["Config", "Retryable", "Data", "Fatal", "States.Timeout", "Different"] {
            let status = Status::of_failure(error);
            assert!(!status.is_known() && status.error().is_some(), "{error}");
        }
    }

    #[test]
    fn what_is_kept_of_older_proofs_can_be_read() {
        let text = r#"{"dataset":"orders","status":"equal","checked_at":"2026-03-02T06:00:04Z","cutoff":null,
            "source_rows":1,"lake_rows":1,"missing":0,"extra":0,"different":0,"late":0,"duplicate":0,"note":null,
            "days":[],"differences":[{"kind":"missing","day":null,"key":{},"columns":[]}],"omitted":0}"#;
        let proof: DatasetProof = serde_json::from_str(text).unwrap();
        assert_eq!((proof.level, proof.counted), (Level::Rows, Counted::default()));
    }
}
