//! `cargo run --release -p stepwell-sim -- --seeds 1000 [--from SEED]`: many seeds, a line for each that
//! fails, a summary at the end.
#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]

use std::process::ExitCode;

use clap::Parser;

/// Simulates the engine under faults.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Print the trace of each seed.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let Arguments { seeds, from, trace } = Arguments::parse();
    let (mut failed, mut executions, mut events, mut restarts) = (0, 0, 0, 0);
    for seed in from..from + seeds {
        let report = stepwell_sim::run(seed);
        executions += report.executions;
        events += report.events;
        restarts += report.faults.restarts();
        if trace {
            println!("{}", report.trace);
        }
        if !report.differences.is_empty() {
            failed += 1;
            println!("seed {seed}: {:?}\n  {}", report.faults, report.differences.join("\n  "));
        }
    }
    println!(
        "{seeds} seeds from {from}: {failed} failed; {executions} executions, {events} events, {restarts} restarts"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
