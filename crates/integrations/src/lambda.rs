//! Functions of AWS Lambda behind Task states: `arn:aws:states:::lambda:invoke`, and the ARN of a function itself.
//!
//! Embedded functions are not here: they run as processes, or are built in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use stepwell_task::{Pattern, TaskFailure, TaskHandler, TaskOutcome, TaskRequest, invoke};
use tokio_util::sync::CancellationToken;

use crate::aws::signed::{self, Host, Named, Refusal, USER_AGENT};
use crate::aws::{Connection, chain};

/// The longest that a function may run, and the time of its answer. Source: Lambda Developer Guide, "Lambda quotas".
const ONCE_WITHIN: Duration = Duration::from_secs(15 * 60 + 30);

/// The functions of an account and region.
///
/// A function is called once for each delivery of a task: whether it is called again is for `Retry` to say.
#[derive(Clone)]
pub struct LambdaFunctions {
    /// Or what is missing for it.
    operation: Result<Operation<Ask, Answer, Refusal>, String>,
}

impl fmt::Debug for LambdaFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LambdaFunctions").finish_non_exhaustive()
    }
}

/// What is asked of Lambda.
struct Ask {
    function: String,
    qualifier: Option<String>,
    headers: Vec<(&'static str, String)>,
    payload: String,
}

impl fmt::Debug for Ask {
    /// Without the payload, which is somebody's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ask").field(&self.function).finish()
    }
}

/// What Lambda answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    payload: Bytes,
}

impl LambdaFunctions {
    /// Connects nowhere yet; what is missing is told by the first call.
    pub fn new(connection: &Connection) -> Self {
        let named = Named {
            id: "Lambda",
            signing_name: "lambda",
            host: Host { name: "lambda", global: None },
            once_within: Some(ONCE_WITHIN),
        };
        let builder = signed::operation(connection, named, "Invoke");
        let operation =
            builder.map(|it| it.serializer(serialize).deserializer(deserialize).build());
        Self { operation }
    }

    async fn invoke(&self, ask: Ask) -> Result<Answer, TaskFailure> {
        let operation = self.operation.as_ref().map_err(|missing| client_failure(missing))?;
        operation.invoke(ask).await.map_err(|error| refused(&error))
    }
}

#[async_trait]
impl TaskHandler for LambdaFunctions {
    async fn handle(&self, request: TaskRequest, stop: CancellationToken) -> TaskOutcome {
        let is_direct = Pattern::split(&request.resource).0 != invoke::INVOKE;
        let ask =
            match if is_direct { Ok(direct(&request)) } else { optimised(&request.parameters) } {
                Ok(ask) => ask,
                Err(cause) => return TaskOutcome::Failed(failure("States.Runtime", cause)),
            };
        let answer = tokio::select! {
            answer = self.invoke(ask) => answer,
            () = stop.cancelled() => Err(failure("States.Timeout", "the function was not waited for")),
        };
        match answer {
            Ok(answer) => answer.outcome(is_direct),
            Err(failure) => TaskOutcome::Failed(failure),
        }
    }
}

fn failure(error: &str, cause: impl Into<String>) -> TaskFailure {
    TaskFailure { error: error.to_owned(), cause: Some(cause.into()) }
}

fn client_failure(cause: &str) -> TaskFailure {
    failure("Lambda.SdkClientException", cause)
}

/// The input is the payload.
fn direct(request: &TaskRequest) -> Ask {
    Ask {
        function: request.resource.to_string(),
        qualifier: None,
        headers: Vec::new(),
        payload: request.parameters.to_string(),
    }
}

/// `{"FunctionName": "qc", "Payload": {...}, "InvocationType": "Event", "LogType": "Tail", "Qualifier": "live"}`
fn optimised(parameters: &Value) -> Result<Ask, String> {
    if let Some(other) = invoke::unknown_parameter(parameters) {
        return Err(format!("the parameter `{other}` is not supported"));
    }
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).map(str::to_owned);
    let function = text("FunctionName").ok_or("the parameter `FunctionName` is missing")?;
    let headers = [
        ("x-amz-client-context", text("ClientContext")),
        ("x-amz-invocation-type", text("InvocationType")),
        ("x-amz-log-type", text("LogType")),
    ];
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
    Ok(Ask {
        function,
        qualifier: text("Qualifier"),
        headers: headers.collect(),
        payload: invoke::payload(parameters),
    })
}

fn serialize(ask: Ask) -> Result<HttpRequest, BoxError> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut uri = format!("/2015-03-31/functions/{}/invocations", encoded(&ask.function));
    if let Some(qualifier) = &ask.qualifier {
        uri = format!("{uri}?Qualifier={}", encoded(qualifier));
    }
    let length = ask.payload.len().to_string();
    let mut request = HttpRequest::new(SdkBody::from(ask.payload));
    request.set_method("POST")?;
    request.set_uri(uri)?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/json");
    headers.insert("content-length", length);
    headers.insert("user-agent", USER_AGENT);
    for (name, value) in ask.headers {
        headers.try_insert(name, value)?;
    }
    Ok(request)
}

fn deserialize(response: &HttpResponse) -> Result<Answer, OrchestratorError<Refusal>> {
    let payload = Bytes::copy_from_slice(response.body().bytes().unwrap_or_default());
    if !response.status().is_success() {
        let header = response.headers().get("x-amzn-errortype");
        return Err(OrchestratorError::operation(Refusal::read(header, &payload)));
    }
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Answer { status: response.status().as_u16(), headers, payload })
}

/// An error of Lambda, as the SDK inside Step Functions says it.
fn refused(error: &SdkError<Refusal, HttpResponse>) -> TaskFailure {
    let SdkError::ServiceError(answer) = error else { return client_failure(&chain(error)) };
    let code = answer.err().code().filter(|code| !code.is_empty()).unwrap_or("ServiceException");
    let message = answer.err().message().unwrap_or("no message");
    let status = answer.raw().status().as_u16();
    let request_id = answer.raw().headers().get("x-amzn-requestid").unwrap_or_default();
    let cause = format!(
        "{message} (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)"
    );
    failure(&format!("Lambda.{code}"), cause)
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    fn value(&self) -> Value {
        invoke::returned(&self.payload)
    }

    fn outcome(&self, is_direct: bool) -> TaskOutcome {
        if self.header("x-amz-function-error").is_some() {
            return TaskOutcome::Failed(self.function_error(is_direct));
        }
        let result = if is_direct { self.value() } else { self.told() };
        TaskOutcome::Succeeded(Arc::new(result))
    }

    /// The type of the error, and the payload as the cause: as the function wrote it or, of `lambda:invoke`, as Step Functions
    /// writes it again.
    fn function_error(&self, is_direct: bool) -> TaskFailure {
        let payload = self.value();
        let error = payload["errorType"].as_str().unwrap_or("Lambda.Unknown");
        let again = !is_direct && payload.is_object();
        failure(error, if again { payload.to_string() } else { self.text() })
    }

    /// The answer with what is told of how it came.
    fn told(&self) -> Value {
        let mut result = json!({"Payload": self.value(), "StatusCode": self.status});
        for (member, header) in
            [("ExecutedVersion", "x-amz-executed-version"), ("LogResult", "x-amz-log-result")]
        {
            if let Some(value) = self.header(header) {
                result[member] = value.into();
            }
        }
        let headers = || self.headers.iter().map(|(name, value)| (spelled(name), value.as_str()));
        let all: Map<_, _> = headers().map(|(name, value)| (name, json!([value]))).collect();
        let plain: Map<_, _> = headers().map(|(name, value)| (name, value.into())).collect();
        result["SdkHttpMetadata"] =
            json!({"AllHttpHeaders": all, "HttpHeaders": plain, "HttpStatusCode": self.status});
        let request_id = self.header("x-amzn-requestid").unwrap_or_default();
        result["SdkResponseMetadata"] = json!({"RequestId": request_id});
        result
    }
}

/// The names of headers as Lambda sends them; the client has them in small letters.
fn spelled(name: &str) -> String {
    match name {
        "x-amzn-requestid" => "x-amzn-RequestId".to_owned(),
        "x-amzn-remapped-content-length" => "x-amzn-Remapped-Content-Length".to_owned(),
        other => {
            let part =
                |part: &str| part[..1.min(part.len())].to_uppercase() + &part[1.min(part.len())..];
            other.split('-').map(part).collect::<Vec<_>>().join("-")
        }
    }
}
