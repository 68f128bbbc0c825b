//! One run of a process: its input, and the tests that ran so far.

use arrow::array::{ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;

use crate::checks::{CheckError, Flags, Judgement, Mode};
use crate::config::{Limits, StreamConfig};
use crate::flag::{Counts, Flag};
use crate::series::{Series, instant};

use super::{Detail, Input, Scope, TestResult, nanoseconds};

/// The input of a process, and what came of it so far.
pub(super) struct Run<'a> {
    pub(super) series: &'a Series,
    pub(super) context: Option<&'a Series>,
    pub(super) window: Option<(i64, i64)>,
    pub(super) now: i64,
    pub(super) config: &'a StreamConfig,
    pub(super) limits: Limits,
    pub(super) tests: Vec<TestResult>,
}

impl<'a> Run<'a> {
    pub(super) fn new(input: &Input<'a>, config: &'a StreamConfig, limits: Limits) -> Self {
        Self {
            series: input.series,
            context: input.context.filter(|context| !context.is_empty()),
            window: input.window.map(|(from, to)| (nanoseconds(from), nanoseconds(to))),
            now: nanoseconds(input.now),
            config,
            limits,
            tests: Vec::new(),
        }
    }

    pub(super) const fn mode(&self) -> Mode {
        self.config.mode
    }

    /// Takes in what a test of points found.
    pub(super) fn points(
        &mut self,
        name: impl Into<String>,
        limits: impl Into<String>,
        flags: Flags,
    ) {
        let (flags, error) = match flags {
            Ok(flags) => (flags, None),
            Err(error) => (vec![Flag::Unknown; self.series.len()], Some(error)),
        };
        let test =
            TestResult { error, ..self.test(name.into(), limits.into(), Scope::Points, flags) };
        self.add(test);
    }

    /// Takes in what a test of the batch found.
    pub(super) fn whole(
        &mut self,
        name: impl Into<String>,
        limits: impl Into<String>,
        judgement: Result<Judgement, CheckError>,
    ) {
        let (flag, message, error) = match judgement {
            Ok(Judgement { flag, message }) => (flag, Some(message), None),
            Err(error) => (Flag::Unknown, None, Some(error)),
        };
        let test = self.test(name.into(), limits.into(), Scope::Whole, vec![flag]);
        self.add(TestResult { message, error, ..test });
    }

    fn test(&self, name: String, limits: String, scope: Scope, flags: Vec<Flag>) -> TestResult {
        let counts = Counts::of(&flags);
        TestResult {
            name,
            scope,
            pass: is_within(counts, scope, self.limits),
            counts,
            flags,
            limits,
            message: None,
            error: None,
            details: Vec::new(),
            details_truncated: false,
        }
    }

    fn add(&mut self, test: TestResult) {
        let found = test.counts.suspect + test.counts.fail;
        let details = self.details(&test);
        self.tests.push(TestResult {
            pass: test.pass && test.error.is_none(),
            details_truncated: found > details.len() as u64,
            details,
            ..test
        });
    }

    fn details(&self, test: &TestResult) -> Vec<Detail> {
        let flagged = test
            .flags
            .iter()
            .enumerate()
            .filter(|(_, flag)| matches!(flag, Flag::Suspect | Flag::Fail));
        flagged
            .take(self.config.details_max)
            .map(|(index, flag)| match test.scope {
                Scope::Points => self.detail_of_point(test, index, *flag),
                Scope::Whole => Detail {
                    index: None,
                    time: None,
                    flag: *flag,
                    value: None,
                    message: test.message.clone().unwrap_or_default(),
                },
            })
            .collect()
    }

    fn detail_of_point(&self, test: &TestResult, index: usize, flag: Flag) -> Detail {
        let value = Some(self.series.values()[index]).filter(|value| !value.is_nan());
        let found = value.map_or_else(|| "no value".to_owned(), |value| value.to_string());
        let limits =
            if test.limits.is_empty() { String::new() } else { format!(" ({})", test.limits) };
        Detail {
            index: Some(index),
            time: instant(self.series.times()[index]),
            flag,
            value,
            message: format!("{} finds {found} {flag}{limits}", test.name),
        }
    }

    /// A column of the data.
    pub(super) fn column(
        &self,
        check: &'static str,
        name: &str,
    ) -> Result<&'a ArrayRef, CheckError> {
        self.series.table().column_by_name(name).ok_or_else(|| CheckError::NoColumn {
            check,
            what: format!("column `{name}`"),
            help: "name a column that is there, or require it under `process1.required`",
        })
    }

    /// A column of the data as texts.
    pub(super) fn texts(&self, check: &'static str, name: &str) -> Result<StringArray, CheckError> {
        let texts = cast(self.column(check, name)?, &DataType::Utf8);
        let texts =
            texts.ok().and_then(|texts| texts.as_any().downcast_ref::<StringArray>().cloned());
        texts.ok_or_else(|| CheckError::NoColumn {
            check,
            what: format!("texts in the column `{name}`"),
            help: "name a column of texts, numbers or booleans",
        })
    }
}

/// Whether the flags of a test are within the limits. A test that judged nothing has broken none.
fn is_within(counts: Counts, scope: Scope, limits: Limits) -> bool {
    if scope == Scope::Whole {
        return counts.fail == 0;
    }
    let judged = counts.evaluated().max(1) as f64;
    counts.fail as f64 / judged <= limits.fail_share
        && counts.suspect as f64 / judged <= limits.suspect_share
}
