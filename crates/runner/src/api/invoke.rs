//! `Invoke`: now, later, or only asked whether.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::arn::{LATEST, Target};
use crate::error::Refusal;
use crate::function::LIMITS;
use crate::invocation::{Invocation, Invoked};
use crate::runner::Runner;
use crate::shared::check_payload;
use crate::task::client_context;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Qualified {
    qualifier: Option<String>,
}

pub(super) async fn invoke(
    State(runner): State<Runner>,
    Path(name): Path<String>,
    Query(query): Query<Qualified>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refusal> {
    let target = Target::parse(&name)?.qualified(query.qualifier.as_deref())?;
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let invocation = invocation(header("x-amz-client-context"), body)?;
    match header("x-amz-invocation-type").unwrap_or("RequestResponse") {
        "RequestResponse" => {
            let invoked = invoke_to_the_end(runner, target, invocation).await?;
            Ok(answered(invoked, header("x-amz-log-type") == Some("Tail")))
        }
        "Event" => {
            let id = Uuid::new_v4();
            runner.invoke_later(&target, &invocation, id).await?;
            Ok(empty(StatusCode::ACCEPTED, &id.to_string()))
        }
        "DryRun" => {
            runner.function(&target)?;
            check_payload(&invocation, LIMITS.payload_bytes_max)?;
            Ok(empty(StatusCode::NO_CONTENT, &Uuid::new_v4().to_string()))
        }
        other => Err(Refusal::constraint(
            "invocationType",
            other,
            "Member must satisfy enum value set: [Event, DryRun, RequestResponse]",
        )),
    }
}

/// A caller that goes away, or waits no longer, does not end the invocation; nor does it on AWS.
async fn invoke_to_the_end(
    runner: Runner,
    target: Target,
    invocation: Invocation,
) -> Result<Invoked, Refusal> {
    let running = tokio::spawn(async move {
        runner.invoke(&target, &invocation, &CancellationToken::new()).await
    });
    running.await.unwrap_or_else(|_| Err(Refusal::service("the invocation broke off")))
}

fn invocation(
    context: Option<&str>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Invocation, Refusal> {
    let bytes_max = LIMITS.payload_bytes_max;
    let payload = body.map_err(|_| Refusal::payload_too_large(bytes_max + 1, bytes_max))?;
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    Ok(Invocation { payload, client_context: client_context(context)? })
}

fn answered(invoked: Invoked, wants_log: bool) -> Response {
    let mut response = (StatusCode::OK, invoked.payload).into_response();
    let headers = response.headers_mut();
    let mut told = vec![
        (header::CONTENT_TYPE.as_str(), "application/json".to_owned()),
        ("x-amzn-requestid", invoked.request_id),
        ("x-amz-executed-version", LATEST.to_owned()),
    ];
    told.extend(invoked.error_type.map(|_| ("x-amz-function-error", "Unhandled".to_owned())));
    told.extend(wants_log.then(|| ("x-amz-log-result", STANDARD.encode(&invoked.log_tail))));
    for (name, value) in told {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    response
}

fn empty(status: StatusCode, request_id: &str) -> Response {
    let headers = [("x-amzn-requestid", request_id)];
    (status, headers).into_response()
}
