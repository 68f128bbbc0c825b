//! `[alarms.<name>]`: when somebody is told that functions fail, are slow or fall behind.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::node::{Entry, place_of};
use super::problem::{Place, Problem};
use super::reader::Reader;

/// A window has an hour at most: so much is remembered.
pub(crate) const MINUTES_MAX: u32 = 60;

/// What an alarm looks at, in the words of CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Invocations that failed, in the window.
    Errors,
    /// Tasks that found no free place, in the window.
    Throttles,
    /// Seconds of the longest invocation that ended in the window.
    Duration,
    /// Seconds that the oldest message of a queue had waited, in every minute of the window.
    IteratorAge,
}

impl Metric {
    /// As CloudWatch calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Errors => "Errors",
            Self::Throttles => "Throttles",
            Self::Duration => "Duration",
            Self::IteratorAge => "IteratorAge",
        }
    }

    /// What is too much where nothing is said, as `stepwell watch` has it.
    const fn above(self) -> Option<f64> {
        match self {
            Self::Errors | Self::Throttles => Some(0.0),
            Self::Duration => None,
            Self::IteratorAge => Some(900.0),
        }
    }

    const fn minutes(self) -> u32 {
        match self {
            Self::Errors | Self::Throttles | Self::Duration => 5,
            Self::IteratorAge => 15,
        }
    }
}

/// When an alarm goes off, and who is told.
///
/// ```toml
/// [alarms.canvas-fails]
/// metric = "errors"
/// of = "stepwell-canvas-sync-table"
/// above = 0
/// minutes = 5
/// topic = "operations"
/// ```
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alarm {
    /// What it looks at.
    pub(crate) metric: Metric,
    /// The function, or for `iterator_age` the trigger or the stream of Kinesis; nothing: all of them.
    pub(crate) of: Option<String>,
    /// More than it is too much.
    pub(crate) above: f64,
    /// How many minutes it looks back.
    pub(crate) minutes: u32,
    /// Who is told beside the log.
    pub(crate) topic: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AlarmSection {
    metric: Metric,
    of: Option<String>,
    above: Option<f64>,
    minutes: Option<u32>,
    topic: Option<String>,
}

impl Reader {
    /// The alarms, by name.
    pub(super) fn alarms(&mut self, entry: Option<Entry>) -> BTreeMap<String, Alarm> {
        let sections = self.section(entry);
        let read = |(name, entry)| Some((name, self.alarm(entry)?));
        sections.into_iter().filter_map(read).collect()
    }

    fn alarm(&mut self, entry: Entry) -> Option<Alarm> {
        let section = entry.key.clone();
        let table = self.section(Some(entry));
        let place = |key| place_of(&table, key, &section);
        let (above_at, minutes_at, of_at) = (place("above"), place("minutes"), place("of"));
        let AlarmSection { metric, of, above, minutes, topic } = self.typed(table, &section)?;
        let minutes = minutes.unwrap_or(metric.minutes());
        let problems = [
            above_problem(metric, above).map(|it| it.at(&above_at)),
            minutes_problem(minutes).map(|it| it.at(&minutes_at)),
            of_problem(metric, of.as_deref()).map(|it| it.at(&of_at)),
        ];
        let problems: Vec<_> = problems.into_iter().flatten().collect();
        if !problems.is_empty() {
            self.problems.extend(problems);
            return None;
        }
        let above = above.or(metric.above()).unwrap_or_default();
        Some(Alarm { metric, of, above, minutes, topic })
    }
}

fn above_problem(metric: Metric, above: Option<f64>) -> Option<Problem> {
    match above {
        None if metric.above().is_none() => {
            let problem = Problem::new(Place::Unknown, "`above` is missing");
            Some(problem.help("write how many seconds an invocation may take"))
        }
        Some(above) if !above.is_finite() || above < 0.0 => {
            let problem = Problem::new(Place::Unknown, format!("`above` is {above}"));
            Some(problem.help("write zero or more"))
        }
        _ => None,
    }
}

fn minutes_problem(minutes: u32) -> Option<Problem> {
    let is_possible = (1..=MINUTES_MAX).contains(&minutes);
    let problem = Problem::new(Place::Unknown, format!("`minutes` is {minutes}"));
    (!is_possible).then(|| problem.help(format!("write 1 to {MINUTES_MAX}")))
}

fn of_problem(metric: Metric, of: Option<&str>) -> Option<Problem> {
    let is_of_all = metric == Metric::Throttles && of.is_some();
    let message = "`throttles` are counted for all functions together";
    is_of_all.then(|| Problem::new(Place::Unknown, message).help("remove `of`"))
}
