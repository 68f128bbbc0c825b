//! The configuration of checks: many groups and streams in one document of TOML, YAML or JSON.
//!
//! ```toml
//! [defaults]                              # of all streams
//! mode = "strict"
//!
//! [groups.coast]                          # of the streams of one group
//! cadence_s = 600
//!
//! [groups.coast.streams."buoy-7/temp"]
//! unit = "degC"
//! process1 = { required = ["time", "value"], freshness_h = 1 }
//! process2 = { gross_range = { fail = [0, 25], suspect = [5, 13] } }
//! process3 = { spike = { method = "differential", suspect = 2, fail = 5 } }
//! ```
//!
//! A document without `groups` is one stream, with `stream` and `group` among its keys. A stream overrides its group,
//! and that the defaults, key by key; `false` takes a check away. Thresholds depend on the cadence: `by_cadence` is a
//! list of tables, each with `up_to_s` and any keys of a stream, and the first one whose `up_to_s` is not less than
//! the stream's `cadence_s` stands between the group and the stream.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use stepwell_pipeline::suggest;

use crate::checks::Mode;
use crate::flag::RollUp;
use crate::series::{Columns, TimeUnit};

mod node;
mod process1;
mod process2;
mod process3;
mod reader;
mod steps;

use node::Node;
pub use process1::Process1;
pub use process2::Process2;
pub use process3::Process3;
pub use reader::Problem;
use reader::{Problems, Table, join};
use steps::Steps;

/// So many details of each test are kept at most: people read them.
const DETAILS_MAX: u64 = 10_000;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.toml`, and every other name.
    Toml,
    /// `.yaml` and `.yml`.
    Yaml,
    /// `.json`.
    Json,
}

impl Format {
    /// The format that the name of a file tells; TOML if it tells none.
    pub fn of_name(name: &str) -> Self {
        let extension = Path::new(name).extension().and_then(|it| it.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Self::Yaml,
            "json" => Self::Json,
            _ => Self::Toml,
        }
    }
}

/// The streams of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    streams: BTreeMap<(String, String), StreamConfig>,
}

/// The checks of one stream, and what they need to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamConfig {
    /// `GroupID`; empty in a document of one stream that names none.
    pub group: String,
    /// `StreamID`; empty in a document of one stream that names none.
    pub stream: String,
    /// The unit of the values, for people.
    pub unit: Option<String>,
    /// Whose rules decide.
    pub mode: Mode,
    /// Which flag stands for all of a point's.
    pub roll_up: RollUp,
    /// Seconds between two points.
    pub cadence_s: Option<f64>,
    /// Which columns are what.
    pub columns: Columns,
    /// How many details each test gives.
    pub details_max: usize,
    /// Completeness, schema, freshness, uniqueness.
    pub process1: Process1,
    /// Range and validity, each point alone.
    pub process2: Process2,
    /// What depends on the points before.
    pub process3: Process3,
}

/// What a process may have of each flag and still pass.
///
/// ```toml
/// limits = { fail_share = 0, suspect_share = 0.05, evaluated_share = 0.8 }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The largest share of judged points that a test may FAIL.
    pub fail_share: f64,
    /// The largest share of judged points that a test may find SUSPECT.
    pub suspect_share: f64,
    /// The smallest share of points with a value that at least one test of the process must judge.
    pub evaluated_share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { fail_share: 0.0, suspect_share: 0.05, evaluated_share: 0.8 }
    }
}

/// A group or stream that the configuration does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSuchStream {
    what: String,
    suggestion: Option<String>,
}

impl fmt::Display for NoSuchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has no {}", self.what)?;
        match &self.suggestion {
            Some(meant) => write!(f, "; did you mean `{meant}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for NoSuchStream {}

impl Config {
    /// Reads a document.
    ///
    /// # Errors
    /// All problems of it, each with the path of its key.
    pub fn parse(text: &str, format: Format) -> Result<Self, Vec<Problem>> {
        Self::parse_as(text, format, None)
    }

    /// Reads a document whose streams are checked in this mode, whatever it says.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn parse_as(text: &str, format: Format, mode: Option<Mode>) -> Result<Self, Vec<Problem>> {
        let node = match format {
            Format::Toml => toml::from_str(text).map_err(|error| error.to_string()),
            Format::Yaml => of_yaml(text),
            Format::Json => serde_json::from_str(text).map_err(|error| error.to_string()),
        };
        node.map_err(|message| unreadable(message.trim_end()))
            .and_then(|node| Self::of_node(&node, mode))
    }

    /// Reads a document that came as a value, for instance in the input of an execution.
    ///
    /// # Errors
    /// As [`Config::parse`].
    pub fn from_value(value: &serde_json::Value) -> Result<Self, Vec<Problem>> {
        let node: Node = serde::Deserialize::deserialize(value)
            .map_err(|error| unreadable(&error.to_string()))?;
        Self::of_node(&node, None)
    }

    fn of_node(node: &Node, mode: Option<Mode>) -> Result<Self, Vec<Problem>> {
        let problems = Problems::default();
        let Node::Table(root) = node else {
            return Err(unreadable(&format!("it is {}", node.kind())));
        };
        let streams = if root.contains_key("groups") {
            many(root, mode, &problems)
        } else {
            let stream = single(root, mode, &problems);
            [((stream.group.clone(), stream.stream.clone()), stream)].into()
        };
        let problems = problems.into_vec();
        if problems.is_empty() { Ok(Self { streams }) } else { Err(problems) }
    }

    /// The configuration of a stream. A document of one stream that does not say which one fits every stream.
    ///
    /// # Errors
    /// If there is no such stream.
    pub fn stream(&self, group: &str, stream: &str) -> Result<&StreamConfig, NoSuchStream> {
        let fits = |it: &&StreamConfig| {
            (it.group.is_empty() || it.group == group)
                && (it.stream.is_empty() || it.stream == stream)
        };
        if let Some(found) = self.streams().find(fits) {
            return Ok(found);
        }
        let groups = self.streams().map(|it| it.group.as_str());
        if !groups.clone().any(|it| it == group || it.is_empty()) {
            let suggestion = suggest::closest(group, groups).map(str::to_owned);
            return Err(NoSuchStream { what: format!("group `{group}`"), suggestion });
        }
        let streams = self.streams().filter(|it| it.group == group).map(|it| it.stream.as_str());
        let suggestion = suggest::closest(stream, streams).map(str::to_owned);
        Err(NoSuchStream { what: format!("stream `{stream}` in the group `{group}`"), suggestion })
    }

    /// All streams, by group and name.
    pub fn streams(&self) -> impl Iterator<Item = &StreamConfig> + Clone {
        self.streams.values()
    }
}

/// Numbers that are not finite are limits for the library; where they are none, they are refused by name.
fn of_yaml(text: &str) -> Result<Node, String> {
    let options = serde_saphyr::options! {
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

fn unreadable(message: &str) -> Vec<Problem> {
    vec![Problem {
        path: "(document)".to_owned(),
        message: message.to_owned(),
        help: "write a table of keys in TOML, YAML or JSON".to_owned(),
    }]
}

type Entries = BTreeMap<String, Node>;

/// A document with groups.
fn many(
    root: &Entries,
    mode: Option<Mode>,
    problems: &Problems,
) -> BTreeMap<(String, String), StreamConfig> {
    let mut document = Table::new(String::new(), root, problems);
    let defaults = layer(&mut document, "defaults");
    let mut streams = BTreeMap::new();
    for (group, mut table) in document.named_tables("groups") {
        let below = join("groups", group);
        let entries = table.entries();
        let mut group_layer = entries.clone();
        group_layer.remove("streams");
        let under = defaults.clone().overridden_by(Node::Table(group_layer));
        for (stream, of_stream) in table.named_tables("streams") {
            let over = Node::Table(of_stream.entries().clone());
            let plain = under.clone().overridden_by(over.clone());
            let path = join(&join(&below, "streams"), stream);
            let Node::Table(merged) = with_cadence(plain.clone(), over) else { continue };
            let read = read_stream(path.clone(), &merged, mode, problems);
            Steps { path: &path, group: &under, plain: &plain, mode: read.mode }.check(problems);
            let key = (group.to_owned(), stream.to_owned());
            streams.insert(
                key,
                StreamConfig { group: group.to_owned(), stream: stream.to_owned(), ..read },
            );
        }
    }
    document.finish();
    streams
}

/// A document that is one stream.
fn single(root: &Entries, mode: Option<Mode>, problems: &Problems) -> StreamConfig {
    let own = Node::Table(root.clone());
    let Node::Table(merged) = with_cadence(own.clone(), own.clone()) else {
        unreachable!("a table over a table is a table");
    };
    let stream = read_stream(String::new(), &merged, mode, problems);
    Steps { path: "", group: &own, plain: &own, mode: stream.mode }.check(problems);
    stream
}

fn layer(document: &mut Table<'_>, key: &'static str) -> Node {
    document
        .table(key)
        .map_or_else(|| Node::Table(Entries::new()), |it| Node::Table(it.entries().clone()))
}

/// Puts what `by_cadence` has for the stream's cadence under what the stream itself says.
fn with_cadence(merged: Node, own: Node) -> Node {
    let Node::Table(entries) = &merged else { return merged };
    let (Some(Node::Number(cadence)), Some(Node::List(steps))) =
        (entries.get("cadence_s"), entries.get("by_cadence"))
    else {
        return merged;
    };
    let fitting = steps.iter().find_map(|step| match step {
        Node::Table(step) => {
            matches!(step.get("up_to_s"), Some(Node::Number(up_to)) if cadence <= up_to)
                .then_some(step)
        }
        _ => None,
    });
    let Some(step) = fitting else { return merged };
    let mut step = step.clone();
    step.remove("up_to_s");
    merged.clone().overridden_by(Node::Table(step)).overridden_by(own)
}

/// Keys of a stream that say where its points are: executions read them, and the checks have no use for them.
const OF_THE_PIPELINE: [&str; 2] = ["data", "window_s"];

fn read_stream(
    path: String,
    entries: &Entries,
    mode: Option<Mode>,
    problems: &Problems,
) -> StreamConfig {
    let mut table = Table::new(path, entries, problems);
    for key in OF_THE_PIPELINE {
        table.pass_over(key);
    }
    let modes = [Mode::IoosQc3_0, Mode::Strict].map(|mode| (mode.name(), mode));
    let written = table.one_of("mode", &modes);
    let mode = mode.or(written).unwrap_or_default();
    let mut table = table.in_mode(mode);
    let cadence_s = table.positive("cadence_s");
    check_cadences(&mut table);
    let limits = limits(&mut table, Limits::default());
    let mut part = |key| table.table(key);
    let (one, two, three) = (part("process1"), part("process2"), part("process3"));
    let stream = StreamConfig {
        group: table.text("group").unwrap_or_default().to_owned(),
        stream: table.text("stream").unwrap_or_default().to_owned(),
        unit: table.text("unit").map(str::to_owned),
        mode,
        roll_up: roll_up(&mut table, mode),
        cadence_s,
        columns: columns(&mut table),
        details_max: details_max(&mut table),
        process1: Process1::read(one, mode, cadence_s, limits),
        process2: Process2::read(two, limits),
        process3: Process3::read(three, mode, cadence_s, limits),
    };
    check_columns(&table, &stream);
    table.finish();
    stream
}

fn details_max(table: &mut Table<'_>) -> usize {
    let asked = table.count("details_max").unwrap_or(1000);
    if asked > DETAILS_MAX {
        let message = format!("{asked} are more than {DETAILS_MAX} details of each test");
        table.wrong("details_max", message, format!("write {DETAILS_MAX} at most"));
    }
    asked as usize
}

/// The library rolls up as QARTOD does.
fn roll_up(table: &mut Table<'_>, mode: Mode) -> RollUp {
    let names = [("default", RollUp::Strict), ("qartod", RollUp::Qartod)];
    table.one_of("rollup", &names).unwrap_or(match mode {
        Mode::IoosQc3_0 => RollUp::Qartod,
        Mode::Strict => RollUp::Strict,
    })
}

fn check_cadences(table: &mut Table<'_>) {
    for mut step in table.tables("by_cadence").unwrap_or_default() {
        if step.positive("up_to_s").is_none() && step.get("up_to_s").is_none() {
            step.missing("up_to_s", "write the largest `cadence_s` that the table is for");
        }
    }
}

fn columns(table: &mut Table<'_>) -> Columns {
    let default = Columns::default();
    let Some(mut table) = table.table("columns") else { return default };
    let units = [
        ("s", TimeUnit::Seconds),
        ("ms", TimeUnit::Milliseconds),
        ("us", TimeUnit::Microseconds),
        ("ns", TimeUnit::Nanoseconds),
    ];
    let mut name = |key| table.text(key).map(str::to_owned);
    let (time, value) = (name("time"), name("value"));
    let columns = Columns {
        depth: name("depth"),
        lon: name("lon"),
        lat: name("lat"),
        time: time.unwrap_or(default.time),
        value: value.unwrap_or(default.value),
        time_unit: table.one_of("time_unit", &units).unwrap_or_default(),
    };
    if columns.lon.is_some() != columns.lat.is_some() {
        table.wrong("lon", "a position has two columns", "name both `lon` and `lat`");
    }
    table.finish();
    columns
}

/// Checks that look at a depth or a position need to know the column.
fn check_columns(table: &Table<'_>, stream: &StreamConfig) {
    let (two, three) = (&stream.process2, &stream.process3);
    let by_position =
        two.location.is_some() || two.location_bounds.is_some() || three.speed.is_some();
    if by_position && stream.columns.lon.is_none() {
        table.wrong(
            "columns",
            "a check looks at positions",
            "name their columns as `lon` and `lat`",
        );
    }
    let by_depth = two.climatology.iter().flat_map(|it| &it.members).any(|it| it.depths.is_some());
    if (by_depth || three.density_inversion.is_some()) && stream.columns.depth.is_none() {
        table.wrong("columns", "a check looks at depths", "name their column as `depth`");
    }
}

/// The limits of a table, over those of the table around it.
fn limits(table: &mut Table<'_>, default: Limits) -> Limits {
    let Some(mut table) = table.table("limits") else { return default };
    let limits = Limits {
        fail_share: table.share("fail_share").unwrap_or(default.fail_share),
        suspect_share: table.share("suspect_share").unwrap_or(default.suspect_share),
        evaluated_share: table.share("evaluated_share").unwrap_or(default.evaluated_share),
    };
    table.finish();
    limits
}

/// Hours. The library counts their seconds in 64 bits.
fn hours(table: &mut Table<'_>, key: &'static str) -> Option<f64> {
    let hours = table.duration(key)?;
    if !table.is_strict() && (hours * 3600.0).abs() >= i64::MAX as f64 {
        table.wrong(key, format!("{hours} hours are more than ioos_qc 3.0.0 counts"), "write less");
    }
    Some(hours)
}

/// Refuses a check of two limits that has neither. The library takes it, and flags nothing.
fn check_any(table: &mut Table<'_>, keys: [&'static str; 2]) {
    if table.is_strict() && keys.iter().all(|key| table.get(key).is_none()) {
        table.missing(keys[0], &format!("write `{}`, `{}` or both", keys[0], keys[1]));
    }
}

/// Refuses a suspect limit beyond the fail limit.
fn check_rising(table: &Table<'_>, suspect: Option<f64>, fail: Option<f64>, keys: [&str; 2]) {
    if let (Some(suspect), Some(fail)) = (suspect, fail)
        && suspect > fail
    {
        let message = format!("{suspect} is beyond `{}`, which is {fail}", keys[1]);
        table.wrong(keys[0], message, format!("write at most {fail}"));
    }
}

/// The same of a check that the library has too, which does not look at it.
fn check_levels(table: &Table<'_>, suspect: Option<f64>, fail: Option<f64>, keys: [&str; 2]) {
    if table.is_strict() {
        check_rising(table, suspect, fail, keys);
    }
}
