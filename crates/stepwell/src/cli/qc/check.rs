//! `stepwell qc check`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use stepwell_stream_qc::checks::Mode;
use stepwell_stream_qc::config::{Config, Format, StreamConfig};
use stepwell_stream_qc::file;
use stepwell_stream_qc::flag::{Counts, Flag, roll_up};
use stepwell_stream_qc::process::{Input, Process, ProcessResult, Scope, TestResult, evaluate};
use stepwell_stream_qc::series::{Series, instant};
use stepwell_tabular::{Location, NoBuckets, Stores};

use super::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::{output, wiring};

/// How many flagged points people are shown.
const SHOWN_MAX: usize = 50;

/// The name under which the roll-up is shown beside the tests.
const ROLL_UP: &str = "roll-up";

/// Run the checks on one series, without an execution
///
/// Prints how often each test gave each QARTOD flag, and the points that are SUSPECT or FAIL; with `--json` the flags of
/// every test and their roll-up for every point. Ends with 0 if all three processes pass and with 1 if one does not.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Configuration of one or many streams, in TOML, YAML or JSON
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The series: CSV, JSON lines or Parquet; a path or http(s)://
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
        let series = series(project.root(), &self.data, stream)?;
        let now = self.now.unwrap_or_else(Timestamp::now);
        let input = Input { series: &series, context: None, window: None, now };
        let verdict =
            Verdict::of(stream, &series, Process::ALL.map(|it| evaluate(it, &input, stream)));
        if global.json {
            output::json(&verdict.document())?;
        } else {
            verdict.tell()?;
        }
        Ok(if verdict.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

fn series(root: &Path, data: &Location, stream: &StreamConfig) -> Outcome<Series> {
    let http = stepwell_pipeline::http::client(Duration::from_mins(1))
        .map_err(|error| Failure::new(Exit::Unavailable, error))?;
    let stores = Stores::new(root.to_owned(), Arc::new(NoBuckets), http);
    let reading = file::read(&stores, data, None, &stream.columns);
    let rows = wiring::runtime()?.block_on(reading).map_err(|error| {
        let exit = if error.is_retryable() { Exit::Unavailable } else { Exit::Refused };
        Failure::new(exit, error)
    })?;
    if rows.num_rows() == 0 && rows.num_columns() == 0 {
        // Without a line there is nothing that names columns.
        return Ok(Series::new(Vec::new(), Vec::new()));
    }
    Series::from_batch(&rows, &stream.columns).map_err(|error| Failure::new(Exit::Refused, error))
}

/// What the three processes found, and their roll-up.
struct Verdict<'a> {
    stream: &'a StreamConfig,
    series: &'a Series,
    processes: [ProcessResult; 3],
    roll_up: Vec<Flag>,
}

impl<'a> Verdict<'a> {
    fn of(stream: &'a StreamConfig, series: &'a Series, processes: [ProcessResult; 3]) -> Self {
        let flags = processes.iter().map(|process| &process.flags[..]);
        let roll_up = roll_up(stream.roll_up, series.len(), flags);
        Self { stream, series, processes, roll_up }
    }

    fn passes(&self) -> bool {
        self.processes.iter().all(|process| process.pass)
    }

    fn tests(&self) -> impl Iterator<Item = &TestResult> {
        self.processes.iter().flat_map(|process| &process.tests)
    }

    fn tell(&self) -> Outcome {
        let rows = self.processes.iter().flat_map(|process| {
            process.tests.iter().map(|test| summary(&process.process.number().to_string(), test))
        });
        let roll_up = counted(["", ROLL_UP], Counts::of(&self.roll_up), String::new());
        let header =
            ["PROCESS", "TEST", "GOOD", "UNKNOWN", "SUSPECT", "FAIL", "MISSING", "PASS", "LIMITS"];
        output::line(output::table(header, rows.chain([roll_up])))?;
        self.tell_flagged()?;
        for process in &self.processes {
            let word = if process.pass { "passes" } else { "does not pass" };
            output::line(format_args!("{} {word}", process.process.name()))?;
            for reason in &process.reasons {
                output::line(format_args!("  {reason}"))?;
            }
        }
        Ok(())
    }

    fn tell_flagged(&self) -> Outcome {
        let is_flagged = |at: &usize| matches!(self.roll_up[*at], Flag::Suspect | Flag::Fail);
        let flagged: Vec<_> = (0..self.series.len()).filter(is_flagged).collect();
        if flagged.is_empty() {
            return Ok(());
        }
        let row = |at: &usize| {
            let time = instant(self.series.times()[*at]).map(|time| time.to_string());
            let value = self.series.values()[*at].to_string();
            [
                at.to_string(),
                time.unwrap_or_default(),
                value,
                self.roll_up[*at].to_string(),
                self.found_by(*at),
            ]
        };
        let shown = flagged.iter().take(SHOWN_MAX).map(row);
        output::line("")?;
        output::line(output::table(["POINT", "TIME", "VALUE", "FLAG", "BY"], shown))?;
        if flagged.len() > SHOWN_MAX {
            output::note(format_args!("and {} more; `--json` has all", flagged.len() - SHOWN_MAX));
        }
        Ok(output::line("")?)
    }

    /// The tests that flagged a point.
    fn found_by(&self, at: usize) -> String {
        let of_points = self.tests().filter(|test| test.scope == Scope::Points);
        let found = of_points.filter(|test| matches!(test.flags[at], Flag::Suspect | Flag::Fail));
        found.map(|test| test.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn document(&self) -> Document<'_> {
        Document {
            group: &self.stream.group,
            stream: &self.stream.stream,
            mode: self.stream.mode.name(),
            points: self.series.len(),
            pass: self.passes(),
            processes: self.processes.iter().map(ProcessEntry::of).collect(),
            roll_up: RolledUp { counts: Counts::of(&self.roll_up), flags: &self.roll_up },
        }
    }
}

/// What is printed for programs.
#[derive(Serialize)]
struct Document<'a> {
    group: &'a str,
    stream: &'a str,
    mode: &'static str,
    points: usize,
    pass: bool,
    processes: Vec<ProcessEntry<'a>>,
    #[serde(rename = "rollup")]
    roll_up: RolledUp<'a>,
}

#[derive(Serialize)]
struct RolledUp<'a> {
    counts: Counts,
    flags: &'a [Flag],
}

#[derive(Serialize)]
struct ProcessEntry<'a> {
    process: &'static str,
    pass: bool,
    worst: Flag,
    evaluated: u64,
    counts: Counts,
    reasons: &'a [String],
    tests: Vec<TestEntry<'a>>,
}

impl<'a> ProcessEntry<'a> {
    fn of(result: &'a ProcessResult) -> Self {
        Self {
            process: result.process.name(),
            pass: result.pass,
            worst: result.worst,
            evaluated: result.evaluated,
            counts: result.counts,
            reasons: &result.reasons,
            tests: result.tests.iter().map(TestEntry::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct TestEntry<'a> {
    test: &'a str,
    scope: Scope,
    pass: bool,
    limits: &'a str,
    message: Option<&'a str>,
    error: Option<String>,
    counts: Counts,
    flags: &'a [Flag],
}

impl<'a> TestEntry<'a> {
    fn of(test: &'a TestResult) -> Self {
        Self {
            test: &test.name,
            scope: test.scope,
            pass: test.pass,
            limits: &test.limits,
            message: test.message.as_deref(),
            error: test.error.as_ref().map(ToString::to_string),
            counts: test.counts,
            flags: &test.flags,
        }
    }
}

fn summary(process: &str, test: &TestResult) -> [String; 9] {
    let mut row = counted([process, &test.name], test.counts, test.limits.clone());
    if test.pass { "yes" } else { "no" }.clone_into(&mut row[7]);
    row
}

fn counted([process, name]: [&str; 2], counts: Counts, limits: String) -> [String; 9] {
    let [good, unknown, suspect, fail, missing] =
        Flag::ALL.map(|flag| counts.get(flag).to_string());
    [
        process.to_owned(),
        name.to_owned(),
        good,
        unknown,
        suspect,
        fail,
        missing,
        String::new(),
        limits,
    ]
}
