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
use crate::verdict::{Run, Status};
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

/// A stream and what the tables hold of it.
struct Reported {
    group: String,
    stream: String,
    /// The name of its page.
    file: String,
    /// The newest first.
    history: Vec<crate::tables::summary::Recorded>,
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
    for (group, streams) in wanted(records, options).await? {
        let of_one = options.stream.as_deref();
        let mut history = records.history(&group, of_one, RUNS).await?;
        for stream in streams {
            let (of_stream, others) = history.into_iter().partition(|it| it.run.stream == stream);
            history = others;
            reported.push(Reported::read(records, group.clone(), stream, of_stream).await?);
        }
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

/// The streams that are asked for, by group.
async fn wanted(
    records: &Records,
    options: &Options,
) -> Result<BTreeMap<String, Vec<String>>, HandlerError> {
    let is = |wanted: &Option<String>, id: &str| wanted.as_deref().is_none_or(|it| it == id);
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for known in records.streams().await? {
        let Run { group, stream, .. } = known.run;
        if is(&options.group, &group) && is(&options.stream, &stream) {
            found.entry(group).or_default().push(stream);
        }
    }
    if found.is_empty() {
        let which = match (&options.group, &options.stream) {
            (None, None) => "no stream has".to_owned(),
            (group, stream) => format!(
                "the stream `{}` of the group `{}` has not",
                stream.as_deref().unwrap_or("any"),
                group.as_deref().unwrap_or("any")
            ),
        };
        return Err(HandlerError::Config(format!(
            "{which} had a run yet; `stepwell run stream-qc-all` checks all configured streams"
        )));
    }
    Ok(found)
}

impl Reported {
    async fn read(
        records: &Records,
        group: String,
        stream: String,
        history: Vec<crate::tables::summary::Recorded>,
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
