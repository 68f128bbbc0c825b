//! The page with plots: what the tables hold of each stream, as static HTML.
//!
//! A page needs nothing but itself: its plots are drawn here as SVG, its style is inline and named by its hash in a policy that
//! forbids everything else. Colours never stand alone: each flag has a shape, each verdict a word.

mod html;
mod page;
mod plot;
mod rates;
mod runs;
mod scale;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use stepwell_pipeline::{HandlerError, Surroundings};

use crate::service::Service;
use crate::settings::Settings;
use crate::tables::Records;
use crate::tables::summary::Recorded;
use crate::verdict::Status;
use runs::{Drawn, of_run};

/// Runs in the table of verdicts, and in the plots over time.
const RUNS: usize = 100;
/// Runs whose points are drawn.
const RUNS_DRAWN: usize = 10;

/// Which streams.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Those of this group; nothing: of all.
    pub group: Option<String>,
    /// Only this one.
    pub stream: Option<String>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Written {
    /// The page to begin with: it lists the streams.
    pub index: PathBuf,
    /// Pages of streams.
    pub streams: usize,
}

/// By group and stream, the newest run first.
type Histories = BTreeMap<(String, String), Vec<Recorded>>;

/// A stream and what the tables hold of it.
struct Reported {
    group: String,
    stream: String,
    /// The name of its page.
    file: String,
    /// The newest first.
    history: Vec<Recorded>,
    drawn: Drawn,
}

/// Writes the pages into a folder, which is made if it is not there. Pages of the same names are replaced.
///
/// # Errors
/// [`HandlerError::Config`] if the settings are wrong, there is no such stream, or the folder cannot be written; otherwise as
/// the tables fail.
pub async fn write(
    settings: &Settings,
    surroundings: &Surroundings,
    options: &Options,
    folder: &Path,
) -> Result<Written, HandlerError> {
    let service = Service::new(settings.config()?, surroundings)?;
    let records = service.records().await?;
    let mut reported = Vec::new();
    for ((group, stream), history) in wanted(records, options).await? {
        reported.push(Reported::read(records, group, stream, history).await?);
    }
    let unwritable = |error: std::io::Error| {
        HandlerError::Config(format!(
            "the pages cannot be written to `{}`: {error}; name a folder that can be written",
            folder.display()
        ))
    };
    fs::create_dir_all(folder).map_err(unwritable)?;
    for stream in &reported {
        fs::write(folder.join(&stream.file), page::of_stream(stream)).map_err(unwritable)?;
    }
    let index = folder.join("index.html");
    fs::write(&index, page::of_all(&reported)).map_err(unwritable)?;
    Ok(Written { index, streams: reported.len() })
}

/// The runs of the streams that are asked for, by group and stream. `QCSummary` alone has those of streams that never came
/// to be checked.
async fn wanted(records: &Records, options: &Options) -> Result<Histories, HandlerError> {
    let groups = match &options.group {
        Some(group) => [group.clone()].into(),
        None => records.groups().await?,
    };
    let mut found = Histories::new();
    for group in groups {
        for recorded in records.history(&group, options.stream.as_deref(), RUNS).await? {
            let stream = recorded.run.stream.clone();
            found.entry((group.clone(), stream)).or_default().push(recorded);
        }
    }
    if found.is_empty() { Err(no_run(options)) } else { Ok(found) }
}

fn no_run(options: &Options) -> HandlerError {
    let which = match (&options.group, &options.stream) {
        (None, None) => "no stream has".to_owned(),
        (group, stream) => format!(
            "the stream `{}` of the group `{}` has not",
            stream.as_deref().unwrap_or("any"),
            group.as_deref().unwrap_or("any")
        ),
    };
    HandlerError::Config(format!(
        "{which} had a run yet; `stepwell run stream-qc-all` checks all configured streams"
    ))
}

impl Reported {
    async fn read(
        records: &Records,
        group: String,
        stream: String,
        history: Vec<Recorded>,
    ) -> Result<Self, HandlerError> {
        let mut drawn = Drawn::default();
        let ended =
            history.iter().filter(|it| matches!(it.status, Status::Passed | Status::Failed));
        for recorded in ended.take(RUNS_DRAWN) {
            drawn.add(of_run(records, &recorded.run).await?);
        }
        drawn.sort();
        let file = html::file_name(&group, &stream);
        Ok(Self { group, stream, file, history, drawn })
    }
}
