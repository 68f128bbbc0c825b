//! Whether a process passes: all its tests do, and enough was judged.

use crate::config::Limits;
use crate::flag::{Counts, Flag};

use super::run::Stretch;
use super::{Process, ProcessResult, Scope, TestFlags, TestResult};

/// What is counted over all tests of a process.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// Of the roll-up.
    counts: Counts,
    /// Points that at least one test judged.
    evaluated: usize,
    /// Points that could have been judged.
    expected: usize,
}

impl Sums {
    /// Adds the points of a stretch.
    pub(super) fn add(
        &mut self,
        process: Process,
        stretch: &Stretch<'_>,
        tests: &[TestFlags],
        rolled: Counts,
    ) {
        if !tests.is_empty() {
            self.counts += rolled;
        }
        self.evaluated += evaluated(tests);
        // The first process looks at rows; the others at values, whose absence the first one counts.
        self.expected += match process {
            Process::One => stretch.judged.len(),
            Process::Two | Process::Three => stretch.values(),
        };
    }
}

/// How many points at least one test judged.
fn evaluated(tests: &[TestFlags]) -> usize {
    let [first, others @ ..] = tests else { return 0 };
    let mut judged: Vec<_> = first.flags.iter().map(|flag| flag.is_evaluated()).collect();
    for test in others {
        for (judged, flag) in judged.iter_mut().zip(&test.flags) {
            *judged |= flag.is_evaluated();
        }
    }
    judged.into_iter().filter(|judged| *judged).count()
}

/// The verdict of a process on the tests that ran.
pub(super) fn process(
    process: Process,
    points: usize,
    sums: Sums,
    tests: Vec<TestResult>,
    limits: Limits,
) -> ProcessResult {
    let too_few = too_few(process, &sums, &tests, limits);
    let reasons: Vec<_> = tests.iter().filter_map(reason).chain(too_few).collect();
    ProcessResult {
        process,
        pass: reasons.is_empty(),
        worst: worst(&tests, sums.counts),
        evaluated: sums.evaluated as u64,
        points: points as u64,
        counts: sums.counts,
        reasons,
        tests,
    }
}

fn reason(test: &TestResult) -> Option<String> {
    if test.pass {
        return None;
    }
    Some(match (&test.error, &test.message) {
        (Some(error), _) => error.to_string(),
        (None, Some(message)) => format!("{}: {message}", test.name),
        (None, None) => {
            let Counts { fail, suspect, .. } = test.counts;
            format!(
                "{}: {fail} FAIL and {suspect} SUSPECT of {} judged",
                test.name,
                test.counts.evaluated()
            )
        }
    })
}

/// Why too little was judged, if it was.
fn too_few(process: Process, sums: &Sums, tests: &[TestResult], limits: Limits) -> Option<String> {
    let Sums { evaluated, expected, .. } = *sums;
    let judged_batch =
        tests.iter().any(|test| test.scope == Scope::Whole && test.counts.evaluated() > 0);
    if evaluated == 0 && !judged_batch {
        return Some(format!("{} judged nothing", process.name()));
    }
    let has_tests_of_points = tests.iter().any(|test| test.scope == Scope::Points);
    let share = evaluated as f64 / expected.max(1) as f64;
    if has_tests_of_points && expected > 0 && share < limits.evaluated_share {
        let least = limits.evaluated_share;
        return Some(format!(
            "only {evaluated} of {expected} points were judged, less than the share of {least}"
        ));
    }
    None
}

fn worst(tests: &[TestResult], rolled: Counts) -> Flag {
    let all = tests.iter().fold(rolled, |mut all, test| {
        all += test.counts;
        all
    });
    let order = [Flag::Fail, Flag::Suspect, Flag::Missing, Flag::Good, Flag::Unknown];
    order.into_iter().find(|flag| all.get(*flag) > 0).unwrap_or(Flag::Unknown)
}
