//! `stepwell-stream-qc-process1`, `-process2`, `-process3`: reads the points, runs the tests of one process, writes what they
//! found.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use stepwell_pipeline::progress::Update;
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Started;
use crate::config::StreamConfig;
use crate::input::Window;
use crate::packed::{Packed, Packer};
use crate::process::{self, Input, Judged};
use crate::reading::{before, read, refused, sample};
use crate::service::Service;
use crate::spool::Spooled;
use crate::streams::config_of;
use crate::tables::details::{DETAILS_MAX, Detail};
use crate::tables::series::Sample;
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
        let series = read(self.process, &started, &config, &self.service, ctx).await?;
        let Evaluated { found, flags, sample } = self.evaluate(series, &started, config).await?;
        let number = self.process.number();
        let details = details(&found);
        let run = &started.run;
        let records = self.service.records().await?;
        records.put_details(run, number, &details).await?;
        records.put_series(run, number, &flags, &sample).await?;
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

/// What came of a series.
struct Evaluated {
    found: process::ProcessResult,
    flags: Packed,
    sample: Sample,
}

impl Process {
    /// Runs the tests on a thread of their own: millions of points would hold up everybody else.
    async fn evaluate(
        &self,
        series: Spooled,
        started: &Started,
        config: StreamConfig,
    ) -> Result<Evaluated, HandlerError> {
        let context = before(&series, &started.context).filter(|_| self.process.looks_back());
        let window = started.window.map(|it| (it.from, last_of(it)));
        let (process, now) = (self.process, started.now);
        let (kept, last) = (self.service.config.points_kept, self.service.config.context_points);
        let evaluating = tokio::task::spawn_blocking(move || {
            let input = Input { context: context.as_ref(), window, now };
            let mut packer = Packer::default();
            let mut pack = |judged: &Judged<'_>| {
                judged.roll_ups.iter().for_each(|(_, flags)| packer.add(flags));
                Ok(())
            };
            let found = series.evaluate(&[process], &input, &config, &mut pack)?;
            let found = found.into_iter().next().expect("one process has one result");
            Ok(Evaluated { found, flags: packer.finish(), sample: sample(&series, kept, last)? })
        });
        let evaluated = evaluating
            .await
            .map_err(|panic| HandlerError::Fatal(format!("a test panicked: {panic}")))?;
        evaluated.map_err(|error| refused("Data", error))
    }
}

/// The last instant of a window, whose end is not in it.
fn last_of(window: Window) -> Timestamp {
    window.to.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(window.to)
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
    found.tests.iter().flat_map(of_test).take(DETAILS_MAX).collect()
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
        details_truncated: found.tests.iter().any(|test| test.details_truncated)
            || details.len() == DETAILS_MAX,
        reasons: found.reasons.clone(),
        unable: found.tests.iter().filter_map(|it| Some(it.error.as_ref()?.to_string())).collect(),
        top: worst(details.iter().map(finding)),
    }
}
