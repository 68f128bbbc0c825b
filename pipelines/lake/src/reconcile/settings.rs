//! How datasets are proven: `[pipelines.lake.proof]`.

use std::collections::BTreeMap;

use serde::Deserialize;
use stepwell_pipeline::settings::Problem;

/// The settings of the proof.
///
/// ```toml
/// [pipelines.lake.proof]
/// days = 30                          # the last days by event time; without it, everything
/// differences_max = 100              # so many differing rows are kept for each dataset; all are counted
/// show_values = false                # true: differing values are kept too, not only keys and column names
/// max_concurrency = 2                # datasets at once
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

    /// What is wrong, in keys of `[pipelines.lake]`.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            let message = "`proof.days` is not between 1 and 36500";
            problems.push(Problem::wrong("proof.days", message, "write for instance `days = 30`"));
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
