//! The three processes: which checks of a stream each one runs, and what makes it pass.
//!
//! A process is a pure function of the series, the configuration, the points before and the time. The processes do not
//! need each other: each sorts for itself, and missing values count in the first one only.
//!
//! The series comes in chunks ([`Evaluation`]); what must be known of all of it comes before ([`Facts`](crate::facts)).

mod evaluation;
mod judge;
mod one;
mod reach;
mod run;
mod tally;
mod three;
mod two;

use jiff::Timestamp;
use serde::Serialize;

use crate::checks::CheckError;
use crate::checks::cross_field::{CrossField, Operand};
use crate::config::{Limits, StreamConfig};
use crate::flag::{Counts, Flag};
use crate::series::Series;

pub use evaluation::Evaluation;

/// One of the three processes that look at a batch side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Process {
    /// Completeness, schema, freshness, uniqueness.
    #[serde(rename = "QCProcess1")]
    One,
    /// Range and validity.
    #[serde(rename = "QCProcess2")]
    Two,
    /// What depends on the points before.
    #[serde(rename = "QCProcess3")]
    Three,
}

impl Process {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::One, Self::Two, Self::Three];

    /// 1, 2 or 3.
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }

    /// `QCProcess1`, `QCProcess2` or `QCProcess3`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "QCProcess1",
            Self::Two => "QCProcess2",
            Self::Three => "QCProcess3",
        }
    }

    /// Whether points before the first one are of use to it.
    pub(crate) const fn looks_back(self) -> bool {
        matches!(self, Self::Three)
    }

    const fn limits(self, config: &StreamConfig) -> Limits {
        match self {
            Self::One => config.process1.limits,
            Self::Two => config.process2.limits,
            Self::Three => config.process3.limits,
        }
    }

    /// The columns that its checks look at, beside times, values and places.
    pub(crate) fn columns(self, config: &StreamConfig) -> Vec<String> {
        let (one, two) = (&config.process1, &config.process2);
        match self {
            Self::One => {
                let completeness = one.completeness.iter().map(|it| &it.column);
                let variety = one.variety.iter().map(|it| &it.column);
                let syntax = one.syntax.iter().map(|it| &it.column);
                completeness.chain(variety).chain(syntax).chain(&one.keys).cloned().collect()
            }
            Self::Two => {
                let operands = two.rules.iter().flat_map(CrossField::operands);
                let of_rules = operands.filter_map(|operand| match operand {
                    Operand::Column(name) => Some(name),
                    Operand::Number(_) => None,
                });
                of_rules.chain(two.validity.iter().map(|it| &it.column)).cloned().collect()
            }
            Self::Three => Vec::new(),
        }
    }
}

/// What a process knows beside the points.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Points before them, oldest first: neighbours that are not judged again.
    pub context: Option<&'a Series>,
    /// The time that the batch stands for, both ends in it, if that is known.
    pub window: Option<(Timestamp, Timestamp)>,
    /// What age is counted from, and what is the future.
    pub now: Timestamp,
}

/// What a test gives flags to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Each point.
    Points,
    /// The batch: there is one flag.
    Whole,
}

/// A point, or the batch, that a test did not find good.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detail {
    /// The position of the point in the data, from 0.
    pub index: Option<usize>,
    /// Its time.
    pub time: Option<Timestamp>,
    /// SUSPECT or FAIL.
    pub flag: Flag,
    /// Its value.
    pub value: Option<f64>,
    /// What was found, for people.
    pub message: String,
}

/// What one test found.
#[derive(Debug, Clone, PartialEq)]
pub struct TestResult {
    /// Its name, for instance `gross_range` or `completeness:value`.
    pub name: String,
    /// What it gave flags to.
    pub scope: Scope,
    /// The one flag of the batch, if it looked at that.
    pub flag: Option<Flag>,
    /// How often each flag was given.
    pub counts: Counts,
    /// Whether the shares of FAIL and SUSPECT are within the limits, and the test could run.
    pub pass: bool,
    /// What it held the data against, for people: `fail [0, 25], suspect [5, 13]`.
    pub limits: String,
    /// What a test of the batch found.
    pub message: Option<String>,
    /// Why it gave no flags; all of them are UNKNOWN then.
    pub error: Option<CheckError>,
    /// The first points that are SUSPECT or FAIL.
    pub details: Vec<Detail>,
    /// Whether there are more.
    pub details_truncated: bool,
}

/// What one process found.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessResult {
    /// Which one.
    pub process: Process,
    /// Whether all its tests pass, and enough was judged.
    pub pass: bool,
    /// The worst flag that a test gave: FAIL, SUSPECT, or what the roll-up says.
    pub worst: Flag,
    /// How many points at least one of its tests judged.
    pub evaluated: u64,
    /// How many points there are.
    pub points: u64,
    /// How often each flag is in the roll-up; zeros if no test looked at points.
    pub counts: Counts,
    /// Its tests, in the order in which they ran.
    pub tests: Vec<TestResult>,
    /// Why it does not pass, for people; empty if it does.
    pub reasons: Vec<String>,
}

/// Points that follow each other, and what was found of them.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The position of the first one in the data, from 0.
    pub first: usize,
    /// The points.
    pub series: &'a Series,
    /// The flags of each test of points, in the order in which the tests run; the same tests for all points.
    pub tests: &'a [TestFlags],
    /// The roll-up of each process.
    pub roll_ups: &'a [(Process, Vec<Flag>)],
}

/// What one test says of points that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFlags {
    /// The process that it belongs to.
    pub process: Process,
    /// Its name.
    pub name: String,
    /// A flag for each point.
    pub flags: Vec<Flag>,
}

/// An instant in nanoseconds since 1970, as near as these go.
pub(crate) fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN + 1 } else { i64::MAX })
}
