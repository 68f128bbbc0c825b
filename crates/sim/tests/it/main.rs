//! Seeds that must hold: a fixed list and one fresh seed. A seed that ever fails gets a test of its own name.

use stepwell_sim::{Report, run};

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
