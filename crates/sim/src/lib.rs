//! Seeded simulation of the production engine under faults.
//!
//! The very [`Kernel`](stepwell_engine::kernel::Kernel) and [`Store`](stepwell_engine::store::Store) of the
//! engine run here under a manual clock, a seeded scheduler and seeded task handlers. Between any two writes
//! the process may die, with the last write torn or garbled; the disk may be full; outcomes arrive twice and
//! in any order; the clock jumps. Afterwards every acknowledged execution must have ended as it does in an
//! undisturbed run of the same load, with the same transitions, and every effect of a task must be there.
//!
//! ```text
//!   Load (seed) ──▶ Simulation without faults ──▶ Ending of each execution ──┐
//!        └────────▶ Simulation with faults ─────▶ Ending of each execution ──┴─▶ differences: none
//! ```
//!
//! While it runs, a witness looks at the disk whenever a handler is called, a subscriber is told or a request
//! is answered: nobody may hear of what a crash at this moment would undo. Engines that are wrong on purpose
//! ([`Mutant`]) show that these checks can fail.
//!
//! The same seed gives the same run, byte for byte.

mod client;
mod disk;
mod ending;
mod functions;
mod load;
mod mutant;
mod process;
mod simulation;
mod witness;

use ending::Ending;
use load::Load;
pub use mutant::Mutant;
use simulation::Simulation;

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Executions started.
    pub executions: usize,
    /// History events of all executions together.
    pub events: usize,
    /// The faults that were injected.
    pub faults: Faults,
    /// Everything that happened, in order; equal for equal seeds.
    pub trace: String,
    /// What differs from the undisturbed run; nothing if all is well.
    pub differences: Vec<String>,
}

/// How often each fault was injected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// The process died, the files as they were.
    pub crashes: usize,
    /// The process died in the middle of a commit, which is cut off or garbled on disk.
    pub torn_writes: usize,
    /// A commit found the disk full.
    pub full_disks: usize,
    /// An outcome arrived twice.
    pub duplicates: usize,
    /// The clock jumped, forward or backward.
    pub clock_jumps: usize,
}

impl Faults {
    /// How often the process was started anew.
    pub fn restarts(&self) -> usize {
        self.crashes + self.torn_writes + self.full_disks
    }
}

/// Runs the load of a seed without and with faults, and compares.
pub fn run(seed: u64) -> Report {
    run_mutant(seed, None)
}

/// The same with a mistake in the run with faults: the differences must tell of it.
pub fn run_mutant(seed: u64, mutant: Option<Mutant>) -> Report {
    let load = Load::new(seed);
    let calm = Simulation::calm(&load, seed).run();
    let stormy = Simulation::stormy(&load, seed, mutant).run();
    let mut differences: Vec<String> = Vec::new();
    differences.extend(calm.violations.iter().map(|found| format!("without faults: {found}")));
    differences.extend(stormy.violations.iter().cloned());
    for (index, start) in load.starts.iter().enumerate() {
        let (expected, found) = (&calm.endings[index], &stormy.endings[index]);
        differences.extend(Ending::difference(start, expected, found));
    }
    differences.extend(calm.effects.missing_in(&stormy.effects, &load));
    Report {
        seed,
        executions: load.starts.len(),
        events: stormy.endings.iter().map(|ending| ending.events.len()).sum(),
        faults: stormy.faults,
        trace: stormy.trace,
        differences,
    }
}
