//! What is told about a run: one result for each table, and all of them in one summary.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use stepwell_pipeline::Caught;

use crate::target::{AlteredValue, Published, TableName};

/// The error name of an execution in which some tables failed.
pub const TABLES_FAILED: &str = "TablesFailed";

/// So many failed tables are named in the message; the rest stands in the summary.
const NAMED_MAX: usize = 10;

/// How one table came through.
///
/// ```json
/// {"namespace":"canvas","table":"users","mode":"increment","rows":5021,"inserted":12,"updated":40,"deleted":1,
///  "superseded":0,"altered_total":0,"altered":[],"seconds":1.204,"proof_seconds":0.131,"proven":true,
///  "proven_before":false,"compared":53,"schema_version":7,
///  "cursor":"2026-02-15T09:00:00Z","schema_changes":[],"warnings":[]}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableResult {
    /// For instance `canvas`.
    pub namespace: String,
    /// For instance `users`.
    pub table: String,
    /// How it was brought in step.
    pub mode: Mode,
    /// What publishing changed.
    #[serde(flatten)]
    pub published: Published,
    /// From the first invocation to the end of the proof.
    pub seconds: f64,
    /// What of them the proof took, after the rows were published.
    #[serde(default)]
    pub proof_seconds: f64,
    /// True if this run compared source and target, and they agree.
    pub proven: bool,
    /// True if nothing has changed since a proof that held: what this run found unchanged was proven by the run
    /// that brought it. Whether somebody else wrote to the table since, nobody has looked.
    #[serde(default)]
    pub proven_before: bool,
    /// Rows that were compared value by value.
    pub compared: u64,
    /// The version of the schema that the table has now.
    pub schema_version: i64,
    /// Where the next increment begins.
    pub cursor: Timestamp,
    /// Why an increment would not do, where a snapshot replaced the rows of a replicated table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resnapshot: Option<String>,
    /// What somebody should know though it is no failure.
    pub warnings: Vec<String>,
}

/// How a table was brought in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// All of its rows were loaded.
    Snapshot,
    /// What had changed was merged.
    Increment,
    /// Nothing had changed.
    Unchanged,
}

/// What became of one table: a result, or what Catch left of its failure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Failed(TableFailure),
    Complete(Box<TableResult>),
}

/// A table that failed, as the state `TableFailed` gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct TableFailure {
    pub(crate) namespace: String,
    pub(crate) table: String,
    pub(crate) failure: Caught,
}

/// A table that could not be brought in step, or a run that broke off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// For instance `canvas.users`; nothing if the run itself broke off.
    pub table: Option<String>,
    /// The error name, for instance `Data`.
    pub error: String,
    /// What happened and what to do about it.
    pub cause: String,
}

/// A whole run.
///
/// ```json
/// {"pipeline":"canvas","message":"20 tables in step: 12 inserted, ...","tables":20,"failed":0,"unchanged":11,
///  "proven":9,"proven_before":11,"rows":512000,"inserted":12,"updated":40,"deleted":1,"altered":0,"seconds":8.1,"failures":[],
///  "results":[...]}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// `canvas`
    pub pipeline: &'static str,
    /// The line for people.
    pub message: String,
    /// How many tables the run was about.
    pub tables: usize,
    /// How many of them failed; 1 if the run itself broke off.
    pub failed: usize,
    /// The error name that the execution ends with, if anything failed.
    pub error: Option<String>,
    /// How many had nothing new.
    pub unchanged: usize,
    /// How many were compared with the source and agree.
    pub proven: usize,
    /// How many are unchanged since a proof that held.
    pub proven_before: usize,
    /// Rows in all tables of the run.
    pub rows: u64,
    /// Rows that were not there before.
    pub inserted: u64,
    /// Rows that were delivered again.
    pub updated: u64,
    /// Rows that are gone.
    pub deleted: u64,
    /// Values that the target cannot hold as they are.
    pub altered: u64,
    /// From the start of the execution.
    pub seconds: f64,
    /// What failed.
    pub failures: Vec<Failure>,
    /// What did not.
    pub results: Vec<TableResult>,
}

impl Summary {
    pub(crate) fn new(outcomes: Vec<Outcome>, broken_off: Option<Caught>, seconds: f64) -> Self {
        let tables = outcomes.len();
        // An execution that could not even begin ends with that very error, the others with one of our own.
        let error = broken_off.as_ref().map(|caught| caught.error.clone());
        let (mut failures, results) = sort(outcomes);
        failures.extend(broken_off.map(|caught| Failure {
            table: None,
            error: caught.error.clone(),
            cause: caught.message(),
        }));
        let error = error.or_else(|| (!failures.is_empty()).then(|| TABLES_FAILED.to_owned()));
        let total =
            |count: fn(&Published) -> u64| results.iter().map(|it| count(&it.published)).sum();
        let mut summary = Self {
            pipeline: "canvas",
            message: String::new(),
            tables,
            failed: failures.len(),
            error,
            unchanged: results.iter().filter(|it| it.mode == Mode::Unchanged).count(),
            proven: results.iter().filter(|it| it.proven).count(),
            proven_before: results.iter().filter(|it| it.proven_before).count(),
            rows: total(|it| it.rows),
            inserted: total(|it| it.inserted),
            updated: total(|it| it.updated),
            deleted: total(|it| it.deleted),
            altered: total(|it| it.altered_total),
            seconds,
            failures,
            results,
        };
        summary.message = summary.line();
        summary
    }

    fn line(&self) -> String {
        let Self { tables, failed, inserted, updated, deleted, .. } = self;
        let moved = format!("{inserted} rows inserted, {updated} updated, {deleted} deleted");
        match &self.failures[..] {
            [] => format!("{tables} tables in step: {moved}"),
            // The error name stands beside it, in the summary as in the execution.
            [Failure { table: None, cause, .. }] => format!("the run broke off: {cause}"),
            failures => {
                let mut named: Vec<_> =
                    failures.iter().take(NAMED_MAX).map(Failure::line).collect();
                if failures.len() > NAMED_MAX {
                    named.push(format!("and {} more", failures.len() - NAMED_MAX));
                }
                format!(
                    "{failed} of {tables} tables failed ({moved} in the others): {}",
                    named.join("; ")
                )
            }
        }
    }
}

impl Failure {
    fn line(&self) -> String {
        format!("{} ({}: {})", self.table.as_deref().unwrap_or("the run"), self.error, self.cause)
    }
}

fn sort(outcomes: Vec<Outcome>) -> (Vec<Failure>, Vec<TableResult>) {
    let (mut failures, mut results) = (Vec::new(), Vec::new());
    for outcome in outcomes {
        match outcome {
            Outcome::Complete(result) => results.push(*result),
            Outcome::Failed(TableFailure { namespace, table, failure }) => failures.push(Failure {
                table: Some(TableName { namespace, table }.to_string()),
                cause: failure.message(),
                error: failure.error,
            }),
        }
    }
    (failures, results)
}

impl TableResult {
    /// Values that were altered, for whoever shows them.
    pub fn altered(&self) -> &[AlteredValue] {
        &self.published.altered
    }
}
