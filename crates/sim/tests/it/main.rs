//! Seeds that must hold: a fixed list and one fresh seed. A seed that ever fails gets a test of its own name.

use stepwell_sim::{Mutant, Report, run, run_mutant};

#[track_caller]
fn holds(seed: u64) -> Report {
    let report = run(seed);
    let differences = report.differences.join("\n");
    assert!(differences.is_empty(), "seed {seed} ({:?}):\n{differences}", report.faults);
    report
}

/// Together they have every kind of fault.
const FIXED: [u64; 4] = [1, 2, 3, 5];

#[test]
fn the_fixed_seeds_hold_and_have_every_fault() {
    let reports = FIXED.map(holds);
    let sum = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>();
    assert!(sum(|report| report.faults.crashes) > 0);
    assert!(sum(|report| report.faults.torn_writes) > 0);
    assert!(sum(|report| report.faults.full_disks) > 0);
    assert!(sum(|report| report.faults.duplicates) > 0);
    assert!(sum(|report| report.faults.clock_jumps) > 0);
    assert!(sum(|report| report.events) > 1_000);
}

/// A seed that nobody has tried; when it fails, its number is in the message.
#[expect(
    clippy::disallowed_methods,
    reason = "the seed is what is drawn; it is told when it fails"
)]
#[test]
fn a_fresh_seed_holds() {
    holds(rand::random());
}

#[test]
fn the_same_seed_gives_the_same_run_byte_for_byte() {
    let (first, second) = (run(21), run(21));
    assert!(!first.trace.is_empty());
    assert!(first == second, "two runs of the same seed differ");
}

/// A mistake of the simulation: after a checkpoint the log begins anew, and the tear fell on an acknowledged
/// commit in it.
#[test]
fn seed_5059_holds() {
    holds(5_059);
}

/// Two mistakes: the simulation tore a group that had written nothing, and so the acknowledged one before it;
/// and the kernel never answered a wait that came in between the last decision of an execution and its commit.
#[test]
fn seed_20005_holds() {
    holds(20_005);
}

/// What the simulation says of each mutant. A check that cannot fail is none.
#[test]
fn every_mutant_is_caught_by_its_check() {
    for mutant in Mutant::ALL {
        let check = match mutant {
            Mutant::DispatchBeforeCommit => "before its scheduled event was committed",
            Mutant::ActBeforeCommit => "before that was committed",
            Mutant::AckBeforeCommit => "was answered before it was committed",
            Mutant::LostTimer => "a timer was lost",
            Mutant::ApplyTwice => "entries instead of",
        };
        let is_caught = |seed| {
            let report = run_mutant(seed, Some(mutant));
            report.differences.iter().any(|found| found.contains(check))
        };
        assert!(FIXED.into_iter().any(is_caught), "{mutant:?} is not caught");
    }
}
