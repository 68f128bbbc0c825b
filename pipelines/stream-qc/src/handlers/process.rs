//! `stepwell-stream-qc-process1`, `-process2`, `-process3`: reads the points, runs the tests of one process, writes what they
//! found.

use std::sync::Arc;

use async_trait::async_trait;
use stepwell_pipeline::progress::Update;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Started;
use crate::config::StreamConfig;
use crate::process::{self, Input};
use crate::reading::{before, read, sample};
use crate::series::Series;
use crate::service::Service;
use crate::streams::config_of;
use crate::tables::details::Detail;
use crate::verdict::{Checked, Finding, ProcessResult, TestResult, counts, worst};

/// One of the three processes.
pub(crate) struct Process {
    process: process::Process,
    service: Arc<Service>,
}

impl Process {
    pub(crate) fn new(process: process::Process, service: Arc<Service>) -> Self {
        Self { process, service }
    }
}

#[async_trait]
impl Function for Process {
    type Input = Started;
    type Output = ProcessResult;

    fn name(&self) -> &'static str {
        match self.process {
            process::Process::One => "stepwell-stream-qc-process1",
            process::Process::Two => "stepwell-stream-qc-process2",
            process::Process::Three => "stepwell-stream-qc-process3",
        }
    }

    /// A repeat writes the same again, in the same places.
    async fn call(&self, started: Started, ctx: &Context) -> Result<ProcessResult, HandlerError> {
        let config = config_of(&started.config, &started.run.group, &started.run.stream)?;
        let series = read(&started, &config, &self.service, ctx).await?;
        let (series, found) = self.evaluate(series, &started, config).await?;
        let number = self.process.number();
        let details = details(&found);
        let run = &started.run;
        let settings = &self.service.config;
        let sample = sample(&series, settings.points_kept, settings.context_points);
        let records = self.service.records().await?;
        records.put_details(run, number, &details).await?;
        records.put_series(run, number, &found.flags, &sample).await?;
        records.record_process(run, number, found.pass).await?;
        ctx.progress.update(Update {
            subject: format!("{}/{}", run.group, run.stream),
            phase: "checked",
            done: found.points,
            total: Some(found.points),
            unit: "points",
            finished: true,
        });
        let checked = checked(&found, &details);
        Ok(ProcessResult::checked(number, started.run, found.pass, checked))
    }
}

impl Process {
    /// Runs the tests on a thread of their own: millions of points would hold up everybody else.
    async fn evaluate(
        &self,
        series: Series,
        started: &Started,
        config: StreamConfig,
    ) -> Result<(Series, process::ProcessResult), HandlerError> {
        let context = before(&series, &started.context);
        let window = started.window.map(|it| (it.from, it.to));
        let (process, now) = (self.process, started.now);
        let evaluating = tokio::task::spawn_blocking(move || {
            let input = Input { series: &series, context: context.as_ref(), window, now };
            let found = process::evaluate(process, &input, &config);
            (series, found)
        });
        evaluating.await.map_err(|panic| HandlerError::Fatal(format!("a test panicked: {panic}")))
    }
}

fn details(found: &process::ProcessResult) -> Vec<Detail> {
    let of_test = |test: &process::TestResult| {
        let limits = Some(test.limits.clone()).filter(|it| !it.is_empty());
        let name = test.name.clone();
        let detail = move |detail: &process::Detail| Detail {
            process: found.process.number(),
            test: name.clone(),
            flag: detail.flag.value(),
            time: detail.time.map(|it| it.to_string()),
            index: detail.index.map(|it| it as u64),
            value: detail.value.map(|it| it.to_string()),
            threshold: limits.clone(),
            message: detail.message.clone(),
        };
        test.details.iter().map(detail).collect::<Vec<_>>()
    };
    found.tests.iter().flat_map(of_test).collect()
}

fn checked(found: &process::ProcessResult, details: &[Detail]) -> Checked {
    let test = |test: &process::TestResult| TestResult {
        name: test.name.clone(),
        counts: counts(&test.counts),
        pass: u8::from(test.pass),
    };
    let finding = |detail: &Detail| Finding {
        process: detail.process,
        test: detail.test.clone(),
        flag: detail.flag,
        time: detail.time.clone(),
        value: detail.value.clone(),
        message: Some(detail.message.clone()),
    };
    Checked {
        rows: found.points,
        worst_flag: (found.points > 0).then(|| found.worst.value()),
        evaluated: found.evaluated,
        counts: counts(&found.counts),
        tests: found.tests.iter().map(test).collect(),
        details_written: details.len() as u64,
        details_truncated: found.tests.iter().any(|test| test.details_truncated),
        reasons: found.reasons.clone(),
        top: worst(details.iter().map(finding)),
    }
}
