//! Twenty streams of measurements with planted faults, half of them files and half of them behind URLs: what is found of
//! them is held against what was planted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use stepwell_integrations::dynamodb::{AttributeValue, EmbeddedTables, Item, Query, Tables};
use stepwell_sandbox::streams::{Planted, Sandbox, Stream, generate};

use super::stage::{Ended, Stage};
use crate::config::Section;
use crate::failure::{Exit, Failure, Outcome};
use crate::output;
use crate::project::Project;

const SEED: u64 = 1;

/// How every stream is checked.
const CHECKS: &str = r#"cadence_s = 600

[process1]
required = ["time", "value"]
completeness = { value = { warn = 0.98, fail = 0.9 } }
freshness_h = 1
row_count = { tolerance = 0.1 }

[process2]
gross_range = { fail = [0, 25], suspect = [3, 17] }

[process3]
gap_h = 1
spike = { method = "differential", suspect = 1, fail = 3 }
rate_per_s = { suspect = 0.003, fail = 0.01 }
flat_line = { suspect_s = 3600, fail_s = 7200, tolerance = 0.005 }
attenuated_signal = { suspect = 0.1, fail = 0.005, period_s = 21600, min_obs = 30 }
"#;

/// What each test flagged; a test that flags the stream as a whole has no rows.
type Flagged = BTreeMap<String, BTreeSet<usize>>;

/// The verdicts of all streams, held against the truth.
#[derive(Debug, Serialize)]
pub(super) struct Verdicts {
    streams: Vec<Verdict>,
}

/// One stream.
#[derive(Debug, Serialize)]
struct Verdict {
    stream: String,
    status: String,
    points: usize,
    /// The tests that must find something.
    planted: Vec<&'static str>,
    /// Planted and not found.
    missed: Vec<String>,
    /// Found and not planted.
    false_alarms: Vec<String>,
}

pub(super) async fn perform(project: &Project) -> Outcome<Vec<Ended<Verdicts>>> {
    let streams = generate(SEED, Timestamp::now());
    output::note(format_args!(
        "stream-qc: writing {} streams, half of them behind URLs of this machine",
        streams.len()
    ));
    let sandbox = Sandbox::start(&streams).await?;
    write(project.root(), &streams, &sandbox)?;
    let stage = Stage::open(project, "stream-qc", Section::of(settings())).await?;
    let ended = stage.run("stream-qc-all", "check of all streams").await?;
    stage.close().await?;
    let results = ended.map(|output| output["Results"].clone());
    let tables = EmbeddedTables::open(&project.state().join("dynamodb.db")).map_err(unusable)?;
    let mut verdicts = Vec::new();
    for result in results.moved.as_array().into_iter().flatten() {
        let text = |name: &str| result[name].as_str().unwrap_or_default();
        let stream = streams.iter().find(|it| it.name == text("StreamID"));
        let stream = stream.expect("only these streams have files");
        let flagged = flagged(&tables, text("QCPID")).await?;
        verdicts.push(Verdict::of(stream, text("Status"), &flagged));
    }
    Ok(vec![results.map(|_: Value| Verdicts { streams: verdicts })])
}

/// The settings that a user would write.
fn settings() -> stepwell_stream_qc::Settings {
    stepwell_stream_qc::Settings {
        streams: Some("streams".into()),
        notify: Some(Vec::new()),
        ..Default::default()
    }
}

/// The files that a user would write.
fn write(root: &Path, streams: &[Stream], sandbox: &Sandbox) -> Outcome {
    for (at, stream) in streams.iter().enumerate() {
        let uri = if at.is_multiple_of(2) {
            stream.write(&root.join("data"))?;
            format!("data/{}", stream.file_name())
        } else {
            sandbox.url(stream)
        };
        let folder = root.join("streams").join(stream.group);
        fs::create_dir_all(&folder)?;
        let text = format!("{CHECKS}\n[data]\nuri = \"{uri}\"\n");
        fs::write(folder.join(format!("{}.toml", stream.name)), text)?;
    }
    Ok(())
}

/// Looks into the table: what tests flagged as suspect or failed.
async fn flagged(tables: &EmbeddedTables, run: &str) -> Outcome<Flagged> {
    let query = Query::new("QCDetails", "QCPID", AttributeValue::S(run.to_owned()));
    let mut flagged = Flagged::new();
    for item in tables.query_all(&query).await.map_err(unusable)? {
        if !matches!(number(&item, "Flag"), Some(3 | 4)) {
            continue;
        }
        let Some(AttributeValue::S(test)) = item.get("Test") else { continue };
        let test = test.split(':').next().unwrap_or_default();
        flagged.entry(test.to_owned()).or_default().extend(number(&item, "Index"));
    }
    Ok(flagged)
}

fn number(item: &Item, name: &str) -> Option<usize> {
    match item.get(name)? {
        AttributeValue::N(number) => number.parse().ok(),
        _ => None,
    }
}

impl Verdict {
    fn of(stream: &Stream, status: &str, flagged: &Flagged) -> Self {
        let planted = &stream.planted;
        let of_test = |test: &str| planted.iter().find(|it| it.test == test);
        let false_alarms = flagged.iter().filter_map(|(test, rows)| match of_test(test) {
            None => Some(test.clone()),
            Some(planted) => unexpected(planted, rows),
        });
        Self {
            stream: format!("{}/{}", stream.group, stream.name),
            status: status.to_owned(),
            points: stream.points.len(),
            planted: planted.iter().map(|it| it.test).collect(),
            missed: planted.iter().filter_map(|it| missed(it, flagged.get(it.test))).collect(),
            false_alarms: false_alarms.collect(),
        }
    }
}

fn missed(planted: &Planted, found: Option<&BTreeSet<usize>>) -> Option<String> {
    let Some(found) = found else { return Some(planted.test.to_owned()) };
    let row = planted.must.iter().find(|row| !found.contains(row))?;
    Some(format!("{} at {row}", planted.test))
}

fn unexpected(planted: &Planted, found: &BTreeSet<usize>) -> Option<String> {
    let row = found.iter().find(|row| !planted.must.contains(row) && !planted.may.contains(row))?;
    Some(format!("{} at {row}", planted.test))
}

impl Verdicts {
    pub(super) fn agree(&self) -> bool {
        self.streams.iter().all(|it| it.missed.is_empty() && it.false_alarms.is_empty())
    }

    /// So much was checked.
    pub(super) fn checked(&self) -> String {
        let points: usize = self.streams.iter().map(|it| it.points).sum();
        format!("{} streams, {points} points", self.streams.len())
    }

    pub(super) fn table(&self) -> comfy_table::Table {
        let row = |it: &Verdict| {
            let found = if it.missed.is_empty() { "all" } else { "NOT ALL" };
            let found = if it.planted.is_empty() { "" } else { found };
            [it.stream.clone(), it.status.clone(), it.planted.join(", "), found.to_owned()]
        };
        output::table(["STREAM", "VERDICT", "PLANTED", "FOUND"], self.streams.iter().map(row))
    }

    /// What was found and what was not, in one line.
    pub(super) fn verdict(&self) -> String {
        let planted: usize = self.streams.iter().map(|it| it.planted.len()).sum();
        let all = |what: fn(&Verdict) -> &Vec<String>| {
            let of_one = |it: &'_ Verdict| {
                what(it).iter().map(|found| format!("{} {found}", it.stream)).collect::<Vec<_>>()
            };
            self.streams.iter().flat_map(of_one).collect::<Vec<_>>()
        };
        let (missed, false_alarms) = (all(|it| &it.missed), all(|it| &it.false_alarms));
        let missed = match &missed[..] {
            [] => "all".to_owned(),
            missed => format!("NOT ALL: {}", missed.join(", ")),
        };
        let false_alarms =
            if false_alarms.is_empty() { "none".to_owned() } else { false_alarms.join(", ") };
        format!("planted: {planted}; found: {missed}; false alarms: {false_alarms}")
    }
}

fn unusable(error: stepwell_integrations::dynamodb::Error) -> Failure {
    Failure::new(Exit::Unavailable, error)
}
