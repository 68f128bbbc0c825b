//! What programs get of a check: one document with the flags of every test, in memory that does not grow with them.

use std::cell::RefCell;
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};

use serde::ser::{Error as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use stepwell_stream_qc::config::StreamConfig;
use stepwell_stream_qc::flag::{Counts, Flag, RollUp};
use stepwell_stream_qc::process::{Judged, ProcessResult, Scope, TestResult};
use tempfile::SpooledTempFile;

use super::shown::rolled;

/// So many flags are kept in memory, of each test.
const FLAGS_IN_MEMORY: usize = 1 << 16;

/// The flags of all tests and of their roll-up, one after the other, until they are printed: the counts come first.
pub(super) struct Logs {
    order: RollUp,
    counts: Counts,
    roll_up: Log,
    /// In the order in which the tests of points run.
    tests: Vec<Log>,
}

impl Logs {
    pub(super) fn new(stream: &StreamConfig) -> Self {
        let (order, counts) = (stream.roll_up, Counts::default());
        Self { order, counts, roll_up: Log::new(), tests: Vec::new() }
    }

    /// Takes in the flags of the next points.
    pub(super) fn add(&mut self, judged: &Judged<'_>) -> io::Result<()> {
        let rolled = rolled(self.order, judged);
        self.counts += Counts::of(&rolled);
        self.roll_up.add(&rolled)?;
        self.tests.resize_with(judged.tests.len(), Log::new);
        let mut tests = self.tests.iter_mut().zip(judged.tests);
        tests.try_for_each(|(log, test)| log.add(&test.flags))
    }
}

/// Flags that are written as they come and read once, when they are printed.
struct Log(RefCell<SpooledTempFile>);

impl Log {
    fn new() -> Self {
        Self(RefCell::new(tempfile::spooled_tempfile(FLAGS_IN_MEMORY)))
    }

    fn of(flags: &[Flag]) -> Self {
        let mut log = Self::new();
        log.add(flags).expect("a few flags stay in memory");
        log
    }

    fn add(&mut self, flags: &[Flag]) -> io::Result<()> {
        let bytes: Vec<_> = flags.iter().map(|flag| flag.value()).collect();
        self.0.get_mut().write_all(&bytes)
    }
}

impl Serialize for Log {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut file = self.0.borrow_mut();
        file.rewind().map_err(S::Error::custom)?;
        let mut bytes = BufReader::new(&mut *file);
        let mut flags = serializer.serialize_seq(None)?;
        loop {
            let read = bytes.fill_buf().map_err(S::Error::custom)?;
            if read.is_empty() {
                return flags.end();
            }
            read.iter().try_for_each(|flag| flags.serialize_element(flag))?;
            let length = read.len();
            bytes.consume(length);
        }
    }
}

/// What is printed for programs.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    group: &'a str,
    stream: &'a str,
    mode: &'static str,
    points: u64,
    pass: bool,
    processes: Vec<ProcessEntry>,
    #[serde(rename = "rollup")]
    roll_up: RolledUp,
}

#[derive(Serialize)]
struct RolledUp {
    counts: Counts,
    flags: Log,
}

#[derive(Serialize)]
struct ProcessEntry {
    process: &'static str,
    pass: bool,
    worst: Flag,
    evaluated: u64,
    counts: Counts,
    reasons: Vec<String>,
    tests: Vec<TestEntry>,
}

#[derive(Serialize)]
struct TestEntry {
    test: String,
    scope: Scope,
    pass: bool,
    limits: String,
    message: Option<String>,
    error: Option<String>,
    counts: Counts,
    flags: Log,
}

impl<'a> Document<'a> {
    pub(super) fn of(stream: &'a StreamConfig, found: Vec<ProcessResult>, logs: Logs) -> Self {
        let mut flags = logs.tests.into_iter();
        Self {
            group: &stream.group,
            stream: &stream.stream,
            mode: stream.mode.name(),
            points: found.iter().map(|process| process.points).max().unwrap_or_default(),
            pass: found.iter().all(|process| process.pass),
            processes: found.into_iter().map(|it| ProcessEntry::of(it, &mut flags)).collect(),
            roll_up: RolledUp { counts: logs.counts, flags: logs.roll_up },
        }
    }

    pub(super) const fn passes(&self) -> bool {
        self.pass
    }
}

impl ProcessEntry {
    fn of(result: ProcessResult, flags: &mut impl Iterator<Item = Log>) -> Self {
        Self {
            process: result.process.name(),
            pass: result.pass,
            worst: result.worst,
            evaluated: result.evaluated,
            counts: result.counts,
            reasons: result.reasons,
            tests: result.tests.into_iter().map(|test| TestEntry::of(test, flags)).collect(),
        }
    }
}

impl TestEntry {
    fn of(test: TestResult, flags: &mut impl Iterator<Item = Log>) -> Self {
        let flags = match test.scope {
            Scope::Points => flags.next(),
            Scope::Whole => None,
        };
        Self {
            flags: flags.unwrap_or_else(|| Log::of(test.flag.as_slice())),
            test: test.name,
            scope: test.scope,
            pass: test.pass,
            limits: test.limits,
            message: test.message,
            error: test.error.as_ref().map(ToString::to_string),
            counts: test.counts,
        }
    }
}
