//! `stepwell store backup FILE`

use std::path::PathBuf;

use clap::Subcommand;
use stepwell_engine::Reader;

use super::Global;
use crate::failure::Outcome;
use crate::output;
use crate::project::Project;

/// Look after the store
#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Copy the store to a new file, also while a server uses it
    Backup {
        /// The file, which must not exist
        file: PathBuf,
    },
}

impl Store {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        let Self::Backup { file } = self;
        let project = global.project()?;
        let store = project.store_file()?;
        Reader::open(&store, Project::arns())?.backup(&file)?;
        let bytes = std::fs::metadata(&file)?.len();
        if global.json {
            output::json(&serde_json::json!({ "file": file, "bytes": bytes }))?;
        } else {
            output::note(format_args!("{} holds the store ({bytes} bytes)", file.display()));
        }
        Ok(())
    }
}
