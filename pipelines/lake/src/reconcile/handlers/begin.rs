//! `stepwell-lake-begin-proof`: which datasets are proven, and where each is cut.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use stepwell_pipeline::{Context, Function, HandlerError};

use super::Proving;
use crate::reconcile::kept::{remove, remove_abandoned};
use crate::reconcile::proof::Level;

/// Says what is to be proven. Contacts no source.
pub struct Begin {
    /// What the functions share.
    pub proving: Arc<Proving>,
}

/// The run and the execution's input.
///
/// ```json
/// {"run":"monday","input":{"datasets":["orders"],"from_day":"2026-03-01","to_day":"2026-03-07","level":"rows"}}
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    run: String,
    input: Input,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    /// All if absent or empty.
    #[serde(default)]
    datasets: Vec<String>,
    /// The first day by event time.
    from_day: Option<Date>,
    /// The last one, inclusive.
    to_day: Option<Date>,
    /// How far the proof goes.
    #[serde(default)]
    level: Level,
}

/// What is to be proven.
///
/// ```json
/// {"datasets":[{"dataset":"orders","from":null,"to":"2026-03-02T05:50:00Z","level":"rows","progress":null}],
///  "max_concurrency":2}
/// ```
#[derive(Debug, Serialize)]
pub struct Begun {
    datasets: Vec<Item>,
    max_concurrency: u32,
}

#[derive(Debug, Serialize)]
struct Item {
    dataset: String,
    from: Option<Timestamp>,
    /// Not later than this; the lake may be in step up to an earlier instant only.
    to: Timestamp,
    level: Level,
    /// Where the state machine keeps the progress.
    progress: Option<()>,
}

#[async_trait]
impl Function for Begin {
    type Input = Asked;
    type Output = Begun;

    fn name(&self) -> &'static str {
        "stepwell-lake-begin-proof"
    }

    async fn call(&self, asked: Asked, _ctx: &Context) -> Result<Begun, HandlerError> {
        let Asked { run, input } = asked;
        self.clear(&run)?;
        let now = Timestamp::now();
        let (from, to) = self.days(&input, now)?;
        let (lake, level) = (&self.proving.lake, input.level);
        let names = if input.datasets.is_empty() { lake.datasets() } else { input.datasets };
        let item = |dataset: String| {
            let subject = lake.subject(&dataset)?;
            if from.is_some() && subject.event_time.is_none() && input.from_day.is_some() {
                return Err(HandlerError::Config(format!(
                    "the dataset `{dataset}` has no event time, so it cannot be proven by days; leave the days out"
                )));
            }
            // Rows without an event time have no days, and none of them lies before `since`.
            let from = from.max(subject.since).filter(|_| subject.event_time.is_some());
            let settled = now.checked_sub(subject.settle).unwrap_or(Timestamp::MIN);
            Ok(Item { dataset, from, to: to.min(settled), level, progress: None })
        };
        let datasets: Result<Vec<_>, _> = names.into_iter().map(item).collect();
        Ok(Begun { datasets: datasets?, max_concurrency: self.proving.settings.max_concurrency() })
    }
}

impl Begin {
    /// Removes what broken-off proofs left behind, and the results of an earlier run of this name: executions are
    /// forgotten, and their names may come again.
    fn clear(&self, run: &str) -> Result<(), HandlerError> {
        remove_abandoned(&self.proving.spools(), SystemTime::now())?;
        remove(&self.proving.spool(run))?;
        remove(&self.proving.kept(run))
    }

    /// The first instant and the one behind the last.
    fn days(
        &self,
        input: &Input,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Timestamp), HandlerError> {
        let start = |day: Date| {
            day.to_zoned(TimeZone::UTC).map(|start| start.timestamp()).map_err(|error| {
                HandlerError::Config(format!("the day {day} cannot be proven: {error}"))
            })
        };
        if let (Some(from), Some(to)) = (input.from_day, input.to_day)
            && to < from
        {
            let message = format!("`to_day` {to} lies before `from_day` {from}");
            return Err(HandlerError::Config(message));
        }
        let today = now.to_zoned(TimeZone::UTC).date();
        let since = self.proving.settings.days.map(|days| today.saturating_sub((days - 1).days()));
        let from = input.from_day.or(since.filter(|_| input.to_day.is_none()));
        let to = match input.to_day {
            Some(day) => start(day.saturating_add(1.day()))?,
            None => now,
        };
        Ok((from.map(start).transpose()?, to))
    }
}
