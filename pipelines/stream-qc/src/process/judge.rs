//! Whether a process passes: all its tests do, and enough was judged.

use crate::flag::{Counts, Flag, roll_up};

use super::run::Run;
use super::{Process, ProcessResult, Scope, TestResult};

/// The verdict of a process on the tests that ran.
pub(super) fn process(process: Process, run: Run<'_>) -> ProcessResult {
    let length = run.series.len();
    let of_points = || run.tests.iter().filter(|test| test.scope == Scope::Points);
    let flags = roll_up(run.config.roll_up, length, of_points().map(|test| &test.flags[..]));
    let has_points = of_points().next().is_some();
    let counts = if has_points { Counts::of(&flags) } else { Counts::default() };
    let evaluated = evaluated(length, of_points());
    let reasons: Vec<_> =
        run.tests.iter().filter_map(reason).chain(too_few(process, &run, evaluated)).collect();
    ProcessResult {
        process,
        pass: reasons.is_empty(),
        worst: worst(&run.tests, counts),
        evaluated: evaluated as u64,
        points: length as u64,
        counts,
        flags,
        reasons,
        tests: run.tests,
    }
}

/// How many points at least one test judged.
fn evaluated<'a>(length: usize, mut tests: impl Iterator<Item = &'a TestResult>) -> usize {
    let Some(first) = tests.next() else { return 0 };
    let mut judged: Vec<_> = first.flags.iter().map(|flag| flag.is_evaluated()).collect();
    judged.resize(length, false);
    for test in tests {
        for (judged, flag) in judged.iter_mut().zip(&test.flags) {
            *judged |= flag.is_evaluated();
        }
    }
    judged.into_iter().filter(|judged| *judged).count()
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
fn too_few(process: Process, run: &Run<'_>, evaluated: usize) -> Option<String> {
    let judged_batch =
        run.tests.iter().any(|test| test.scope == Scope::Whole && test.counts.evaluated() > 0);
    if evaluated == 0 && !judged_batch {
        return Some(format!("{} judged nothing", process.name()));
    }
    let has_tests_of_points = run.tests.iter().any(|test| test.scope == Scope::Points);
    // The first process looks at rows; the others at values, whose absence the first one counts.
    let expected = match process {
        Process::One => run.series.len(),
        _ => run.series.values().iter().filter(|value| !value.is_nan()).count(),
    };
    let share = evaluated as f64 / expected.max(1) as f64;
    if has_tests_of_points && expected > 0 && share < run.limits.evaluated_share {
        let least = run.limits.evaluated_share;
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
