//! Starts what rules of EventBridge name beside queues: state machines and functions of the project.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use stepwell_aws_wire::ServiceError;
use stepwell_engine::{Error, Handle, StartExecution};
use stepwell_integrations::events;
use stepwell_pipeline::surroundings::Provider;
use stepwell_runner::{Invocation, Refusal, Runner, Target};
use uuid::Uuid;

use crate::functions::Processes;

/// The engine and the functions, once they run.
pub(crate) struct Starter {
    lambda: Provider,
    running: OnceLock<(Handle, Weak<OnceLock<Runner>>)>,
}

impl Starter {
    /// `lambda` is who has the functions.
    pub(crate) fn new(lambda: Provider) -> Self {
        Self { lambda, running: OnceLock::new() }
    }

    /// Says what starts executions and invokes functions. The first one counts.
    pub(crate) fn connect(&self, engine: Handle, processes: &Processes) {
        // A second engine would be a mistake of the wiring, and harmless.
        let _ = self.running.set((engine, Arc::downgrade(processes)));
    }
}

#[async_trait]
impl events::Starter for Starter {
    fn refusal(&self, arn: &str) -> Option<String> {
        let is_elsewhere = arn.contains(":lambda:") && self.lambda == Provider::Aws;
        is_elsewhere.then(|| {
            format!("Target {arn} is not supported by stepwell while `lambda = \"aws\"`: rules invoke functions of the project only.")
        })
    }

    async fn start(&self, arn: &str, event_id: &str, input: String) -> Result<(), ServiceError> {
        let running = self.running.get();
        let (engine, processes) = running.ok_or_else(ServiceError::internal)?;
        if arn.contains(":lambda:") {
            let processes = processes.upgrade();
            let runner = processes.as_ref().and_then(|processes| processes.get());
            return invoke(runner.ok_or_else(ServiceError::internal)?, arn, input).await;
        }
        let start = StartExecution {
            state_machine_arn: arn.to_owned(),
            name: Some(format!("{event_id}_{}", Uuid::new_v4())),
            input,
        };
        engine.start_execution(start).await.map(drop).map_err(|error| not_started(&error))
    }
}

fn not_started(error: &Error) -> ServiceError {
    let refused = ServiceError::sender(error.aws_name(), error.to_string());
    match error {
        Error::TooManyExecutions { .. }
        | Error::ShuttingDown
        | Error::Stopped { .. }
        | Error::Store { .. } => refused.with_status(503),
        _ => refused,
    }
}

async fn invoke(runner: &Runner, arn: &str, event: String) -> Result<(), ServiceError> {
    let invoked = async {
        let target = Target::parse(arn)?;
        runner.invoke_later(&target, &Invocation::of(event), Uuid::new_v4()).await
    };
    invoked.await.map_err(|Refusal { code, message, status, .. }| {
        // Throttled is not gone.
        let status = if status == 429 { 503 } else { status };
        ServiceError::sender(code, message).with_status(status)
    })
}
