//! What one test found so far.

use crate::checks::{CheckError, Judgement};
use crate::config::Limits;
use crate::flag::{Counts, Flag};
use crate::series::instant;

use super::run::Stretch;
use super::{Detail, Scope, TestResult};

/// The sums of a test over the stretches of a series.
pub(super) struct Tally {
    pub(super) name: String,
    limits: String,
    pub(super) scope: Scope,
    pub(super) counts: Counts,
    message: Option<String>,
    error: Option<CheckError>,
    details: Vec<Detail>,
}

impl Tally {
    pub(super) fn of_points(name: String, limits: String) -> Self {
        Self::new(name, limits, Scope::Points)
    }

    pub(super) fn of_batch(name: String, limits: String) -> Self {
        Self::new(name, limits, Scope::Whole)
    }

    fn new(name: String, limits: String, scope: Scope) -> Self {
        let counts = Counts::default();
        Self { name, limits, scope, counts, message: None, error: None, details: Vec::new() }
    }

    /// Adds the flags of the points of a stretch.
    pub(super) fn add(
        &mut self,
        flags: &[Flag],
        error: Option<CheckError>,
        stretch: &Stretch<'_>,
        details_max: usize,
    ) {
        self.counts += Counts::of(flags);
        self.error = self.error.take().or(error);
        let room = details_max - self.details.len();
        let flagged =
            flags.iter().enumerate().filter(|(_, it)| matches!(it, Flag::Suspect | Flag::Fail));
        let found: Vec<_> =
            flagged.take(room).map(|(at, flag)| self.detail(stretch, at, *flag)).collect();
        self.details.extend(found);
    }

    fn detail(&self, stretch: &Stretch<'_>, at: usize, flag: Flag) -> Detail {
        let value = Some(stretch.judged.values()[at]).filter(|value| !value.is_nan());
        let found = value.map_or_else(|| "no value".to_owned(), |value| value.to_string());
        let limits =
            if self.limits.is_empty() { String::new() } else { format!(" ({})", self.limits) };
        Detail {
            index: Some(stretch.first + at),
            time: instant(stretch.judged.times()[at]),
            flag,
            value,
            message: format!("{} finds {found} {flag}{limits}", self.name),
        }
    }

    /// Takes in the one flag of the batch.
    pub(super) fn judge(&mut self, judgement: Result<Judgement, CheckError>, details_max: usize) {
        let (flag, message, error) = match judgement {
            Ok(Judgement { flag, message }) => (flag, Some(message), None),
            Err(error) => (Flag::Unknown, None, Some(error)),
        };
        self.counts = Counts::of(&[flag]);
        if matches!(flag, Flag::Suspect | Flag::Fail) && details_max > 0 {
            let message = message.clone().unwrap_or_default();
            self.details = vec![Detail { index: None, time: None, flag, value: None, message }];
        }
        self.message = message;
        self.error = error;
    }

    /// The result, with what the process allows.
    pub(super) fn result(self, limits: Limits) -> TestResult {
        let found = self.counts.suspect + self.counts.fail;
        let is_whole = self.scope == Scope::Whole;
        TestResult {
            pass: is_within(self.counts, self.scope, limits) && self.error.is_none(),
            flag: Flag::ALL.into_iter().find(|flag| is_whole && self.counts.get(*flag) > 0),
            details_truncated: found > self.details.len() as u64,
            name: self.name,
            scope: self.scope,
            counts: self.counts,
            limits: self.limits,
            message: self.message,
            error: self.error,
            details: self.details,
        }
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
