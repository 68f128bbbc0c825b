//! How datasets are proven: `[pipelines.lake.proof]`.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;
use stepwell_pipeline::settings::Problem;
use stepwell_tabular::{Column, ColumnType};

use crate::dataset::Dataset;

/// As long as logs are kept.
const KEEP_DAYS: i64 = 14;

/// The settings of the proof.
///
/// ```toml
/// [pipelines.lake.proof]
/// days = 30                          # the last days by event time; without it, everything
/// differences_max = 100              # so many differing rows are kept for each dataset; all are counted
/// show_values = false                # true: differing values are kept too, not only keys and column names
/// max_concurrency = 2                # datasets at once
/// keep_days = 14                     # how long results stay in files of this machine; those in the lake stay for good
/// tolerance = { "orders.weight" = 0.001 }
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The last days by event time; everything if absent.
    pub days: Option<i64>,
    /// So many differing rows are kept for each dataset. Default: 100.
    pub differences_max: Option<usize>,
    /// Whether the values of differing columns are kept: data may be confidential. Default: no.
    pub show_values: Option<bool>,
    /// Datasets at once. Default: 2.
    pub max_concurrency: Option<u32>,
    /// How long the results of a proof stay beside the pipeline's state, for the report. Default: 14 days.
    pub keep_days: Option<i64>,
    /// Floating-point columns, as `dataset.column`, with the distance up to which their values are equal.
    pub tolerance: BTreeMap<String, f64>,
}

impl Settings {
    /// The datasets proven at once.
    pub fn max_concurrency(&self) -> u32 {
        self.max_concurrency.unwrap_or(2)
    }

    /// The differing rows that are kept.
    pub fn differences_max(&self) -> usize {
        self.differences_max.unwrap_or(100)
    }

    /// Whether the values of differing columns are kept.
    pub fn show_values(&self) -> bool {
        self.show_values.unwrap_or(false)
    }

    /// How long results stay beside the pipeline's state.
    pub(super) fn kept_for(&self) -> SignedDuration {
        SignedDuration::from_hours(24 * self.keep_days.unwrap_or(KEEP_DAYS))
    }

    /// What is wrong with the columns that a tolerance is given for: it would change nothing.
    pub(crate) fn tolerance_problems(&self, datasets: &[Dataset]) -> Vec<Problem> {
        let help = "name a column of type double that is not in the `key` of its dataset, which must have one";
        let is_known = |name: &&String| {
            name.split_once('.').is_some_and(|(table, column)| {
                datasets.iter().any(|dataset| is_tolerated(dataset, table, column))
            })
        };
        let wrong = self.tolerance.keys().filter(|name| !is_known(name)).map(|name| {
            let message = format!("`{name}` is no column that a tolerance is used for");
            Problem::wrong("proof.tolerance", message, help)
        });
        wrong.collect()
    }

    /// What is wrong, in keys of `[pipelines.lake]`.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            let message = "`proof.days` is not between 1 and 36500";
            problems.push(Problem::wrong("proof.days", message, "write for instance `days = 30`"));
        }
        if self.keep_days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            let message = "`proof.keep_days` is not between 1 and 36500";
            let help = "write for instance `keep_days = 90`";
            problems.push(Problem::wrong("proof.keep_days", message, help));
        }
        if self.max_concurrency == Some(0) {
            let message = "`proof.max_concurrency` is 0, so nothing would be proven";
            problems.push(Problem::wrong("proof.max_concurrency", message, "write 1 or more"));
        }
        let is_wrong = |tolerance: &f64| !(tolerance.is_finite() && *tolerance > 0.0);
        for (column, _) in self.tolerance.iter().filter(|(_, tolerance)| is_wrong(tolerance)) {
            let message = format!("the tolerance of `{column}` is not a number above 0");
            let help = "write for instance `tolerance = { \"orders.weight\" = 0.001 }`";
            problems.push(Problem::wrong("proof.tolerance", message, help));
        }
        problems
    }
}

/// Whether a column of a dataset, or of a table of its arrays, is compared as a floating-point number.
fn is_tolerated(dataset: &Dataset, table: &str, column: &str) -> bool {
    let is_double = |columns: &[Column]| {
        columns.iter().any(|it| it.name == column && it.kind == ColumnType::Double)
    };
    let is_compared = !dataset.key.is_empty() && !dataset.key.iter().any(|it| it == column);
    let of_child = dataset.children.iter().filter(|child| dataset.child_table(child) == table);
    is_compared
        && (dataset.name == table && is_double(&dataset.columns)
            || of_child.into_iter().any(|child| is_double(&child.columns)))
}
