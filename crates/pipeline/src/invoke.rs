//! Functions behind the port of the engine: `arn:aws:states:::lambda:invoke` on built-in functions.
//!
//! Responsible for: finding the function that `FunctionName` names, giving it its [`Context`], and putting
//! its outcome into the shapes that AWS Lambda gives, also where there is no such function. Left to the engine: retries, time-outs, history.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell_task::{TaskFailure, TaskHandler, TaskOutcome, TaskRequest};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::progress::Progress;
use crate::{AnyFunction, Context, HandlerError, Pipeline};

/// The built-in functions, by name. Does the work of Task states with the resource
/// `arn:aws:states:::lambda:invoke`.
///
/// Takes `{"FunctionName":"stepwell-canvas-sync-table","Payload":{...}}` and gives
/// `{"ExecutedVersion":"$LATEST","Payload":{...},"StatusCode":200}`.
pub struct Functions {
    by_name: BTreeMap<&'static str, Invocable>,
}

/// A function with what its invocations have in common.
pub struct Invocable {
    function: Arc<dyn AnyFunction>,
    slice: Duration,
    progress: Arc<dyn Progress>,
}

/// What somebody asks of a function.
pub struct Invocation {
    /// `{}` where there is nothing to say.
    pub payload: Value,
    /// As [`Context::idempotency_key`].
    pub key: Arc<str>,
    /// When the caller gives up, if ever.
    pub deadline: Option<SystemTime>,
    /// As [`Context::stop`].
    pub stop: CancellationToken,
}

impl Invocable {
    /// Calls the function once.
    ///
    /// # Errors
    /// Those of the function; [`HandlerError::Fatal`] if it panics.
    pub async fn invoke(&self, invocation: Invocation) -> Result<Value, HandlerError> {
        let Invocation { payload, key, deadline, stop } = invocation;
        let slice_ends = Instant::now() + slice(self.slice, deadline.map(time_until));
        let progress = Arc::clone(&self.progress);
        let ctx = Context { idempotency_key: key, slice_ends, stop, progress };
        let function = Arc::clone(&self.function);
        // A task of its own, so that a panic fails this one invocation and nothing else.
        let work = tokio::spawn(async move { function.call_json(&payload, &ctx).await });
        AbortOnDropHandle::new(work).await.unwrap_or_else(|panic| {
            let name = self.function.name();
            Err(HandlerError::Fatal(format!("the function `{name}` panicked: {panic}")))
        })
    }
}

impl Functions {
    /// The functions of these pipelines, which tell their progress to `progress`.
    pub fn new<'p>(
        pipelines: impl IntoIterator<Item = &'p Pipeline>,
        progress: Arc<dyn Progress>,
    ) -> Self {
        let of = |pipeline: &'p Pipeline| pipeline.functions.iter().map(|it| (it, pipeline.slice));
        let invocable = move |(function, slice): (&Arc<dyn AnyFunction>, _)| {
            let (function, progress) = (Arc::clone(function), Arc::clone(&progress));
            (function.name(), Invocable { function, slice, progress })
        };
        Self { by_name: pipelines.into_iter().flat_map(of).map(invocable).collect() }
    }

    /// The function that the parameters of a task name, if there is one.
    pub fn named(&self, parameters: &Value) -> Option<&'static str> {
        let name = parameters.get("FunctionName")?.as_str()?;
        self.by_name.get_key_value(bare_name(name)).map(|(known, _)| *known)
    }

    /// The function with a name, if there is one: `stepwell-canvas-sync-table`.
    pub fn find(&self, name: &str) -> Option<&Invocable> {
        self.by_name.get(name)
    }

    /// The names of all functions.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by_name.keys().copied()
    }

    /// As AWS names it.
    fn not_found(&self, function_name: &str) -> TaskOutcome {
        let known: Vec<_> = self.names().collect();
        TaskOutcome::Failed(TaskFailure {
            error: "Lambda.ResourceNotFoundException".to_owned(),
            cause: Some(format!(
                "Function not found: {function_name}; the functions here are: {}",
                known.join(", ")
            )),
        })
    }
}

#[async_trait]
impl TaskHandler for Functions {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        let Some(name) = request.parameters.get("FunctionName").and_then(Value::as_str) else {
            return failed(&HandlerError::Config(format!(
                "the state `{}` names no `FunctionName` in its `Parameters`",
                request.state_name
            )));
        };
        let Some(function) = self.find(bare_name(name)) else { return self.not_found(name) };
        let payload = request.parameters.get("Payload").cloned().unwrap_or_else(|| json!({}));
        let key = request.key.as_str().into();
        let invocation = Invocation { payload, key, deadline: request.deadline, stop };
        match function.invoke(invocation).await {
            Ok(payload) => TaskOutcome::Succeeded(Arc::new(
                json!({"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200}),
            )),
            Err(error) => failed(&error),
        }
    }
}

/// The failure as Lambda tells it: the error name, and a cause in JSON.
fn failed(error: &HandlerError) -> TaskOutcome {
    let cause = json!({"errorMessage": error.to_string(), "errorType": error.name()});
    TaskOutcome::Failed(TaskFailure {
        error: error.name().to_owned(),
        cause: Some(cause.to_string()),
    })
}

/// `name` of `name`, `name:alias`, `123:function:name` or `arn:aws:lambda:region:123:function:name:alias`.
fn bare_name(function_name: &str) -> &str {
    let after = function_name.rsplit_once("function:").map_or(function_name, |(_, name)| name);
    after.split_once(':').map_or(after, |(name, _qualifier)| name)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the port says deadlines by the clock of the machine"
)]
fn time_until(deadline: SystemTime) -> Duration {
    deadline.duration_since(SystemTime::now()).unwrap_or_default()
}

/// The slice ends well before the caller gives up: a fifth of the time is left for saving the checkpoint.
fn slice(wanted: Duration, time_left: Option<Duration>) -> Duration {
    time_left.map_or(wanted, |left| wanted.min(left * 4 / 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_name_may_be_an_arn() {
        for text in [
            "stepwell-x",
            "stepwell-x:$LATEST",
            "123456789012:function:stepwell-x",
            "arn:aws:lambda:us-east-1:123456789012:function:stepwell-x:live",
        ] {
            assert_eq!(bare_name(text), "stepwell-x", "{text}");
        }
    }

    #[test]
    fn a_slice_leaves_time_before_the_deadline() {
        let second = Duration::from_secs(1);
        assert_eq!(slice(600 * second, None), 600 * second);
        assert_eq!(slice(600 * second, Some(100 * second)), 80 * second);
        assert_eq!(slice(10 * second, Some(100 * second)), 10 * second);
    }
}
