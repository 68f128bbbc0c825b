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

const FUNCTIONS_AT_AWS: &str =
    "with `lambda = \"aws\"` functions are at AWS, and rules invoke those of the project";

#[async_trait]
impl events::Starter for Starter {
    fn lack_of_functions(&self) -> Option<&'static str> {
        (self.lambda == Provider::Aws).then_some(FUNCTIONS_AT_AWS)
    }

    async fn start_execution(
        &self,
        arn: &str,
        name: String,
        input: String,
    ) -> Result<(), ServiceError> {
        let (engine, _) = self.running.get().ok_or_else(ServiceError::internal)?;
        let start = StartExecution { state_machine_arn: arn.to_owned(), name: Some(name), input };
        engine.start_execution(start).await.map(drop).map_err(|error| not_started(&error))
    }

    async fn invoke(&self, arn: &str, id: Uuid, event: String) -> Result<(), ServiceError> {
        // The target may be older than the setting.
        if let Some(lack) = self.lack_of_functions() {
            return Err(ServiceError::sender("InvalidRequestContent", lack).with_status(503));
        }
        let processes = self.running.get().and_then(|(_, processes)| processes.upgrade());
        let runner = processes.as_ref().and_then(|processes| processes.get());
        let runner = runner.ok_or_else(ServiceError::internal)?;
        let invoked =
            async { runner.invoke_later(&Target::parse(arn)?, &Invocation::of(event), id).await };
        invoked.await.map_err(not_taken)
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

fn not_taken(refusal: Refusal) -> ServiceError {
    let Refusal { code, message, status, .. } = refusal;
    // Who is throttled may come later.
    let status = if status == 429 { 503 } else { status };
    ServiceError::sender(code, message).with_status(status)
}

#[cfg(test)]
mod tests {
    use stepwell_integrations::events::Starter as _;

    use super::*;

    #[test]
    fn what_may_start_later_is_told_from_what_is_gone() {
        let status = |error| not_started(&error).status;
        let arn = "arn".to_owned();
        assert_eq!(status(Error::StateMachineDoesNotExist { arn }), 400);
        assert_eq!(status(Error::InvalidExecutionInput { reason: "no".into() }), 400);
        assert_eq!(status(Error::TooManyExecutions { limit: 1 }), 503);
        assert_eq!(status(Error::ShuttingDown), 503);
        assert_eq!(status(Error::Stopped { reason: "disk".into() }), 503);
        let refusal = |status| Refusal {
            code: "TooManyRequestsException",
            status,
            message: "busy".into(),
            reason: None,
        };
        assert_eq!(not_taken(refusal(429)).status, 503);
        assert_eq!(not_taken(refusal(404)).status, 404);
    }

    #[tokio::test]
    async fn a_function_that_is_at_aws_by_now_is_not_taken_for_one_of_the_project() {
        let starter = Starter::new(Provider::Aws);
        let invoked = starter.invoke("arn:aws:lambda:r:1:function:f", Uuid::nil(), "{}".into());
        let error = invoked.await.unwrap_err();
        assert_eq!((error.status, error.message.as_str()), (503, FUNCTIONS_AT_AWS));
        let running = starter.start_execution("arn", "name".into(), "{}".into());
        assert_eq!(running.await.unwrap_err().status, 500, "nothing runs yet");
    }
}
