//! What a run came to: one result for each dataset, and one summary.

use serde::{Deserialize, Serialize};
use stepwell_pipeline::Caught;

/// How a dataset came through, as the summary tells it.
///
/// ```json
/// {"dataset":"orders","status":"published","windows":2,"rows":1200,"rejected":3,"bytes":34567,"new_fields":["colour"]}
/// {"dataset":"customers","status":"failed","error":"Retryable","message":"..."}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetResult {
    /// The dataset.
    pub dataset: String,
    /// What came of it.
    pub status: Status,
    /// Windows that were published.
    pub windows: u64,
    /// Rows that were published.
    pub rows: u64,
    /// Records in quarantine.
    pub rejected: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Fields that the last window brought and that are not declared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new_fields: Vec<String>,
    /// The error's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What came of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Something was published.
    Published,
    /// There was nothing to be read.
    Unchanged,
    /// It failed; what is published stays.
    Failed,
}

/// A summary of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `lake`
    pub pipeline: &'static str,
    /// When the run began.
    pub started_at: String,
    /// One line for people.
    pub message: String,
    /// How many datasets failed.
    pub failed: u64,
    /// Rows of all datasets.
    pub rows: u64,
    /// Records in quarantine.
    pub rejected: u64,
    /// The name of the first error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// One for each dataset.
    pub datasets: Vec<DatasetResult>,
}

impl Summary {
    /// Of these results, or of a run that failed as a whole.
    pub fn new(started_at: String, datasets: Vec<DatasetResult>, failure: Option<&Caught>) -> Self {
        let failed: Vec<_> =
            datasets.iter().filter(|result| result.status == Status::Failed).collect();
        let rows = datasets.iter().map(|result| result.rows).sum();
        let rejected = datasets.iter().map(|result| result.rejected).sum();
        let message = match failure {
            Some(failure) => format!("the lake's run failed: {}", failure.message()),
            None => told(&datasets, &failed, rows, rejected),
        };
        let error = failure.map(|failure| failure.error.clone());
        Self {
            pipeline: crate::NAME,
            started_at,
            message,
            failed: failed.len() as u64 + u64::from(failure.is_some()),
            rows,
            rejected,
            error: error.or_else(|| failed.first().and_then(|result| result.error.clone())),
            datasets,
        }
    }
}

fn told(all: &[DatasetResult], failed: &[&DatasetResult], rows: u64, rejected: u64) -> String {
    let fine = all.len() - failed.len();
    let quarantine = match rejected {
        0 => String::new(),
        rejected => format!("; {rejected} records are in quarantine"),
    };
    match failed.first() {
        None => format!("{fine} datasets in step, {rows} rows published{quarantine}"),
        Some(first) => format!(
            "{} of {} datasets failed, first `{}`: {}{quarantine}",
            failed.len(),
            all.len(),
            first.dataset,
            first.message.as_deref().unwrap_or("no cause given")
        ),
    }
}

/// What a dataset's iteration left in the state.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ended {
    pub(crate) dataset: String,
    pub(crate) published: Option<crate::handlers::Published>,
    pub(crate) failure: Option<Caught>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(dataset: &str, status: Status) -> DatasetResult {
        DatasetResult {
            dataset: dataset.into(),
            status,
            windows: 1,
            rows: 10,
            rejected: 1,
            bytes: 100,
            new_fields: Vec::new(),
            error: (status == Status::Failed).then(|| "Data".into()),
            message: (status == Status::Failed).then(|| "no".into()),
        }
    }

    #[test]
    fn one_bad_dataset_hides_no_other() {
        let results = vec![result("a", Status::Published), result("b", Status::Failed)];
        let summary = Summary::new("now".into(), results, None);
        assert_eq!((summary.failed, summary.error.as_deref()), (1, Some("Data")));
        assert_eq!(
            summary.message,
            "1 of 2 datasets failed, first `b`: no; 2 records are in quarantine"
        );
    }
}
