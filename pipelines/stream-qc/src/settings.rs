//! The settings of the pipeline, `[pipelines.stream-qc]`: as they are written, and what they mean. What is wrong with them
//! is found by [`problem`]. What is measured and how it is checked stands in the files of the streams.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use stepwell_pipeline::notify::Channel;
use stepwell_pipeline::settings::{InvalidInput, Problem, Variables, check};
use stepwell_pipeline::{HandlerError, Machine, Pipeline, Surroundings};

mod problem;

use crate::input::Input;
use crate::message::{Severity, Template};

const SUMMARY_TABLE: &str = "QCSummary";
const DETAILS_TABLE: &str = "QCDetails";
const SERIES_TABLE: &str = "QCSeries";
const STREAMS_TABLE: &str = "QCStreams";
const TOPIC: &str = "stream-qc";
const POINTS_KEPT: usize = 2_000;
const CONTEXT_POINTS: usize = 100;
const MAX_POINTS: usize = 20_000_000;
const MAX_DOWNLOAD_MB: u64 = 1_024;
const MAX_CONCURRENCY: u32 = 8;
const SILENCE_SECONDS: u64 = 60;
const SLICE_SECONDS: u64 = 1_800;

/// The settings as they are written. Each can be set by the environment too:
/// `STEPWELL_PIPELINES_STREAM_QC_STREAMS=streams`. `settings.toml` beside this crate's manifest has every key with its
/// meaning.
///
/// ```toml
/// [pipelines.stream-qc]
/// streams = "streams"
/// topic = "stream-qc"
/// severity = "failed"
/// only_on_change = true
///
/// [pipelines.stream-qc.groups.buoys]
/// topic = "buoys"
/// template = "{Status}: {GroupID}/{StreamID}"
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The folder with the files of the streams, one TOML or YAML file each.
    pub streams: Option<PathBuf>,
    /// The table with one item a run.
    pub summary_table: Option<String>,
    /// The table with one item for each flag that is not good.
    pub details_table: Option<String>,
    /// The table with what the page draws.
    pub series_table: Option<String>,
    /// The table with what is remembered of each stream.
    pub streams_table: Option<String>,
    /// Points that are kept of a run, for the page.
    pub points_kept: Option<usize>,
    /// The last points of a run that the next one sees before its own.
    pub context_points: Option<usize>,
    /// The longest series.
    pub max_points: Option<usize>,
    /// The largest file that is fetched over HTTP.
    pub max_download_mb: Option<u64>,
    /// The topic that summaries are told to; `""`: none.
    pub topic: Option<String>,
    /// From which verdict on: `passed`, `failed`, `error`.
    pub severity: Option<Severity>,
    /// Whether a summary is told only when the verdict differs from the last one.
    pub only_on_change: Option<bool>,
    /// The text of the message; not given: the summary as JSON.
    pub template: Option<String>,
    /// What differs in a group.
    pub groups: BTreeMap<String, Group>,
    /// Streams at the same time, in `stream-qc-all`.
    pub max_concurrency: Option<u32>,
    /// After how long a silent connection counts as lost.
    pub silence_seconds: Option<u64>,
    /// How long one invocation may work.
    pub slice_seconds: Option<u64>,
    /// Where the summary of a run is told beside the topic.
    pub notify: Option<Vec<Channel>>,
}

/// `[pipelines.stream-qc.groups.<GroupID>]`: what differs in a group.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Group {
    /// As [`Settings::topic`].
    pub topic: Option<String>,
    /// As [`Settings::severity`].
    pub severity: Option<Severity>,
    /// As [`Settings::only_on_change`].
    pub only_on_change: Option<bool>,
    /// As [`Settings::template`].
    pub template: Option<String>,
}

/// What the settings mean.
pub(crate) struct Config {
    pub(crate) streams: PathBuf,
    pub(crate) names: TableNames,
    pub(crate) points_kept: usize,
    pub(crate) context_points: usize,
    pub(crate) max_points: usize,
    pub(crate) max_download_bytes: u64,
    pub(crate) max_concurrency: u32,
    pub(crate) silence: Duration,
    pub(crate) slice: Duration,
    pub(crate) notify: Vec<Channel>,
    everywhere: Telling,
    groups: BTreeMap<String, Telling>,
}

/// The names of the tables.
#[derive(Debug, Clone)]
pub(crate) struct TableNames {
    pub(crate) summary: String,
    pub(crate) details: String,
    pub(crate) series: String,
    pub(crate) streams: String,
}

/// How a group is told.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    /// Nothing: no topic.
    pub(crate) topic: Option<String>,
    pub(crate) severity: Severity,
    pub(crate) only_on_change: bool,
    /// Nothing: the summary as JSON.
    pub(crate) template: Option<Template>,
}

impl Config {
    /// What settings without problems mean.
    fn new(settings: &Settings) -> Self {
        let name = |setting: &Option<String>, default: &str| {
            setting.clone().unwrap_or_else(|| default.to_owned())
        };
        let seconds =
            |setting: Option<u64>, default| Duration::from_secs(setting.unwrap_or(default));
        let everywhere = Telling::of(settings, None);
        let of_group =
            |(id, group): (&String, &Group)| (id.clone(), Telling::of(settings, Some(group)));
        Self {
            streams: settings.streams.clone().expect("a missing one is a problem"),
            names: TableNames {
                summary: name(&settings.summary_table, SUMMARY_TABLE),
                details: name(&settings.details_table, DETAILS_TABLE),
                series: name(&settings.series_table, SERIES_TABLE),
                streams: name(&settings.streams_table, STREAMS_TABLE),
            },
            points_kept: settings.points_kept.unwrap_or(POINTS_KEPT),
            context_points: settings.context_points.unwrap_or(CONTEXT_POINTS),
            max_points: settings.max_points.unwrap_or(MAX_POINTS),
            max_download_bytes: settings.max_download_mb.unwrap_or(MAX_DOWNLOAD_MB) << 20,
            max_concurrency: settings.max_concurrency.unwrap_or(MAX_CONCURRENCY),
            silence: seconds(settings.silence_seconds, SILENCE_SECONDS),
            slice: seconds(settings.slice_seconds, SLICE_SECONDS),
            notify: settings.notify.clone().unwrap_or_else(|| vec![Channel::Log]),
            everywhere,
            groups: settings.groups.iter().map(of_group).collect(),
        }
    }

    /// How the runs of a group are told.
    pub(crate) fn telling(&self, group: &str) -> &Telling {
        self.groups.get(group).unwrap_or(&self.everywhere)
    }
}

impl Telling {
    fn of(settings: &Settings, group: Option<&Group>) -> Self {
        let topic = group.and_then(|it| it.topic.clone()).or_else(|| settings.topic.clone());
        let template =
            group.and_then(|it| it.template.clone()).or_else(|| settings.template.clone());
        let severity = group.and_then(|it| it.severity).or(settings.severity);
        let only_on_change = group.and_then(|it| it.only_on_change).or(settings.only_on_change);
        Self {
            topic: Some(topic.unwrap_or_else(|| TOPIC.to_owned())).filter(|it| !it.is_empty()),
            severity: severity.unwrap_or_default(),
            only_on_change: only_on_change.unwrap_or_default(),
            template: template
                .filter(|it| !it.is_empty())
                .map(|it| Template::parse(&it).expect("a wrong one is a problem")),
        }
    }
}

impl stepwell_pipeline::Settings for Settings {
    const PIPELINE: &'static str = crate::NAME;
    const MACHINES: &'static [Machine] = crate::MACHINES;
    const TEMPLATE: &'static str = include_str!("../settings.toml");

    fn problems(&self, _variables: Variables<'_>) -> Vec<Problem> {
        self.found_problems()
    }

    fn literal_secrets(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    fn check_input(machine: &str, input: &Value) -> Result<(), InvalidInput> {
        if machine == crate::NAME {
            Input::read(input).map(drop)
        } else {
            crate::handlers::check_list(input)
        }
    }

    fn build(
        &self,
        _variables: Variables<'_>,
        surroundings: &Surroundings,
    ) -> Result<Pipeline, HandlerError> {
        crate::pipeline(self.config()?, surroundings)
    }
}

impl Settings {
    /// What they mean.
    ///
    /// # Errors
    /// [`HandlerError::Config`] that names all that is wrong.
    pub(crate) fn config(&self) -> Result<Config, HandlerError> {
        check(&self.found_problems())?;
        Ok(Config::new(self))
    }
}
