//! `stepwell completions SHELL`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::failure::Outcome;
use crate::output;

/// Print a completion script
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "stepwell", &mut script);
        Ok(output::line(String::from_utf8_lossy(&script).trim_end())?)
    }
}
