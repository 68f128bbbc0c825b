//! `stepwell qc ...`

use std::process::ExitCode;

use clap::Subcommand;

use super::Global;
use crate::failure::Outcome;

mod check;

/// Check the quality of streams of measurements
#[derive(Debug, Subcommand)]
pub(crate) enum Qc {
    Check(check::Check),
}

impl Qc {
    pub(crate) fn run(self, global: &Global) -> Outcome<ExitCode> {
        match self {
            Self::Check(command) => command.run(global),
        }
    }
}
