//! `stepwell-stream-qc-end`: one verdict of three.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use stepwell_pipeline::{Caught, Context, Function, HandlerError};

use crate::flag::RollUp;
use crate::input::Point;
use crate::packed::counts_of_roll_up;
use crate::service::Service;
use crate::streams::config_of;
use crate::tables::Records;
use crate::tables::streams::Remembered;
use crate::verdict::{
    self, Counts, Outcome, PROCESSES, ProcessError, ProcessResult, Run, Status, Summary, worst,
};

/// Ends a run.
pub(crate) struct End {
    pub(crate) service: Arc<Service>,
}

/// What the processes gave.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Given {
    #[serde(flatten)]
    run: Run,
    /// When the state was entered: the same in every attempt.
    end_time: Timestamp,
    /// How the stream is checked.
    config: Value,
    results: Vec<ProcessResult>,
}

#[async_trait]
impl Function for End {
    type Input = Given;
    type Output = Summary;

    fn name(&self) -> &'static str {
        "stepwell-stream-qc-end"
    }

    async fn call(&self, given: Given, _ctx: &Context) -> Result<Summary, HandlerError> {
        let records = self.service.records().await?;
        let mut summary = summary(&given);
        if summary.status != Status::Error {
            let Run { group, stream, .. } = &given.run;
            let order = config_of(&given.config, group, stream)?.roll_up;
            summary.counts = Some(counts(records, &given.run, order).await?);
        }
        let remembered = records.remembered(&given.run.group, &given.run.stream).await?;
        summary.previous_status = previous(records, &given.run, remembered.as_ref()).await?;
        records.end(&given.run, &summary).await?;
        let last = records.sample(&given.run).await?.last;
        remember(records, &given.run, summary.status, last, remembered).await?;
        Ok(summary)
    }
}

/// The verdict, as far as the results alone tell it.
fn summary(given: &Given) -> Summary {
    let passes = PROCESSES.map(|process| {
        let passed =
            given.results.iter().any(|it| it.process() == Some(process) && it.has_passed());
        (process, u8::from(passed))
    });
    let errors = errors(&given.results);
    let has_passed = passes.iter().all(|(_, pass)| *pass == 1);
    let status = match (errors.is_empty(), has_passed) {
        (false, _) => Status::Error,
        (true, true) => Status::Passed,
        (true, false) => Status::Failed,
    };
    let checked = || {
        given.results.iter().filter_map(|it| match &it.outcome {
            Outcome::Checked(checked) => Some(checked),
            Outcome::Failed { .. } => None,
        })
    };
    Summary {
        group: Some(given.run.group.clone()),
        stream: Some(given.run.stream.clone()),
        id: Some(given.run.id.clone()),
        start_time: Some(given.run.start_time.clone()),
        end_time: given.end_time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
        total_pass: u8::from(status == Status::Passed),
        status,
        previous_status: None,
        processes: passes.into(),
        counts: None,
        rows: checked().map(|it| it.rows).max(),
        top: worst(checked().flat_map(|it| it.top.iter().cloned())),
        details_truncated: checked().any(|it| it.details_truncated),
        reasons: checked().flat_map(|it| it.reasons.iter().cloned()).collect(),
        process_errors: errors,
        error: None,
        cause: None,
    }
}

/// Every process that did not check the data, also one that gave nothing.
fn errors(results: &[ProcessResult]) -> Vec<ProcessError> {
    let of = |process: u8| match results.iter().find(|it| it.process() == Some(process)) {
        Some(ProcessResult { outcome: Outcome::Checked(it), .. }) if it.unable.is_empty() => None,
        Some(ProcessResult { outcome: Outcome::Checked(it), .. }) => {
            let cause = Some(it.unable.join("; "));
            Some(ProcessError { process, error: "Data".to_owned(), cause })
        }
        Some(ProcessResult { outcome: Outcome::Failed { error, cause }, .. }) => {
            let caught = Caught { error: error.clone(), cause: cause.clone() };
            let cause = Some(caught.message());
            Some(ProcessError { process, error: caught.error, cause })
        }
        None => Some(ProcessError { process, error: "NoResult".to_owned(), cause: None }),
    };
    let mut errors: Vec<_> = PROCESSES.into_iter().filter_map(of).collect();
    let rows = |it: &ProcessResult| match &it.outcome {
        Outcome::Checked(checked) => Some(checked.rows),
        Outcome::Failed { .. } => None,
    };
    let all: Vec<_> = results.iter().filter_map(rows).collect();
    if all.windows(2).any(|pair| pair[0] != pair[1]) {
        let cause = Some(format!("the data changed meanwhile: the processes saw {all:?} rows"));
        errors.push(ProcessError { process: 0, error: "Data".to_owned(), cause });
    }
    errors
}

/// How many points have each flag, all tests of all processes taken together.
async fn counts(records: &Records, run: &Run, order: RollUp) -> Result<Counts, HandlerError> {
    let mut flags = Vec::new();
    for process in PROCESSES {
        let missing = || {
            HandlerError::Fatal(format!("process {process} has a result and no flags in the table"))
        };
        flags.push(records.flags(run, process).await?.ok_or_else(missing)?);
    }
    Ok(verdict::counts(&counts_of_roll_up(order, &flags)))
}

/// The verdict before this run. An attempt that is repeated finds it where the first one put it.
async fn previous(
    records: &Records,
    run: &Run,
    remembered: Option<&Remembered>,
) -> Result<Option<Status>, HandlerError> {
    match remembered {
        Some(last) if last.run.id == run.id => records.previous_status(run).await,
        last => Ok(last.map(|it| it.status)),
    }
}

/// Remembers this run as the stream's last one, unless a later run has ended before it.
async fn remember(
    records: &Records,
    run: &Run,
    status: Status,
    last: Vec<Point>,
    remembered: Option<Remembered>,
) -> Result<(), HandlerError> {
    if remembered.as_ref().is_some_and(|it| it.run.start_time > run.start_time) {
        return Ok(());
    }
    // A run that looks at an older window again does not become what came before the next one.
    let kept = remembered.map(|it| it.last).unwrap_or_default();
    let end = |points: &[Point]| points.last().map(|point| point.time);
    let last = if end(&last) < end(&kept) { kept } else { last };
    records.remember(&Remembered { run: run.clone(), status, last }).await
}
