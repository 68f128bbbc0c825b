//! `stepwell lake report`

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use stepwell_lake::report;

use super::{Global, failure, open};
use crate::failure::Outcome;
use crate::{output, wiring};

/// Write the proofs of the lake as static pages
///
/// One page for all datasets and one for each: last proof, rows of the last 30 days on both sides, trend, late
/// arrivals, differing rows, quarantine. The pages need no server and nothing from the network.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Report {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let out = std::path::absolute(&self.out)?;
        let lake = open(global)?;
        let written = wiring::runtime()?.block_on(async {
            let datasets = report::gather(&lake).await?;
            report::write(&out, &datasets, Timestamp::now())
        });
        let written = written.map_err(failure)?;
        if global.json {
            return Ok(output::json(&written)?);
        }
        for page in written {
            output::line(page.display())?;
        }
        Ok(())
    }
}
