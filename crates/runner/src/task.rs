//! Functions behind the port of the engine: `arn:aws:states:::lambda:invoke`, and the ARN of a function itself.
//!
//! Left to the engine: retries, time-outs, history.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use stepwell_task::{TaskFailure, TaskHandler, TaskOutcome, TaskRequest, invoke};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::arn::{LATEST, Target};
use crate::error::Refusal;
use crate::invocation::{Invocation, Invoked};
use crate::runner::Runner;

/// Does the tasks that name a function.
///
/// For `arn:aws:states:::lambda:invoke` it takes `{"FunctionName":"qc","Payload":{...}}` and gives
/// `{"ExecutedVersion":"$LATEST","Payload":{...},"SdkHttpMetadata":{...},"SdkResponseMetadata":{...},"StatusCode":200}`;
/// for an ARN the input is the payload, and the payload the whole result.
#[derive(Clone)]
pub struct Functions {
    runner: Runner,
}

/// What a task asks for.
struct Ask {
    target: Target,
    invocation: Invocation,
    is_event: bool,
    /// The same when the task is dispatched again.
    event_id: Uuid,
    wants_log: bool,
    /// Whether the resource is the function.
    is_direct: bool,
}

impl Ask {
    /// What Step Functions asks for without a qualifier is `$LATEST`, and so it is told, as recorded.
    fn told(&self, refusal: Refusal) -> Refusal {
        if self.is_direct || self.target.qualifier.is_some() {
            refusal
        } else {
            refusal.of_latest()
        }
    }
}

impl Functions {
    /// The functions of a runner.
    pub fn new(runner: Runner) -> Self {
        Self { runner }
    }

    async fn invoke(&self, ask: &Ask, stop: &CancellationToken) -> Result<Value, TaskFailure> {
        if ask.is_event {
            let Ask { target, invocation, .. } = ask;
            let accepted_now = self.runner.invoke_later(target, invocation, ask.event_id).await;
            accepted_now.map_err(|it| refused(&ask.told(it)))?;
            return Ok(accepted(&ask.event_id.to_string()));
        }
        let invoked = self.runner.invoke_patiently(&ask.target, &ask.invocation, stop).await;
        let invoked = invoked.map_err(|it| refused(&ask.told(it)))?;
        if let Some(error) = &invoked.error_type {
            return Err(failed(error, &invoked, ask.is_direct));
        }
        Ok(succeeded(&invoked, ask.wants_log))
    }
}

#[async_trait]
impl TaskHandler for Functions {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        let is_direct = request.resource.starts_with("arn:aws:lambda:");
        let ask = if is_direct { direct(&request) } else { optimised(&request) };
        let outcome = match ask {
            Ok(ask) => self.invoke(&ask, &stop).await,
            Err(refusal) => Err(refused(&refusal)),
        };
        match outcome {
            Ok(mut result) if is_direct => {
                TaskOutcome::Succeeded(Arc::new(result["Payload"].take()))
            }
            Ok(result) => TaskOutcome::Succeeded(Arc::new(result)),
            Err(failure) => TaskOutcome::Failed(failure),
        }
    }
}

fn direct(request: &TaskRequest) -> Result<Ask, Refusal> {
    Ok(Ask {
        target: Target::parse(&request.resource)?,
        invocation: Invocation::of(request.parameters.to_string()),
        is_event: false,
        event_id: event_id(request),
        wants_log: false,
        is_direct: true,
    })
}

fn optimised(request: &TaskRequest) -> Result<Ask, Refusal> {
    let parameters = &request.parameters;
    if let Some(name) = invoke::unknown_parameter(parameters) {
        return Err(Refusal::validation(format!("the parameter `{name}` is not supported")));
    }
    let text = |name: &str| parameters.get(name).and_then(Value::as_str);
    let Some(function) = text("FunctionName") else {
        return Err(Refusal::validation("the parameter `FunctionName` is missing"));
    };
    let is_event = match text("InvocationType").unwrap_or("RequestResponse") {
        "RequestResponse" => false,
        "Event" => true,
        other => {
            let message = format!("the `InvocationType` `{other}` is not supported in a task");
            return Err(Refusal::validation(message));
        }
    };
    Ok(Ask {
        target: Target::parse(function)?.qualified(text("Qualifier"))?,
        invocation: Invocation {
            client_context: client_context(text("ClientContext"))?,
            ..Invocation::of(invoke::payload(parameters))
        },
        is_event,
        event_id: event_id(request),
        wants_log: text("LogType") == Some("Tail"),
        is_direct: false,
    })
}

fn event_id(request: &TaskRequest) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, request.key.as_str().as_bytes())
}

/// The client context of a request: base64 of JSON.
pub(crate) fn client_context(text: Option<&str>) -> Result<Option<String>, Refusal> {
    let decoded = text.map(|text| {
        let bytes = STANDARD.decode(text).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        serde_json::from_str::<Value>(&text).ok().map(|it| it.to_string())
    });
    match decoded {
        Some(None) => Err(Refusal::invalid_content(
            "Client context must be a valid Base64-encoded JSON object.",
        )),
        decoded => Ok(decoded.flatten()),
    }
}

/// As the SDK inside Step Functions shows an answer of Lambda.
fn succeeded(invoked: &Invoked, wants_log: bool) -> Value {
    let payload = invoke::returned(&invoked.payload);
    let log = wants_log.then(|| STANDARD.encode(&invoked.log_tail));
    let mut headers = vec![
        ("X-Amz-Executed-Version", LATEST.to_owned()),
        ("x-amzn-Remapped-Content-Length", "0".to_owned()),
        ("Connection", "keep-alive".to_owned()),
        ("x-amzn-RequestId", invoked.request_id.clone()),
        ("Content-Length", invoked.payload.len().to_string()),
        ("Date", http_date()),
        (
            "X-Amzn-Trace-Id",
            format!("root={};parent={};sampled=0", Uuid::new_v4(), Uuid::new_v4().simple()),
        ),
        ("Content-Type", "application/json".to_owned()),
    ];
    headers.extend(log.clone().map(|log| ("X-Amz-Log-Result", log)));
    let mut result = json!({
        "ExecutedVersion": LATEST,
        "Payload": payload,
        "SdkHttpMetadata": http_metadata(200, headers),
        "SdkResponseMetadata": {"RequestId": invoked.request_id},
        "StatusCode": 200,
    });
    if let Some(log) = log {
        result["LogResult"] = log.into();
    }
    result
}

fn accepted(request_id: &str) -> Value {
    let headers = vec![
        ("x-amzn-Remapped-Content-Length", "0".to_owned()),
        ("Connection", "keep-alive".to_owned()),
        ("x-amzn-RequestId", request_id.to_owned()),
        ("Content-Length", "0".to_owned()),
        ("Date", http_date()),
    ];
    json!({
        "Payload": "",
        "SdkHttpMetadata": http_metadata(202, headers),
        "SdkResponseMetadata": {"RequestId": request_id},
        "StatusCode": 202,
    })
}

fn http_metadata(status: u16, headers: Vec<(&str, String)>) -> Value {
    let all: serde_json::Map<_, _> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    let plain: serde_json::Map<_, _> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({"AllHttpHeaders": all, "HttpHeaders": plain, "HttpStatusCode": status})
}

fn http_date() -> String {
    Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The error of a function: its type, and its whole payload as the cause, as the function wrote it or, of `lambda:invoke`, as
/// Step Functions writes it again.
fn failed(error: &str, invoked: &Invoked, is_direct: bool) -> TaskFailure {
    let written = || serde_json::from_slice::<Value>(&invoked.payload).ok();
    let again = (!is_direct).then(written).flatten().map(|payload| payload.to_string());
    let cause = again.unwrap_or_else(|| String::from_utf8_lossy(&invoked.payload).into_owned());
    TaskFailure { error: error.to_owned(), cause: Some(cause) }
}

/// An error of Lambda, as the SDK inside Step Functions says it.
fn refused(refusal: &Refusal) -> TaskFailure {
    let Refusal { code, status, message, .. } = refusal;
    let cause = format!(
        "{message} (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: {}; Proxy: null)",
        Uuid::new_v4()
    );
    TaskFailure { error: format!("Lambda.{code}"), cause: Some(cause) }
}
