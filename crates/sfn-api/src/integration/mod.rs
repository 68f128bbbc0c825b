//! Step Functions as a service that Task states call: `states:startExecution` in all its patterns, and
//! `aws-sdk:sfn:<operation>`. Both are the operations of the API, as an HTTP client would call them.
//!
//! ```text
//! {"StateMachineArn": "...", "Input": {"key": 1}}   the parameters of a task
//! {"stateMachineArn": "...", "input": "{\"key\":1}"}   the request of the operation
//! ```
//!
//! Left to others: what the operations do ([`crate::ops`]), waiting for task tokens (the engine).

mod failure;
mod members;
mod metadata;
mod nested;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use stepwell_engine::Handle;
use stepwell_task::{Pattern, TaskHandler, TaskOutcome, TaskRequest, Unsupported};
use tokio_util::sync::CancellationToken;

use crate::dispatch;
use members::Dates;

const START_EXECUTION: &str = "arn:aws:states:::states:startExecution";
const SDK: &str = "arn:aws:states:::aws-sdk:sfn:";

/// The handler of Task states that call Step Functions.
///
/// It is made before the engine, which wants a router of all handlers, and [connected](Self::connect) after.
#[derive(Debug, Default)]
pub struct Integration {
    engine: OnceLock<Handle>,
}

impl Integration {
    /// One that is not connected yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Says which engine serves the calls. The first one counts.
    pub fn connect(&self, engine: Handle) {
        // A second engine would be a mistake of the wiring, and harmless.
        let _ = self.engine.set(engine);
    }

    /// The handler of a `Resource`; nothing if it is not of Step Functions.
    ///
    /// # Errors
    /// [`Unsupported`] for an operation that is not served, or a pattern that AWS does not have for it.
    pub fn route(
        self: &Arc<Self>,
        resource: &str,
    ) -> Option<Result<Arc<dyn TaskHandler>, Unsupported>> {
        let (plain, pattern) = Pattern::split(resource);
        if plain == START_EXECUTION {
            return Some(Ok(Arc::clone(self) as _));
        }
        let operation = members::upper(plain.strip_prefix(SDK)?);
        let refuse = |reason: &str| {
            Some(Err(Unsupported { resource: resource.to_owned(), reason: reason.to_owned() }))
        };
        match pattern {
            Pattern::RunJob | Pattern::RunJobParsed => refuse("`aws-sdk` has no `.sync`"),
            _ if !dispatch::serves(&operation) => refuse("the operation is not served"),
            Pattern::RequestResponse | Pattern::WaitForTaskToken => Some(Ok(Arc::clone(self) as _)),
        }
    }

    /// `aws-sdk:sfn:<operation>`
    async fn call(&self, engine: &Handle, operation: &str, request: &TaskRequest) -> TaskOutcome {
        let answered = match operation {
            "StartExecution" => nested::start_once(engine, request).await,
            "RedriveExecution" => nested::redrive_once(engine, request).await,
            _ => nested::asked(engine, operation, &members::request(&request.parameters)).await,
        };
        match answered {
            Ok(response) => {
                TaskOutcome::Succeeded(Arc::new(members::response(response, Dates::Text)))
            }
            Err(error) => TaskOutcome::Failed(failure::of_sdk(&error)),
        }
    }
}

#[async_trait]
impl TaskHandler for Integration {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        let Some(engine) = self.engine.get() else {
            return TaskOutcome::Failed(failure::task_failed("no engine is connected".to_owned()));
        };
        let (plain, pattern) = Pattern::split(&request.resource);
        let Some(action) = plain.strip_prefix(SDK) else {
            return nested::run(engine, &request, pattern, stop).await;
        };
        let operation = members::upper(action);
        tokio::select! {
            outcome = self.call(engine, &operation, &request) => outcome,
            () = stop.cancelled() => TaskOutcome::Failed(failure::task_failed("stopped".to_owned())),
        }
    }
}
