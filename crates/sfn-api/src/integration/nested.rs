//! `states:startExecution`: an execution that starts another, and with `.sync` waits for its end.
//!
//! The started one has the name that the parameters give, else one that follows from the task's key: a second
//! delivery of the task finds it again. Once the start is recorded (`TaskSubmitted`) its ARN is.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_asl::WorkflowType;
use stepwell_engine::{Error, Handle};
use stepwell_task::{Pattern, TaskFailure, TaskOutcome, TaskRequest};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::members::{self, Dates};
use super::{failure, metadata};
use crate::dispatch;
use crate::error::ApiError;

/// What only newer recordings of AWS have in the result of `.sync`, older ones not.
const NOT_SHOWN: [&str; 4] =
    ["RedriveCount", "RedriveDate", "RedriveStatus", "RedriveStatusReason"];

pub(super) async fn run(
    engine: &Handle,
    request: &TaskRequest,
    pattern: Pattern,
    stop: CancellationToken,
) -> TaskOutcome {
    let started = match request.job.submitted() {
        Some(response) => Arc::clone(response),
        None => match start(engine, request, pattern).await {
            Ok(response) => Arc::new(response),
            Err(failure) => return TaskOutcome::Failed(failure),
        },
    };
    match pattern {
        Pattern::RequestResponse | Pattern::WaitForTaskToken => TaskOutcome::Succeeded(started),
        Pattern::RunJob | Pattern::RunJobParsed => {
            request.job.submit(Arc::clone(&started));
            let arn = started["ExecutionArn"].as_str().unwrap_or_default();
            wait(engine, request, arn, pattern, stop).await
        }
    }
}

/// The response of `StartExecution`: of the execution that an earlier delivery of the task started, if there was one.
pub(super) async fn start_once(engine: &Handle, request: &TaskRequest) -> Result<Value, ApiError> {
    let mut parameters = members::request(&request.parameters);
    let derives = parameters.is_object() && parameters.get("name").is_none();
    if derives {
        parameters["name"] = name_of(request).into();
    }
    match asked(engine, "StartExecution", &parameters).await {
        // Nobody else takes this name; the execution has ended meanwhile.
        Err(error) if derives && error.name() == "ExecutionAlreadyExists" => {
            let arn = execution_arn(&parameters).ok_or(error)?;
            let found = asked(engine, "DescribeExecution", &json!({ "executionArn": arn })).await?;
            Ok(json!({ "executionArn": arn, "startDate": found["startDate"] }))
        }
        answered => answered,
    }
}

/// The response of `RedriveExecution`: a second delivery of the task redrives nothing again.
pub(super) async fn redrive_once(
    engine: &Handle,
    request: &TaskRequest,
) -> Result<Value, ApiError> {
    let mut parameters = members::request(&request.parameters);
    if parameters.is_object() && parameters.get("clientToken").is_none() {
        parameters["clientToken"] = name_of(request).into();
    }
    asked(engine, "RedriveExecution", &parameters).await
}

/// A name that belongs to this attempt of the task alone, whenever it is delivered.
fn name_of(request: &TaskRequest) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, request.key.as_str().as_bytes()).to_string()
}

/// What an operation answers.
pub(super) async fn asked(
    engine: &Handle,
    operation: &str,
    parameters: &Value,
) -> Result<Value, ApiError> {
    let body = dispatch::perform(operation, engine, parameters.to_string().as_bytes()).await?;
    Ok(serde_json::from_slice(&body).unwrap_or_default())
}

/// The ARN of the execution that these parameters start; the state machine may be named by a version or alias.
fn execution_arn(parameters: &Value) -> Option<String> {
    let (head, machine) = parameters["stateMachineArn"].as_str()?.split_once(":stateMachine:")?;
    let (machine, name) = (machine.split(':').next()?, parameters["name"].as_str()?);
    Some(format!("{head}:execution:{machine}:{name}"))
}

/// Starts the execution and gives the response with its metadata.
async fn start(
    engine: &Handle,
    request: &TaskRequest,
    pattern: Pattern,
) -> Result<Value, TaskFailure> {
    if matches!(pattern, Pattern::RunJob | Pattern::RunJobParsed) {
        check_can_be_waited_for(engine, request).await?;
    }
    let response = start_once(engine, request).await.map_err(|error| failure::of_start(&error))?;
    let mut result = members::response(response.clone(), Dates::Milliseconds);
    let at = started_at(&response);
    metadata::add(&mut result, &response, &failure::request_id(), at);
    Ok(result)
}

/// Nobody can ask how an Express execution ended: a job of it is refused before it starts.
async fn check_can_be_waited_for(
    engine: &Handle,
    request: &TaskRequest,
) -> Result<(), TaskFailure> {
    let parameters = members::request(&request.parameters);
    let arn = parameters["stateMachineArn"].as_str().unwrap_or_default();
    // What is wrong with the ARN is told by the start.
    match engine.describe_state_machine(arn).await {
        Ok(machine) if machine.workflow == WorkflowType::Express => {
            Err(failure::of_start(&Error::StateMachineTypeNotSupported.into()))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

fn started_at(response: &Value) -> Timestamp {
    members::instant("startDate", &response["startDate"]).unwrap_or_default()
}

/// Waits until the started execution has ended. It is stopped if nobody wants its result any more.
async fn wait(
    engine: &Handle,
    request: &TaskRequest,
    arn: &str,
    pattern: Pattern,
    stop: CancellationToken,
) -> TaskOutcome {
    tokio::select! {
        _ = engine.wait(arn) => outcome(engine, arn, pattern).await,
        () = stop.cancelled() => {
            if request.job.is_given_up() {
                // It may have ended by itself at this moment, and then keeps its end.
                let _ = engine.stop_execution(arn, None, None).await;
            }
            TaskOutcome::Failed(failure::task_failed("stopped".to_owned()))
        }
    }
}

async fn outcome(engine: &Handle, arn: &str, pattern: Pattern) -> TaskOutcome {
    let body = json!({ "executionArn": arn }).to_string();
    let described = match dispatch::perform("DescribeExecution", engine, body.as_bytes()).await {
        Ok(body) => serde_json::from_slice(&body).unwrap_or_default(),
        Err(error) => return TaskOutcome::Failed(failure::of_start(&error)),
    };
    let mut described = members::response(described, Dates::Milliseconds);
    if let Some(members) = described.as_object_mut() {
        members.retain(|name, _| !NOT_SHOWN.contains(&name.as_str()));
        if pattern == Pattern::RunJobParsed {
            parse(members, "Input");
            parse(members, "Output");
        }
    }
    if described["Status"] == "SUCCEEDED" {
        TaskOutcome::Succeeded(Arc::new(described))
    } else {
        TaskOutcome::Failed(failure::of_child(&described))
    }
}

/// Replaces JSON as text by what it says.
fn parse(members: &mut serde_json::Map<String, Value>, name: &str) {
    let text = members.get(name).and_then(Value::as_str);
    if let Some(json) = text.and_then(|text| serde_json::from_str(text).ok()) {
        members.insert(name.to_owned(), json);
    }
}
