//! `cargo xtask`: everything that is done to stepwell besides compiling it.
//!
//! One file or folder per command; this one only reads the command line and turns the outcome into an exit code.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{bench, conformance, fuzz, test, tidy, torture, ui};

/// The tasks of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Tidy(tidy::Args),
    Test(test::Args),
    Conformance(conformance::Args),
    Torture(torture::Args),
    Fuzz(fuzz::Args),
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Tidy(args) => tidy::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Torture(args) => torture::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        ui::error(&error);
        ExitCode::from(2)
    })
}
