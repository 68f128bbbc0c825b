//! The points of runs with their flags, as they are drawn.

use std::collections::{BTreeMap, BTreeSet};

use stepwell_pipeline::HandlerError;

use crate::flag::{Flag, RollUp};
use crate::packed::ByPosition;
use crate::tables::Records;
use crate::tables::details::Detail;
use crate::tables::series::Kept;
use crate::verdict::{PROCESSES, Run};

/// Flagged points that are drawn of a run, beside those that are kept anyway.
const DETAILS_DRAWN: usize = 2_000;

/// A point with its flag.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dot {
    /// Seconds since 1970.
    pub(super) time: f64,
    /// Nothing: missing.
    pub(super) value: Option<f64>,
    pub(super) flag: Flag,
    /// The tests that flagged it.
    pub(super) tests: BTreeSet<String>,
}

/// What is drawn of a stream.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// In order of time.
    pub(super) dots: Vec<Dot>,
    /// The details of the newest run.
    pub(super) details: Vec<Detail>,
}

impl Drawn {
    /// Adds an older run.
    pub(super) fn add(&mut self, run: Self) {
        if self.details.is_empty() && self.dots.is_empty() {
            self.details = run.details;
        }
        self.dots.extend(run.dots);
    }

    pub(super) fn sort(&mut self) {
        self.dots.sort_by(|a, b| a.time.total_cmp(&b.time));
    }
}

/// What is drawn of one run: the points that were kept, and those that were flagged.
pub(super) async fn of_run(records: &Records, run: &Run) -> Result<Drawn, HandlerError> {
    let mut flags = Vec::new();
    for process in PROCESSES {
        flags.extend(records.flags(run, process).await?.as_ref().map(ByPosition::of));
    }
    let flag_of = |row: u64| {
        let of_row = flags.iter().filter_map(|it| it.get(row));
        of_row.reduce(|one, other| RollUp::Strict.of_two(one, other)).unwrap_or(Flag::Unknown)
    };
    let mut dots: BTreeMap<u64, Dot> = BTreeMap::new();
    for Kept(row, time, value) in records.sample(run).await?.points {
        let dot = Dot { time, value, flag: flag_of(row), tests: BTreeSet::new() };
        dots.insert(row, dot);
    }
    let details = records.details(run, DETAILS_DRAWN).await?;
    for detail in &details {
        let Some((row, time)) = detail.index.zip(seconds(detail)) else { continue };
        let value = detail.value.as_ref().and_then(|it| it.parse().ok());
        let value = value.filter(|value: &f64| value.is_finite());
        let dot = dots.entry(row).or_insert_with(|| Dot {
            time,
            value,
            flag: flag_of(row),
            tests: BTreeSet::new(),
        });
        dot.tests.insert(detail.test.clone());
    }
    Ok(Drawn { dots: dots.into_values().collect(), details })
}

fn seconds(detail: &Detail) -> Option<f64> {
    let time: jiff::Timestamp = detail.time.as_ref()?.parse().ok()?;
    Some(time.as_nanosecond() as f64 / 1e9)
}
