//! stepwell: data pipelines written as Amazon States Language state machines, run durably on one machine.
//!
//! This binary joins the crates that do the work. [`cli`] says what can be typed, [`bootstrap`] makes it a function of Lambda,
//! [`wiring`] builds the parts in order of dependence, [`failure`] says how it ends.

#![expect(
    clippy::disallowed_methods,
    reason = "the binary is the edge that meets the clock and the environment"
)]

mod access;
mod alarms;
mod bootstrap;
mod built_in;
mod cli;
mod client;
mod config;
mod connections;
mod failure;
mod functions;
mod lambda;
mod logs;
mod map_data;
mod meters;
mod output;
mod private;
mod processes;
mod progress;
mod project;
mod report;
mod runs;
mod scheduler;
mod secrets;
mod server;
mod services;
mod shutdown;
mod starter;
mod status_events;
mod telemetry;
mod test_functions;
mod triggers;
mod unsupported;
mod view;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let ended = if bootstrap::is_meant() { bootstrap::run() } else { cli::Cli::parse().run() };
    ended.unwrap_or_else(|failure| failure.report())
}
