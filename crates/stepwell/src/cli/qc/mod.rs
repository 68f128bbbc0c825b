//! `stepwell qc ...`

use std::process::ExitCode;

use clap::Subcommand;

use super::Global;
use crate::failure::Outcome;

mod check;
mod document;
mod report;
mod shown;

/// Check the quality of streams of measurements
#[derive(Debug, Subcommand)]
pub(crate) enum Qc {
    Check(check::Check),
    Report(report::Report),
}

impl Qc {
    pub(crate) fn run(self, global: &Global) -> Outcome<ExitCode> {
        match self {
            Self::Check(command) => command.run(global),
            Self::Report(command) => command.run(global).map(|()| ExitCode::SUCCESS),
        }
    }
}
