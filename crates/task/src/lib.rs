//! The port between the engine and the world: what the engine asks for, and what comes back.
//!
//! The engine calls it; built-in functions, function processes and service integrations implement it;
//! neither side knows the other, only the binary joins them.
//!
//! Delivery is **at least once**: after a crash a task that was in flight is dispatched again with the same
//! [`IdempotencyKey`]. Handlers must make a repeated call harmless.
//!
//! Who waits for what is the engine's business, and the suffix of the `Resource` says it ([`Pattern`]):
//!
//! | Pattern | What the handler does | What the engine does |
//! | --- | --- | --- |
//! | request response | the request; its response is the outcome | records `TaskSucceeded` |
//! | `.waitForTaskToken` | the same plain request | records the response as `TaskSubmitted`, then waits for whoever sends the task token |
//! | `.sync`, `.sync:2` | starts the job, says [`Job::submit`], waits for its end | records `TaskSubmitted`, then the outcome |
//!
//! Activities need no handler: the engine gives them to the workers that ask.

mod execution_logs;
pub mod invoke;
mod job;
mod map_data;
mod members;
mod pattern;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use execution_logs::{ExecutionLogs, LogLine, LogsUnavailable};
pub use job::Job;
pub use map_data::{ChildResult, ItemSource, Items, MapData, ResultDestination, Results};
pub use members::{Members, Misfit};
pub use pattern::Pattern;

/// An error with its causes in one line, each once: many errors repeat their source in their own text.
///
/// For causes of failed tasks and for logs, where the words of the network or the disk are the ones that help.
pub fn in_one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        source = cause.source();
    }
    text
}

/// One task that a Task state scheduled.
#[derive(Debug, Clone)]
pub struct TaskRequest {
    /// The execution it belongs to.
    pub execution_arn: Arc<str>,
    /// The name of the Task state.
    pub state_name: Arc<str>,
    /// What does the work: a Lambda function ARN, an activity ARN or `arn:aws:states:::service:action`.
    pub resource: Arc<str>,
    /// The effective input (Lambda ARN) or the evaluated `Parameters` (service integration).
    pub parameters: Arc<Value>,
    /// The same for every delivery of this attempt, different for every other attempt.
    pub key: IdempotencyKey,
    /// When the engine will give up on it, if the state has a time-out.
    pub deadline: Option<SystemTime>,
    /// The longest silence allowed, if the state has a heartbeat.
    pub heartbeat: Option<Duration>,
    /// Where the handler says that it is still alive.
    pub pulse: Pulse,
    /// What a `.sync` handler says of its job.
    pub job: Job,
}

/// Tells the engine that a task is still alive, so that its `HeartbeatSeconds` count anew.
///
/// Cheap to clone and to call from anywhere in a handler; a state without a heartbeat ignores it.
#[derive(Clone)]
pub struct Pulse(Arc<dyn Fn() + Send + Sync>);

impl Pulse {
    /// A pulse that calls `beat` each time.
    pub fn new(beat: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(beat))
    }

    /// A pulse that nobody listens to.
    pub fn silent() -> Self {
        Self::new(|| {})
    }

    /// Says that the task is still alive.
    pub fn beat(&self) {
        (self.0)();
    }
}

impl std::fmt::Debug for Pulse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pulse")
    }
}

/// Names one attempt of one task for ever: `<execution ARN>#<id of the scheduled event>`.
///
/// A retry is a new scheduled event, so it has a new key; a second delivery after a crash has the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// The key of the task that was scheduled by event `scheduled_event_id` of an execution.
    pub fn new(execution_arn: &str, scheduled_event_id: u64) -> Self {
        Self(format!("{execution_arn}#{scheduled_event_id}").into())
    }

    /// The key of a task whose execution begins anew in another process: `<execution ARN>#<id>-<life>`. The same event is
    /// another task in another `life`.
    pub fn of_life(execution_arn: &str, scheduled_event_id: u64, life: u64) -> Self {
        Self(format!("{execution_arn}#{scheduled_event_id}-{life:016x}").into())
    }

    /// The text of the key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskOutcome {
    /// With a result.
    Succeeded(Arc<Value>),
    /// With an error that `Retry` and `Catch` can match.
    Failed(TaskFailure),
}

/// An error of a task, as `Retry` and `Catch` see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The error name, for instance `Lambda.TooManyRequestsException` or a handler's own.
    pub error: String,
    /// The text for people; for functions JSON: `{"errorMessage":...,"errorType":...}`.
    pub cause: Option<String>,
}

/// Does the work of one kind of resource.
#[async_trait]
pub trait TaskHandler: Send + Sync {
    /// Does one task. Called again with the same key if the process died before the outcome was recorded.
    ///
    /// `stop` is cancelled when the outcome is no longer wanted: the execution was stopped, the state timed
    /// out, or the engine shuts down. A handler then saves what it must and returns.
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome;
}

/// Finds the handler of a resource.
pub trait TaskRouter: Send + Sync {
    /// The handler of a `Resource` as written in a definition, with the suffix of its [`Pattern`]. Activities are
    /// not asked for.
    ///
    /// # Errors
    /// [`Unsupported`] when nothing here does that work. The engine asks when a state machine is created,
    /// so that an unsupported integration is refused then and not at 3 a.m.
    fn route(&self, resource: &str) -> Result<Arc<dyn TaskHandler>, Unsupported>;

    /// What of these members does not fit a resource that [`route`](Self::route) serves: `["QueueUrl", "MessageBody"]` of
    /// `arn:aws:states:::sqs:sendMessage`. Asked when a state machine is created, with the names that its definition gives.
    fn misfits(&self, _resource: &str, _given: &[&str]) -> Vec<Misfit> {
        Vec::new()
    }

    /// Where executions write their logs, if anybody keeps log groups here.
    fn execution_logs(&self) -> Option<Arc<dyn ExecutionLogs>> {
        None
    }

    /// Who reads the items and writes the results of Map runs, if anybody does here.
    fn map_data(&self) -> Option<Arc<dyn MapData>> {
        None
    }
}

/// Nothing here does the work of this resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the resource `{resource}` is not supported: {reason}")]
pub struct Unsupported {
    /// The resource as written.
    pub resource: String,
    /// Why, and what is supported instead.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Nested {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    #[test]
    fn a_cause_that_is_told_already_is_not_told_again() {
        let because = |text, source| Nested { text, source: Some(Box::new(source)) };
        let full = Nested { text: "disk full", source: None };
        let error = because("no backup", because("failed to write: disk full", full));
        assert_eq!(in_one_line(&error), "no backup: failed to write: disk full");
    }

    #[test]
    fn a_key_names_the_attempt() {
        assert_eq!(IdempotencyKey::new("arn:e", 7).as_str(), "arn:e#7");
        assert_ne!(IdempotencyKey::new("arn:e", 7), IdempotencyKey::new("arn:e", 8));
    }

    #[test]
    fn every_clone_of_a_pulse_beats() {
        let beats = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&beats);
        let pulse = Pulse::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        pulse.clone().beat();
        pulse.beat();
        assert_eq!(beats.load(Ordering::Relaxed), 2);
        Pulse::silent().beat();
    }
}
