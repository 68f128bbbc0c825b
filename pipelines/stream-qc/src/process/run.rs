//! One stretch of a series in one process: what its tests look at, and the flags that they gave so far.

use arrow::array::{ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};

use crate::checks::attenuated_signal::Rolling;
use crate::checks::{CheckError, Flags, Judgement, Mode, completeness, drift, row_count};
use crate::config::StreamConfig;
use crate::facts::Facts;
use crate::flag::Flag;
use crate::series::Series;

use super::tally::Tally;
use super::{Process, TestFlags};

/// What is the same for all stretches of a series.
pub(super) struct Surroundings<'a> {
    pub(super) config: &'a StreamConfig,
    /// The columns of the data.
    pub(super) schema: &'a Schema,
    pub(super) facts: Facts,
    pub(super) window: Option<(i64, i64)>,
    pub(super) now: i64,
}

/// A part of a series: points to judge, and the points around them that the tests look at.
pub(super) struct Stretch<'a> {
    /// The points to judge, with all columns of the data.
    pub(super) judged: &'a Series,
    /// The same points with those before and behind them.
    pub(super) all: &'a Series,
    /// How many points of `all` come before the ones to judge.
    pub(super) before: usize,
    /// Where the first one of `all` stands in the series, the points before the data included.
    pub(super) position: usize,
    /// How many points of `all` come before the data.
    pub(super) context: usize,
    /// The latest time before `all`.
    pub(super) latest: i64,
    /// Where the first one to judge stands in the data.
    pub(super) first: usize,
    /// Whether nothing follows.
    pub(super) is_last: bool,
}

/// What a process remembers from one stretch to the next.
pub(super) struct Carried {
    pub(super) tallies: Vec<Tally>,
    pub(super) rows: row_count::Rows,
    pub(super) filled: Vec<completeness::Filled>,
    pub(super) values: drift::Values,
    pub(super) rolling: Rolling,
}

impl Carried {
    pub(super) fn new(config: &StreamConfig) -> Self {
        Self {
            tallies: Vec::new(),
            rows: row_count::Rows::default(),
            filled: vec![completeness::Filled::default(); config.process1.completeness.len()],
            values: drift::Values::default(),
            rolling: Rolling::default(),
        }
    }
}

/// The run of a process over one stretch.
pub(super) struct Run<'a> {
    pub(super) process: Process,
    pub(super) about: &'a Surroundings<'a>,
    pub(super) stretch: &'a Stretch<'a>,
    pub(super) carried: &'a mut Carried,
    /// How many tests ran.
    tests: usize,
    /// The flags of the tests of points.
    pub(super) flags: Vec<TestFlags>,
}

impl<'a> Run<'a> {
    pub(super) const fn new(
        process: Process,
        about: &'a Surroundings<'a>,
        stretch: &'a Stretch<'a>,
        carried: &'a mut Carried,
    ) -> Self {
        Self { process, about, stretch, carried, tests: 0, flags: Vec::new() }
    }

    pub(super) const fn mode(&self) -> Mode {
        self.about.config.mode
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
            Err(error) => (vec![Flag::Unknown; self.stretch.judged.len()], Some(error)),
        };
        let (stretch, details_max) = (self.stretch, self.about.config.details_max);
        let tally = self.tally(|| Tally::of_points(name.into(), limits.into()));
        tally.add(&flags, error, stretch, details_max);
        let name = tally.name.clone();
        self.flags.push(TestFlags { process: self.process, name, flags });
    }

    /// Takes in what a test of the batch found, once all of it was seen.
    pub(super) fn whole(
        &mut self,
        name: impl Into<String>,
        limits: impl Into<String>,
        judge: impl FnOnce(&mut Carried) -> Result<Judgement, CheckError>,
    ) {
        let judgement = self.stretch.is_last.then(|| judge(self.carried));
        let details_max = self.about.config.details_max;
        let tally = self.tally(|| Tally::of_batch(name.into(), limits.into()));
        if let Some(judgement) = judgement {
            tally.judge(judgement, details_max);
        }
    }

    /// That of the next test; the tests run in the same order in every stretch.
    fn tally(&mut self, new: impl FnOnce() -> Tally) -> &mut Tally {
        if self.tests == self.carried.tallies.len() {
            self.carried.tallies.push(new());
        }
        self.tests += 1;
        &mut self.carried.tallies[self.tests - 1]
    }

    /// A column of the data.
    pub(super) fn column(
        &self,
        check: &'static str,
        name: &str,
    ) -> Result<&'a ArrayRef, CheckError> {
        let table = self.stretch.judged.table();
        table.column_by_name(name).ok_or_else(|| CheckError::NoColumn {
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

impl<'a> Stretch<'a> {
    /// The same without the points before the data; `own` has what is left of `all`.
    pub(super) fn without_context(&self, own: &'a Series) -> Self {
        Self {
            judged: self.judged,
            all: own,
            before: self.before - self.context,
            position: self.position + self.context,
            context: 0,
            latest: self.latest,
            first: self.first,
            is_last: self.is_last,
        }
    }

    /// The flags of the points to judge among those of all.
    pub(super) fn flags_of_judged(&self, mut flags: Vec<Flag>) -> Vec<Flag> {
        flags.truncate(self.before + self.judged.len());
        flags.split_off(self.before)
    }

    /// How many values there are among the points to judge.
    pub(super) fn values(&self) -> usize {
        self.judged.values().iter().filter(|value| !value.is_nan()).count()
    }
}
