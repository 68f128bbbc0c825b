//! `stepwell-lake-summarise-proof`: one summary of all results.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Caught, Context, Function, HandlerError};

use super::record::Line;
use crate::reconcile::proof::{Level, Status};

/// Summarises a proof. Works on its input alone.
pub struct Summarise;

/// What the state machine has gathered.
///
/// ```json
/// {"started_at":"2026-03-02T06:00:00Z","gathered":{"recorded":{"datasets":[...]}}}
/// ```
#[derive(Debug, Deserialize)]
pub struct Gathered {
    started_at: Timestamp,
    gathered: Run,
}

/// `recorded`, or the `failure` that broke the run off.
#[derive(Debug, Deserialize)]
struct Run {
    recorded: Option<Recorded>,
    failure: Option<Caught>,
}

#[derive(Debug, Deserialize)]
struct Recorded {
    datasets: Vec<Line>,
}

/// A whole run.
///
/// ```json
/// {"pipeline":"lake","message":"2 datasets: 1 equal, 1 different (orders: 1 missing)","failed":1,
///  "error":"Different","severity":"alarm","equal":1,"counts_agree":0,"different":1,"source_unavailable":0,
///  "lake_changed":0,"not_comparable":0,"seconds":4.2,"datasets":[...]}
/// ```
#[derive(Debug, Serialize)]
pub struct Summary {
    pipeline: &'static str,
    message: String,
    /// Datasets that are not proven to be equal; 1 if the run itself broke off.
    failed: usize,
    error: Option<String>,
    severity: &'static str,
    equal: usize,
    counts_agree: usize,
    different: usize,
    source_unavailable: usize,
    lake_changed: usize,
    not_comparable: usize,
    seconds: f64,
    datasets: Vec<Line>,
}

#[async_trait]
impl Function for Summarise {
    type Input = Gathered;
    type Output = Summary;

    fn name(&self) -> &'static str {
        "stepwell-lake-summarise-proof"
    }

    async fn call(&self, input: Gathered, _ctx: &Context) -> Result<Summary, HandlerError> {
        let seconds = Timestamp::now().duration_since(input.started_at).as_secs_f64();
        let Run { recorded, failure } = input.gathered;
        let lines = recorded.map(|recorded| recorded.datasets).unwrap_or_default();
        Ok(summary(lines, failure.as_ref(), seconds))
    }
}

fn summary(datasets: Vec<Line>, failure: Option<&Caught>, seconds: f64) -> Summary {
    let count = |status| datasets.iter().filter(|line| line.status == status).count();
    let unequal = datasets.iter().filter(|line| line.status.error().is_some());
    let (failed, error, message) = if let Some(failure) = failure {
        let message = format!("nothing was proven: {}", failure.message());
        (1, Some(failure.error.clone()), message)
    } else {
        let worst = unequal.clone().map(|line| line.status).min();
        let error = worst.and_then(Status::error).map(str::to_owned);
        (unequal.count(), error, message(&datasets))
    };
    Summary {
        pipeline: "lake",
        message,
        failed,
        error,
        severity: if failed > 0 { "alarm" } else { "info" },
        equal: count(Status::Equal),
        counts_agree: count(Status::CountsAgree),
        different: count(Status::Different),
        source_unavailable: count(Status::SourceUnavailable),
        lake_changed: count(Status::LakeChanged),
        not_comparable: count(Status::NotComparable),
        seconds,
        datasets,
    }
}

/// So many datasets are named; the rest stands in the summary.
const NAMED_MAX: usize = 10;

fn message(datasets: &[Line]) -> String {
    let mut parts = Vec::new();
    for status in Status::ALL {
        let count = datasets.iter().filter(|line| line.status == status).count();
        if count > 0 {
            parts.push(format!("{count} {}", status.text()));
        }
    }
    let unequal: Vec<_> = datasets.iter().filter(|line| line.status.error().is_some()).collect();
    let mut named: Vec<_> = unequal.iter().take(NAMED_MAX).map(|line| told(line)).collect();
    if unequal.len() > NAMED_MAX {
        named.push(format!("and {} more", unequal.len() - NAMED_MAX));
    }
    let plural = if datasets.len() == 1 { "dataset" } else { "datasets" };
    let all = format!("{} {plural}: {}", datasets.len(), parts.join(", "));
    if named.is_empty() { all } else { format!("{all} ({})", named.join("; ")) }
}

fn told(line: &Line) -> String {
    if line.status != Status::Different || line.level == Level::Counts {
        let why = line.note.as_deref().unwrap_or(line.status.text());
        return format!("{}: {why}", line.dataset);
    }
    let counts = [
        (line.counts.missing, "missing"),
        (line.counts.extra, "extra"),
        (line.counts.different, "different"),
        (line.counts.duplicate, "duplicate"),
    ];
    let counted = counts.iter().filter(|(count, _)| *count > 0);
    let counted: Vec<_> = counted.map(|(count, what)| format!("{count} {what}")).collect();
    format!("{}: {}", line.dataset, counted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::proof::{Counted, Counts};

    fn line(dataset: &str, status: Status, missing: u64) -> Line {
        let counts = Counts { missing, ..Counts::default() };
        Line {
            dataset: dataset.into(),
            status,
            cutoff: None,
            counts,
            level: Level::Rows,
            counted: Counted::default(),
            note: None,
        }
    }

    #[test]
    fn a_difference_outweighs_what_could_not_be_compared() {
        let lines = vec![
            line("a", Status::NotComparable, 0),
            line("b", Status::Different, 2),
            line("c", Status::Equal, 0),
        ];
        let summary = summary(lines, None, 1.0);
        assert_eq!(summary.error.as_deref(), Some("Different"));
        assert_eq!((summary.failed, summary.severity), (2, "alarm"));
        assert_eq!(
            summary.message,
            "3 datasets: 1 equal, 1 different, 1 not comparable (a: not comparable; b: 2 missing)"
        );
    }

    #[test]
    fn a_source_that_could_not_be_asked_fails_the_run() {
        let summary = summary(vec![line("a", Status::SourceUnavailable, 0)], None, 1.0);
        assert_eq!((summary.failed, summary.error.as_deref()), (1, Some("Retryable")));
    }

    #[test]
    fn all_equal_is_no_alarm() {
        let summary = summary(vec![line("a", Status::Equal, 0)], None, 1.0);
        assert_eq!((summary.failed, summary.error), (0, None));
        assert_eq!(summary.message, "1 dataset: 1 equal");
    }
}
