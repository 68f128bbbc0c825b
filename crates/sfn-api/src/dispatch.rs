//! From a request to an operation and back.

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stepwell_engine::Handle;
use uuid::Uuid;

use crate::error::ApiError;
use crate::ops;

const TARGET: &str = "x-amz-target";
const REQUEST_ID: &str = "x-amzn-requestid";
const CONTENT: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// Serves one request.
pub(crate) async fn serve(
    State(engine): State<Handle>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    #[expect(clippy::disallowed_methods, reason = "a request has its id from here on")]
    let request_id = Uuid::new_v4().to_string();
    let answer = match operation(&headers).and_then(|name| Ok((name, readable(body)?))) {
        Ok((name, body)) => perform(name, &engine, &body).await,
        Err(error) => Err(error),
    };
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => {
            error.log(&request_id);
            (error.status(), error.body())
        }
    };
    let request_id = HeaderValue::from_str(&request_id).expect("a UUID is a header value");
    let headers =
        [(CONTENT_TYPE, CONTENT), (REQUEST_ID.parse().expect("a header name"), request_id)];
    (status, headers, body).into_response()
}

/// The operation that the headers ask for.
///
/// A page in somebody's browser can reach a loopback port. It cannot send `X-Amz-Target` or a JSON content
/// type to another origin without asking first, and nobody answers that question here. A name that was
/// re-bound to loopback shows in `Host`.
fn operation(headers: &HeaderMap) -> Result<&str, ApiError> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if is_of_a_page(headers) {
        return Err(ApiError::access_denied("requests of web pages are not served"));
    }
    if !text(CONTENT_TYPE.as_str())
        .is_some_and(|content| content.starts_with("application/x-amz-json-1."))
    {
        return Err(ApiError::serialization("the content type must be application/x-amz-json-1.0"));
    }
    text(TARGET)
        .and_then(|target| target.strip_prefix("AWSStepFunctions."))
        .ok_or_else(|| ApiError::unknown_operation(text(TARGET).unwrap_or_default()))
}

/// Whether a request comes of a page in a browser: it names an origin or, without one, says how a browser came to it, or it
/// names a host that is no address, as one does whose name was bound to this machine.
pub fn is_of_a_page(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    headers.contains_key(ORIGIN)
        || headers.contains_key(FETCH_SITE)
        || !host.is_some_and(is_plain_host)
}

/// Only browsers send it, with every request that they make to loopback.
const FETCH_SITE: &str = "sec-fetch-site";

/// An IP address, `localhost` or a name below it.
fn is_plain_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.ends_with(".localhost") || bare.parse::<std::net::IpAddr>().is_ok()
}

fn readable(body: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::request_too_large(),
        _ => ApiError::serialization("the body could not be read"),
    })
}

/// Whether an operation is served.
pub(crate) fn serves(operation: &str) -> bool {
    OPERATIONS.contains(&operation)
}

/// Performs an operation: a request in AWS JSON, and its response.
pub(crate) async fn perform(
    operation: &str,
    engine: &Handle,
    body: &[u8],
) -> Result<Vec<u8>, ApiError> {
    match operation {
        "CreateStateMachine" => call(engine, body, ops::create_state_machine::handle).await,
        "DeleteStateMachine" => call(engine, body, ops::delete_state_machine::handle).await,
        "DescribeExecution" => call(engine, body, ops::describe_execution::handle).await,
        "DescribeMapRun" => call(engine, body, ops::describe_map_run::handle).await,
        "ListMapRuns" => call(engine, body, ops::list_map_runs::handle).await,
        "UpdateMapRun" => call(engine, body, ops::update_map_run::handle).await,
        "DescribeStateMachine" => call(engine, body, ops::describe_state_machine::handle).await,
        "DescribeStateMachineForExecution" => {
            call(engine, body, ops::describe_state_machine_for_execution::handle).await
        }
        "GetExecutionHistory" => call(engine, body, ops::get_execution_history::handle).await,
        "ListExecutions" => call(engine, body, ops::list_executions::handle).await,
        "ListStateMachines" => call(engine, body, ops::list_state_machines::handle).await,
        "RedriveExecution" => call(engine, body, ops::redrive_execution::handle).await,
        "StartExecution" => call(engine, body, ops::start_execution::handle).await,
        "StartSyncExecution" => call(engine, body, ops::start_sync_execution::handle).await,
        "StopExecution" => call(engine, body, ops::stop_execution::handle).await,
        "TestState" => call(engine, body, ops::test_state::handle).await,
        "UpdateStateMachine" => call(engine, body, ops::update_state_machine::handle).await,
        "ValidateStateMachineDefinition" => {
            call(engine, body, ops::validate_state_machine_definition::handle).await
        }
        "CreateActivity" => call(engine, body, ops::create_activity::handle).await,
        "DeleteActivity" => call(engine, body, ops::delete_activity::handle).await,
        "DescribeActivity" => call(engine, body, ops::describe_activity::handle).await,
        "GetActivityTask" => call(engine, body, ops::get_activity_task::handle).await,
        "ListActivities" => call(engine, body, ops::list_activities::handle).await,
        "SendTaskFailure" => call(engine, body, ops::send_task_failure::handle).await,
        "SendTaskHeartbeat" => call(engine, body, ops::send_task_heartbeat::handle).await,
        "SendTaskSuccess" => call(engine, body, ops::send_task_success::handle).await,
        "PublishStateMachineVersion" => {
            call(engine, body, ops::publish_state_machine_version::handle).await
        }
        "ListStateMachineVersions" => {
            call(engine, body, ops::list_state_machine_versions::handle).await
        }
        "DeleteStateMachineVersion" => {
            call(engine, body, ops::delete_state_machine_version::handle).await
        }
        "CreateStateMachineAlias" => {
            call(engine, body, ops::create_state_machine_alias::handle).await
        }
        "UpdateStateMachineAlias" => {
            call(engine, body, ops::update_state_machine_alias::handle).await
        }
        "DeleteStateMachineAlias" => {
            call(engine, body, ops::delete_state_machine_alias::handle).await
        }
        "DescribeStateMachineAlias" => {
            call(engine, body, ops::describe_state_machine_alias::handle).await
        }
        "ListStateMachineAliases" => {
            call(engine, body, ops::list_state_machine_aliases::handle).await
        }
        "TagResource" => call(engine, body, ops::tag_resource::handle).await,
        "UntagResource" => call(engine, body, ops::untag_resource::handle).await,
        "ListTagsForResource" => call(engine, body, ops::list_tags_for_resource::handle).await,
        other => Err(ApiError::unknown_operation(other)),
    }
}

async fn call<Request: DeserializeOwned, Response: Serialize>(
    engine: &Handle,
    body: &[u8],
    handle: impl AsyncFnOnce(&Handle, Request) -> Result<Response, ApiError>,
) -> Result<Vec<u8>, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    let request =
        serde_json::from_slice(body).map_err(|error| ApiError::serialization(error.to_string()))?;
    let response = handle(engine, request).await?;
    Ok(serde_json::to_vec(&response).expect("responses are plain data with text keys"))
}

/// The operations of AWS Step Functions.
const OPERATIONS: &[&str] = &[
    "CreateActivity",
    "CreateStateMachine",
    "CreateStateMachineAlias",
    "DeleteActivity",
    "DeleteStateMachine",
    "DeleteStateMachineAlias",
    "DeleteStateMachineVersion",
    "DescribeActivity",
    "DescribeExecution",
    "DescribeMapRun",
    "DescribeStateMachine",
    "DescribeStateMachineAlias",
    "DescribeStateMachineForExecution",
    "GetActivityTask",
    "GetExecutionHistory",
    "ListActivities",
    "ListExecutions",
    "ListMapRuns",
    "ListStateMachineAliases",
    "ListStateMachineVersions",
    "ListStateMachines",
    "ListTagsForResource",
    "PublishStateMachineVersion",
    "RedriveExecution",
    "SendTaskFailure",
    "SendTaskHeartbeat",
    "SendTaskSuccess",
    "StartExecution",
    "StartSyncExecution",
    "StopExecution",
    "TagResource",
    "TestState",
    "UntagResource",
    "UpdateMapRun",
    "UpdateStateMachine",
    "UpdateStateMachineAlias",
    "ValidateStateMachineDefinition",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_aws_is_known() {
        assert_eq!(OPERATIONS.len(), 37);
    }

    #[test]
    fn a_name_that_may_be_rebound_is_no_plain_host() {
        for host in ["127.0.0.1:4566", "localhost", "localhost:80", "[::1]:4566", "sfn.localhost:1"]
        {
            assert!(is_plain_host(host), "{host}");
        }
        for host in ["evil.example", "evil.example:4566", "127.0.0.1.evil.example", ""] {
            assert!(!is_plain_host(host), "{host}");
        }
    }
}
