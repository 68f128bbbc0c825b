//! What the functions of a run hand on: the result of a process, and the summary of the run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::flag::{self, Flag};

/// The processes that run side by side.
pub(crate) const PROCESSES: [u8; 3] = [1, 2, 3];

/// So many findings are named in a summary, the worst first.
const TOP_MAX: usize = 5;

/// How many points have each flag: `{"1":7,"3":1,"4":1,"9":1}`. Flags that no point has are left out.
pub(crate) type Counts = BTreeMap<String, u64>;

/// The counts of flags, as they are kept.
pub(crate) fn counts(counts: &flag::Counts) -> Counts {
    let of = |flag: Flag| {
        Some((flag.value().to_string(), counts.get(flag))).filter(|(_, count)| *count > 0)
    };
    Flag::ALL.into_iter().filter_map(of).collect()
}

/// How many points have a flag.
pub(crate) fn count_of(counts: &Counts, flag: Flag) -> u64 {
    counts.get(&flag.value().to_string()).copied().unwrap_or_default()
}

/// How a run ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It has not ended.
    Running,
    /// Every process checked the data, and they are good.
    Passed,
    /// Every process checked the data, and they are bad.
    Failed,
    /// A process could not check them: the data were not there, it crashed, it ran out of time.
    Error,
    /// The configuration of the stream does not say how to check them.
    ConfigError,
}

impl Status {
    /// As it stands in tables and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Passed => "PASSED",
            Self::Failed => "FAILED",
            Self::Error => "ERROR",
            Self::ConfigError => "CONFIG_ERROR",
        }
    }

    /// Reads what [`Self::name`] gives.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let all = [Self::Running, Self::Passed, Self::Failed, Self::Error, Self::ConfigError];
        all.into_iter().find(|it| it.name() == name)
    }
}

/// A run: what names it.
///
/// ```json
/// {"GroupID":"buoys","StreamID":"7-temp","QCPID":"0d8f...","StartTime":"2026-03-01T00:00:00.000000Z#0d8f..."}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    #[serde(rename = "GroupID")]
    pub(crate) group: String,
    #[serde(rename = "StreamID")]
    pub(crate) stream: String,
    /// The id of the run: a UUID.
    #[serde(rename = "QCPID")]
    pub(crate) id: String,
    /// When it started, to the microsecond, `#` and its id: unique in its group.
    #[serde(rename = "StartTime")]
    pub(crate) start_time: String,
}

impl Run {
    /// When it started, without the id.
    pub(crate) fn started_at(&self) -> &str {
        self.start_time.split('#').next().unwrap_or_default()
    }
}

/// What a process gives, or the state machine in its place when it failed.
///
/// ```json
/// {"ProcessName":"QCProcess2","GroupID":"g","StreamID":"s","QCPID":"…","StartTime":"…","Process2Pass":0,"Rows":10,
///  "WorstFlag":4,"Evaluated":9,"Counts":{"1":7,"3":1,"4":1,"9":1},
///  "Tests":[{"Name":"gross_range","Counts":{"1":7,"3":1,"4":1,"9":1},"Pass":0}],
///  "DetailsWritten":2,"DetailsTruncated":false,"Top":[{"Process":2,"Test":"gross_range","Flag":4,"Time":"…","Value":"30"}]}
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ProcessResult {
    pub(crate) process_name: String,
    #[serde(flatten)]
    pub(crate) run: Run,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) process1_pass: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) process2_pass: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) process3_pass: Option<u8>,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// Whether a process could do its work.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Outcome {
    /// It could.
    Checked(Checked),
    /// It could not, as the Catcher tells it.
    #[serde(rename_all = "PascalCase")]
    Failed {
        /// The error name.
        error: String,
        /// Why.
        cause: Option<String>,
    },
}

/// What a process found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Checked {
    pub(crate) rows: u64,
    /// Nothing if there was nothing to flag.
    pub(crate) worst_flag: Option<u8>,
    /// Points that at least one test could judge.
    pub(crate) evaluated: u64,
    pub(crate) counts: Counts,
    pub(crate) tests: Vec<TestResult>,
    /// Why it does not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
    /// Why tests gave no flags: what they look at is not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unable: Vec<String>,
    pub(crate) details_written: u64,
    /// Whether a test flagged more points than are written.
    pub(crate) details_truncated: bool,
    pub(crate) top: Vec<Finding>,
}

/// One test of a process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TestResult {
    pub(crate) name: String,
    pub(crate) counts: Counts,
    pub(crate) pass: u8,
}

/// What a test flagged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Finding {
    pub(crate) process: u8,
    pub(crate) test: String,
    pub(crate) flag: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

/// A process that could not check the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ProcessError {
    pub(crate) process: u8,
    pub(crate) error: String,
    pub(crate) cause: Option<String>,
}

impl ProcessError {
    /// What failed, and why if that is known.
    fn told(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{}: {cause}", self.error),
            None => self.error.clone(),
        }
    }
}

/// A run as a whole. Of a run that could not start only some of it is known.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Summary {
    #[serde(rename = "GroupID")]
    pub(crate) group: Option<String>,
    #[serde(rename = "StreamID")]
    pub(crate) stream: Option<String>,
    #[serde(rename = "QCPID")]
    pub(crate) id: Option<String>,
    pub(crate) start_time: Option<String>,
    pub(crate) end_time: String,
    /// 1 if all three processes passed.
    pub(crate) total_pass: u8,
    pub(crate) status: Status,
    /// That of the stream's last run.
    pub(crate) previous_status: Option<Status>,
    /// `{"1":1,"2":0,"3":1}`
    pub(crate) processes: BTreeMap<u8, u8>,
    /// Of the roll-up of all tests of all processes; nothing if one of them could not check the data.
    pub(crate) counts: Option<Counts>,
    pub(crate) rows: Option<u64>,
    pub(crate) top: Vec<Finding>,
    pub(crate) details_truncated: bool,
    /// Why processes do not pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) process_errors: Vec<ProcessError>,
    /// Why the run broke off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
}

impl ProcessResult {
    /// What a process found.
    pub(crate) fn checked(process: u8, run: Run, pass: bool, checked: Checked) -> Self {
        let of = |number: u8| (process == number).then_some(u8::from(pass));
        Self {
            process_name: format!("QCProcess{process}"),
            run,
            process1_pass: of(1),
            process2_pass: of(2),
            process3_pass: of(3),
            outcome: Outcome::Checked(checked),
        }
    }

    /// Which process it is.
    pub(crate) fn process(&self) -> Option<u8> {
        self.process_name.strip_prefix("QCProcess")?.parse().ok()
    }

    /// Whether it checked the data and found them good.
    pub(crate) fn has_passed(&self) -> bool {
        let pass = self.process1_pass.or(self.process2_pass).or(self.process3_pass);
        pass == Some(1) && matches!(self.outcome, Outcome::Checked(_))
    }
}

impl Summary {
    /// As a message tells it: what is not known is left out, and where the details are is said.
    pub(crate) fn told(&self) -> Value {
        let mut told = json!(self);
        let members = told.as_object_mut().expect("a summary is an object");
        members.retain(|_, value| !value.is_null());
        members.insert("DetailsKey".to_owned(), "QCPID".into());
        told
    }

    /// When it started, to the minute: `2026-03-01T00:00Z`.
    pub(crate) fn minute(&self) -> Option<String> {
        let start = self.start_time.as_deref().unwrap_or(&self.end_time);
        Some(format!("{}Z", start.get(..16)?))
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let name = |id: &Option<String>| id.clone().unwrap_or_else(|| "-".to_owned());
        let head =
            format!("QC {} {}/{}", self.status.name(), name(&self.group), name(&self.stream));
        let errors = self
            .process_errors
            .iter()
            .map(|it| format!("process {} could not check: {}", it.process, it.told()));
        let cause = self.cause.iter().cloned();
        let top = self.top.iter().take(1).map(|it| {
            let at = it.time.as_deref().map(|time| format!(" at {time}")).unwrap_or_default();
            format!("{} flagged {}{at}", it.test, it.flag)
        });
        let reasons = self.reasons.iter().cloned();
        let told: Vec<_> = cause.chain(errors).chain(top).chain(reasons).take(1).collect();
        std::iter::once(head).chain(told).collect::<Vec<_>>().join(": ")
    }
}

/// The worst findings, those of the first process first.
pub(crate) fn worst(findings: impl IntoIterator<Item = Finding>) -> Vec<Finding> {
    let mut findings: Vec<_> = findings.into_iter().collect();
    findings.sort_by_key(|it| std::cmp::Reverse(rank(it.flag)));
    findings.truncate(TOP_MAX);
    findings
}

/// FAIL before SUSPECT before the others.
fn rank(flag: u8) -> u8 {
    match flag {
        4 => 2,
        3 => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Value {
        json!({"GroupID": "g", "StreamID": "s", "QCPID": "p", "StartTime": "t#p"})
    }

    #[test]
    fn what_a_catcher_makes_is_a_process_that_failed() {
        let mut caught = run();
        let members =
            json!({"ProcessName": "QCProcess2", "Process2Pass": 0, "Error": "Data", "Cause": "x"});
        caught.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let result: ProcessResult = serde_json::from_value(caught).unwrap();
        assert_eq!(result.process(), Some(2));
        assert!(!result.has_passed());
        assert!(matches!(result.outcome, Outcome::Failed { ref error, .. } if error == "Data"));
    }

    #[test]
    fn a_result_is_read_as_it_was_written() {
        let checked = Checked {
            rows: 3,
            worst_flag: Some(4),
            evaluated: 3,
            counts: [("1".to_owned(), 2), ("4".to_owned(), 1)].into(),
            tests: Vec::new(),
            reasons: Vec::new(),
            unable: Vec::new(),
            details_written: 1,
            details_truncated: false,
            top: Vec::new(),
        };
        let run = serde_json::from_value(run()).unwrap();
        let written = json!(ProcessResult::checked(1, run, true, checked));
        assert_eq!(written["Process1Pass"], 1);
        assert_eq!(written["Counts"], json!({"1": 2, "4": 1}));
        let read: ProcessResult = serde_json::from_value(written.clone()).unwrap();
        assert!(read.has_passed());
        assert_eq!(json!(read), written);
    }
}
