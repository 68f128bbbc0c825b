//! The three processes: which checks of a stream each one runs, and what makes it pass.
//!
//! A process is a pure function of the series, the configuration, the points before and the time. The processes do not
//! need each other: each sorts for itself, and missing values count in the first one only.

mod judge;
mod one;
mod run;
mod three;
mod two;

use jiff::Timestamp;
use serde::Serialize;

use crate::checks::CheckError;
use crate::config::StreamConfig;
use crate::flag::{Counts, Flag};
use crate::series::Series;

use run::Run;

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
}

/// What a process looks at.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The points to judge, in the order of the data.
    pub series: &'a Series,
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
    /// A flag for each point in the order of the data, or a single one.
    pub flags: Vec<Flag>,
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
    /// The roll-up of its tests of points.
    pub flags: Vec<Flag>,
    /// Why it does not pass, for people; empty if it does.
    pub reasons: Vec<String>,
}

/// Runs the checks of one process on a batch.
pub fn evaluate(process: Process, input: &Input<'_>, config: &StreamConfig) -> ProcessResult {
    let limits = match process {
        Process::One => config.process1.limits,
        Process::Two => config.process2.limits,
        Process::Three => config.process3.limits,
    };
    let mut run = Run::new(input, config, limits);
    match process {
        Process::One => one::run(&mut run, &config.process1),
        Process::Two => two::run(&mut run, &config.process2),
        Process::Three => three::run(&mut run, &config.process3),
    }
    judge::process(process, run)
}

/// An instant in nanoseconds since 1970, as near as these go.
fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN + 1 } else { i64::MAX })
}
