//! `stepwell qc report`

use std::path::PathBuf;

use clap::Args;
use stepwell_stream_qc::Settings;
use stepwell_stream_qc::report::{self, Options};

use super::super::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::{output, wiring};

/// Write pages with plots: series with their flags, pass rates, verdicts
///
/// Reads the tables of `stream-qc` and nothing else. The pages need no server and no network.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Only streams of this group
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Only this stream
    #[arg(long, value_name = "ID", requires = "group")]
    stream: Option<String>,
    /// Folder for the pages
    #[arg(long, value_name = "DIR", default_value = "qc-report")]
    out: PathBuf,
}

impl Report {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let project = global.project()?;
        let config = project.config()?;
        let settings = wiring::settings::<Settings>(&project, &config)?;
        let surroundings = wiring::surroundings(&project, &config);
        let out = project.path(&self.out);
        std::env::set_current_dir(project.root())?;
        let options = Options { group: self.group, stream: self.stream };
        let writing = report::write(&settings, &surroundings, &options, &out);
        let written = wiring::runtime()?.block_on(writing).map_err(|error| {
            let exit = match error {
                stepwell_pipeline::HandlerError::Retryable(_) => Exit::Unavailable,
                _ => Exit::Refused,
            };
            Failure::new(exit, error)
        })?;
        if global.json {
            return Ok(output::json(&written)?);
        }
        output::line(written.index.display())?;
        output::note(format_args!("{} streams", written.streams));
        Ok(())
    }
}
