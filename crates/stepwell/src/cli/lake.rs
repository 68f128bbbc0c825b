//! `stepwell lake query|report`

mod query;
mod report;

use std::sync::Arc;

use clap::Subcommand;
use jiff::Timestamp;
use stepwell_lake::service::Service;
use stepwell_pipeline::HandlerError;

use super::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::wiring;

/// Look at the data lake
#[derive(Debug, Subcommand)]
pub(crate) enum Lake {
    Query(query::Query),
    Report(report::Report),
}

impl Lake {
    pub(crate) fn run(self, global: &Global) -> Outcome {
        match self {
            Self::Query(command) => command.run(global),
            Self::Report(command) => command.run(global),
        }
    }
}

/// The lake of the project.
fn open(global: &Global) -> Outcome<Arc<Service>> {
    let project = global.project()?;
    let config = project.config()?;
    let settings = config.pipelines.get("lake").and_then(|it| it.settings.as_any().downcast_ref());
    let settings: &stepwell_lake::Settings = settings.ok_or_else(|| {
        Failure::message(Exit::Usage, "no lake is configured")
            .hint("`stepwell pipeline init lake` writes its settings")
    })?;
    // Paths in the settings of pipelines are relative to the project.
    std::env::set_current_dir(project.root())?;
    let surroundings = wiring::surroundings(&project, &config);
    stepwell_lake::open(settings, &surroundings, Arc::new(Timestamp::now))
        .map_err(|error| Failure::new(Exit::Usage, error))
}

fn failure(error: HandlerError) -> Failure {
    let exit = match error {
        HandlerError::Config(_) => Exit::Usage,
        HandlerError::Retryable(_) | HandlerError::Data(_) | HandlerError::Fatal(_) => {
            Exit::Unavailable
        }
    };
    Failure::new(exit, error)
}
