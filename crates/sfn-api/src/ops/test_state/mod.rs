//! `TestState`. Source: API reference, "TestState"; Developer Guide, "Testing state machines with TestState API".
//!
//! ```json
//! {
//!   "definition": "{\"Type\": \"Task\", \"Resource\": \"arn:aws:states:::lambda:invoke\", ...}",
//!   "input": "{}",
//!   "inspectionLevel": "DEBUG",
//!   "mock": { "result": "{\"Payload\": 1}", "fieldValidationMode": "STRICT" }
//! }
//! ```
//!
//! Left to others: what the state does (`stepwell_engine::testing`).

mod answer;
mod context;
mod definition;
mod mock;
mod model;
mod request;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use stepwell_asl::model::{Resource, State, StateKind};
use stepwell_asl::variable::Assigned;
use stepwell_engine::testing::Test;
use stepwell_engine::{Error, Handle, Payload};

use self::answer::Response;
use self::definition::Found;
use self::request::Configuration;
pub(crate) use self::request::Request;
use crate::error::ApiError;

pub(crate) async fn handle(engine: &Handle, request: Request) -> Result<Response, ApiError> {
    let request = request.checked()?;
    let found = definition::find(&request.definition, request.state_name.as_deref())?;
    let input = request.input.unwrap_or_else(|| "{}".to_owned());
    let data = Payload::parse(&input)
        .map_err(|error| Error::InvalidExecutionInput { reason: error.to_string() })?;
    let variables = variables(request.variables.as_deref())?;
    let state = found.machine.state(found.state);
    let mock = request.mock.map(|mock| mock::read(mock, state)).transpose()?;
    if mock.is_none() {
        check_without_mock(state, request.role_arn.is_some())?;
    }
    let context = request.context.as_deref().map(|text| context::read(text, state)).transpose()?;
    let read_items = request.configuration.items_for(&found)?;
    let Configuration { retrier_retry_count, map_iteration_failure_count, .. } =
        request.configuration;
    let test = Test {
        machine: Arc::clone(&found.machine),
        state: found.state,
        input: data,
        variables,
        context,
        role_arn: request.role_arn,
        retries: retrier_retry_count.unwrap_or_default().unsigned_abs(),
        failed_iterations: map_iteration_failure_count.map(i64::unsigned_abs),
        read_items,
    };
    let report = engine.test_state(test, mock).await?;
    Ok(Response::new(report, &input, request.level))
}

/// `{"name": <value>}`
fn variables(text: Option<&str>) -> Result<Assigned, ApiError> {
    let Some(text) = text else { return Ok(BTreeMap::new()) };
    let values = json_object(text)
        .ok_or_else(|| ApiError::validation("Variables must be a valid JSON object"))?;
    Ok(values.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
}

fn json_object(text: &str) -> Option<Map<String, Value>> {
    match stepwell_asl::json::parse(text) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// What is tested without a mock: everything but Map and Parallel states and work that goes on by itself; a task needs
/// a role.
fn check_without_mock(state: &State, has_role: bool) -> Result<(), ApiError> {
    let needs_mock = |what: &str| {
        Err(ApiError::validation(format!("{what} is not supported when a mock is not specified")))
    };
    match &state.kind {
        StateKind::Map(_) => needs_mock("State type 'Map'"),
        StateKind::Parallel(_) => needs_mock("State type 'Parallel'"),
        StateKind::Task(task) => match &task.resource {
            Resource::Activity(_) => needs_mock("An activity"),
            Resource::Service { action, .. } if pattern(action).is_some() => {
                needs_mock("A '.sync' or '.waitForTaskToken' service integration pattern")
            }
            _ if has_role => Ok(()),
            _ => Err(ApiError::validation("RoleArn must be specified when testing a Task state")),
        },
        _ => Ok(()),
    }
}

/// `sync`, `sync:2` or `waitForTaskToken`
fn pattern(action: &str) -> Option<&str> {
    action.split_once('.').map(|(_, pattern)| pattern)
}

impl Configuration {
    /// What the `ItemReader` of the state is said to have read.
    ///
    /// # Errors
    /// `ValidationException` for a member that means nothing to the state.
    fn items_for(&self, found: &Found) -> Result<Option<stepwell_asl::Data>, ApiError> {
        let state = found.machine.state(found.state);
        let map = match &state.kind {
            StateKind::Map(map) => Some(map),
            _ => None,
        };
        let is_fork = matches!(state.kind, StateKind::Map(_) | StateKind::Parallel(_));
        let only_for = |member: &str, what: &str| {
            Err(ApiError::validation(format!(
                "stateConfiguration.{member} can only be specified for {what}"
            )))
        };
        if self.map_iteration_failure_count.is_some() && map.is_none() {
            return only_for("mapIterationFailureCount", "a Map state");
        }
        if let Some(name) = &self.error_caused_by_state {
            if !is_fork {
                return only_for("errorCausedByState", "a Map or Parallel state");
            }
            found.check_inside(name)?;
        }
        let Some(text) = &self.map_item_reader_data else { return Ok(None) };
        let distributed = map.and_then(|map| map.distributed.as_ref());
        if distributed.is_none_or(|distributed| distributed.reader.is_none()) {
            return only_for("mapItemReaderData", "a Map state with an ItemReader");
        }
        // What is no JSON, such as CSV, is shown nowhere and has no items to count.
        Ok(Some(Arc::new(stepwell_asl::json::parse(text).unwrap_or_default())))
    }
}
