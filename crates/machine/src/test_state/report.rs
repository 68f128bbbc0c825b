//! What a test tells: how the state ended, and what was seen on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use stepwell_asl::Data;
use stepwell_asl::eval::Stage;
use stepwell_asl::model::StateKind;
use stepwell_asl::variable::Assigned;

use super::{Stages, Test};
use crate::event::{Entry, Event};
use crate::failure::Failure;
use crate::{catch, retry};

/// How a state under test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are AWS's own")]
pub enum Status {
    Succeeded,
    Failed,
    Retriable,
    CaughtError,
}

/// What a test tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How the state ended.
    pub status: Status,
    /// Its output, or that of its Catcher.
    pub output: Option<Data>,
    /// The error name of a failure, handled or not.
    pub error: Option<String>,
    /// Its cause.
    pub cause: Option<String>,
    /// The state that would be next.
    pub next: Option<Arc<str>>,
    /// What the stages of the data flow gave, those that AWS shows for a state of this type.
    pub stages: BTreeMap<Stage, Value>,
    /// The variables as they are afterwards.
    pub variables: Assigned,
    /// Who is for the failure.
    pub error_details: ErrorDetails,
}

/// Which Retrier and Catcher are for a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErrorDetails {
    /// The Catcher that was taken.
    pub catch_index: Option<usize>,
    /// The Retrier that is for it, used up or not.
    pub retry_index: Option<usize>,
    /// After how many seconds it is tried again.
    pub retry_backoff_seconds: Option<u64>,
}

pub(super) fn of(
    test: &Test,
    stages: &Stages,
    failure: Option<Failure>,
    entries: &[Entry],
    now: Timestamp,
) -> Report {
    let kind = &test.machine.state(test.state).kind;
    let shown = stages.0.iter().filter(|(stage, _)| shows(kind, **stage));
    let mut report = Report {
        status: if failure.is_some() { Status::Failed } else { Status::Succeeded },
        output: None,
        error: None,
        cause: None,
        next: None,
        stages: shown.map(|(stage, value)| (*stage, value.clone())).collect(),
        variables: test.variables.clone(),
        error_details: ErrorDetails::default(),
    };
    if let Some(failure) = failure {
        report.failed(kind, failure);
    }
    for entry in entries {
        report.read(test, &entry.event, now);
    }
    report
}

impl Report {
    fn failed(&mut self, kind: &StateKind, failure: Failure) {
        self.error_details.retry_index = retry::position(kind, &failure);
        self.error_details.catch_index = catch::position(kind, &failure);
        self.error = failure.error;
        self.cause = failure.cause;
    }

    /// Takes from an entry what it says of the end.
    fn read(&mut self, test: &Test, event: &Event, now: Timestamp) {
        match event {
            Event::StateExited { output, assigned, next, .. } => {
                self.output = Some(Arc::clone(output));
                self.variables.extend(assigned.clone());
                self.next = (*next).map(|next| Arc::clone(&test.machine.state(next).name));
                if self.status == Status::Failed {
                    self.status = Status::CaughtError;
                }
            }
            Event::RetryScheduled { due, .. } => {
                let seconds = due.duration_since(now).as_secs_f64().round();
                self.status = Status::Retriable;
                self.error_details.retry_backoff_seconds = Some(seconds as u64);
                self.error_details.catch_index = None;
            }
            Event::ExecutionFailed(reason) => {
                self.error.clone_from(&reason.error);
                self.cause.clone_from(&reason.cause);
                self.error_details.catch_index = None;
            }
            _ => {}
        }
    }
}

/// Whether AWS shows a stage for a state of a type, as recorded.
fn shows(kind: &StateKind, stage: Stage) -> bool {
    use Stage::{AfterInputPath, AfterParameters, AfterResultPath, AfterResultSelector};
    match kind {
        StateKind::Pass(_) | StateKind::Task(_) => true,
        StateKind::Map(_) => {
            !matches!(stage, AfterParameters | Stage::AfterArguments | Stage::Result)
        }
        StateKind::Parallel(_) => matches!(stage, AfterResultPath | AfterResultSelector),
        StateKind::Choice(_) | StateKind::Wait(_) | StateKind::Succeed(_) | StateKind::Fail(_) => {
            stage == AfterInputPath
        }
    }
}
