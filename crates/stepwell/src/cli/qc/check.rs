//! `stepwell qc check`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use stepwell_services::Opener;
use stepwell_stream_qc::checks::Mode;
use stepwell_stream_qc::config::{Config, Format, StreamConfig};
use stepwell_stream_qc::file;
use stepwell_stream_qc::process::{Input, Process};
use stepwell_stream_qc::spool::{self, Spool, Spooled, Wanted};
use stepwell_tabular::{Location, NoBuckets, Stores};

use super::Global;
use super::document::{Document, Logs};
use super::shown::Shown;
use crate::failure::{Exit, Failure, Outcome};
use crate::project::Project;
use crate::{output, wiring};

/// Run the checks on one series, without an execution
///
/// Prints how often each test gave each QARTOD flag, and the points that are SUSPECT or FAIL; with `--json` the flags of
/// every test and their roll-up for every point. Ends with 0 if all three processes pass and with 1 if one does not.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Configuration of one or many streams, in TOML, YAML or JSON
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The series: CSV, JSON lines or Parquet; a path, http(s):// or, of whoever `[services]` lets serve S3, s3://
    #[arg(long, value_name = "FILE")]
    data: Location,
    /// Whose rules decide, in place of the configuration's `mode`
    #[arg(long)]
    mode: Option<ModeName>,
    /// The group of the stream, if the configuration has several
    #[arg(long, value_name = "GROUP", requires = "stream")]
    group: Option<String>,
    /// The stream, if the configuration has several
    #[arg(long, value_name = "STREAM", requires = "group")]
    stream: Option<String>,
    /// What age is counted from; by default the time of the call
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ModeName {
    /// The flags of ioos_qc 3.0.0, its quirks included
    #[value(name = "ioos_qc_3_0")]
    IoosQc3_0,
    /// What was meant
    Strict,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::IoosQc3_0 => Self::IoosQc3_0,
            ModeName::Strict => Self::Strict,
        }
    }
}

impl Check {
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line is an edge: the check happens now"
    )]
    pub(crate) fn run(self, global: &Global) -> Outcome<ExitCode> {
        let project = global.project()?;
        let config = configuration(&project.path(&self.config), self.mode.map(Into::into))?;
        let stream = self.stream(&config)?;
        let series = series(&project, &self.data, stream)?;
        let now = self.now.unwrap_or_else(Timestamp::now);
        let input = Input { context: None, window: None, now };
        let passes = if global.json {
            let mut logs = Logs::new(stream);
            let found = series.evaluate(&Process::ALL, &input, stream, &mut |it| logs.add(it));
            let document = Document::of(stream, found.map_err(failure)?, logs);
            output::json(&document)?;
            document.passes()
        } else {
            let mut shown = Shown::new(stream);
            let found = series.evaluate(&Process::ALL, &input, stream, &mut |it| {
                shown.add(it);
                Ok(())
            });
            shown.tell(&found.map_err(failure)?)?
        };
        Ok(if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn stream<'c>(&self, config: &'c Config) -> Outcome<&'c StreamConfig> {
        if let (Some(group), Some(stream)) = (&self.group, &self.stream) {
            return config
                .stream(group, stream)
                .map_err(|error| Failure::new(Exit::Refused, error));
        }
        let mut streams = config.streams();
        if let (Some(only), None) = (streams.next(), streams.next()) {
            Ok(only)
        } else {
            let names =
                config.streams().map(|it| format!("--group {} --stream {}", it.group, it.stream));
            let names: Vec<_> = names.collect();
            let message = format!("`{}` has {} streams", self.config.display(), names.len());
            let hint = if names.is_empty() {
                "add one under `groups.GROUP.streams.STREAM`".to_owned()
            } else {
                format!("say which one: {}", names.join(", or "))
            };
            Err(Failure::message(Exit::Usage, message).hint(hint))
        }
    }
}

fn configuration(file: &Path, mode: Option<Mode>) -> Outcome<Config> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::message(Exit::Usage, format!("`{name}` cannot be read: {error}"))
    })?;
    Config::parse_as(&text, Format::of_name(&name.to_string()), mode).map_err(|problems| {
        let told: Vec<_> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        Failure::message(Exit::Usage, format!("`{name}` is wrong:{}", told.concat()))
    })
}

fn series(project: &Project, data: &Location, stream: &StreamConfig) -> Outcome<Spooled> {
    let stores = stores(project, data)?;
    let mut spool = Spool::new(Wanted::of(&Process::ALL, stream));
    let reading = file::read(&stores, data, None, &stream.columns, &mut spool);
    wiring::runtime()?.block_on(reading).map_err(failure)?;
    spool.finish().map_err(failure)
}

/// The project's services are asked for only where they are needed: a file is checked without any configuration.
fn stores(project: &Project, data: &Location) -> Outcome<Stores> {
    let http = stepwell_pipeline::http::client(Duration::from_mins(1))
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    let root = project.root().to_owned();
    if !matches!(data, Location::S3 { .. }) {
        return Ok(Stores::new(root, Arc::new(NoBuckets), http));
    }
    let surroundings = wiring::surroundings(project, &project.config()?);
    Ok(stepwell_stream_qc::stores(root, Arc::new(Opener::new(surroundings)), http))
}

fn failure(error: spool::Error) -> Failure {
    let exit = match &error {
        spool::Error::Io(_) => Exit::Unavailable,
        spool::Error::File(error) if error.is_retryable() => Exit::Unavailable,
        _ => Exit::Refused,
    };
    Failure::new(exit, error)
}
