//! Any service of AWS that speaks its JSON protocol, 1.0 or 1.1: one POST per operation, named by a header.
//!
//! Signing, retries, time-outs, clock skew and the life of credentials are the SDK's own; what its clients of single services
//! add, types for every shape, is left to who calls. [ADR 0012](../../../../docs/adr/0012-signed-json-client.md) weighs the two.

use std::fmt;

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::catalogue::Model;
use super::signed::{self, Host, Named, Refusal, USER_AGENT};
use super::{BoxError, CallError, Connection, classify};

/// A service of AWS with the JSON protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// In variables and profiles, as `AWS_ENDPOINT_URL_DYNAMODB`: `DynamoDB`.
    pub id: &'static str,
    /// What requests are signed for, and the first part of the host's name: `dynamodb`.
    pub signing_name: &'static str,
    /// What precedes the operation in `X-Amz-Target`: `DynamoDB_20120810`.
    pub target_prefix: &'static str,
    /// `1.0` or `1.1`
    pub json_version: &'static str,
}

/// A client of one service. Cheap to clone; clones share connections, credentials and the count of requests.
#[derive(Clone)]
pub struct JsonClient {
    service: Service,
    /// Or what is missing for it.
    operation: Result<Operation<Input, Bytes, Refusal>, String>,
}

impl fmt::Debug for JsonClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonClient").field("service", &self.service).finish_non_exhaustive()
    }
}

impl JsonClient {
    /// Connects nowhere yet; what is missing is told by the first call.
    pub fn new(connection: &Connection, service: Service) -> Self {
        let host = Host { name: service.signing_name, global: None };
        Self { service, operation: operation(connection, service, host) }
    }

    /// The same for a service of the catalogue; none if it speaks no JSON.
    pub fn of_catalogue(connection: &Connection, model: &'static Model) -> Option<Self> {
        let json = model.json?;
        let service = Service {
            id: model.id,
            signing_name: json.signing_name,
            target_prefix: json.target_prefix,
            json_version: json.version,
        };
        let host = Host { name: json.host, global: json.global };
        Some(Self { service, operation: operation(connection, service, host) })
    }

    /// Calls an operation, as policies name it (`dynamodb:Scan`), and returns the body of the answer.
    ///
    /// ```no_run
    /// # async fn scan(connection: &stepwell_integrations::aws::Connection) -> Result<(), stepwell_integrations::aws::CallError> {
    /// use stepwell_integrations::{aws::JsonClient, dynamodb};
    ///
    /// let client = JsonClient::new(connection, dynamodb::SERVICE);
    /// let page = client.call("dynamodb:Scan", &serde_json::json!({"TableName": "orders"})).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`CallError`]; the code of [`CallError::Refused`] is the bare name, `ResourceNotFoundException`. The same request may
    /// have been sent three times.
    ///
    /// # Panics
    /// If `input` cannot be JSON, for instance has keys that are no text.
    pub async fn call(
        &self,
        operation: &'static str,
        input: &(impl Serialize + ?Sized),
    ) -> Result<Bytes, CallError> {
        let client = match &self.operation {
            Ok(client) => client,
            Err(message) => {
                let message = message.clone();
                return Err(CallError::Misconfigured { operation, message });
            }
        };
        let name = operation.split_once(':').map_or(operation, |(_, name)| name);
        let target = format!("{}.{name}", self.service.target_prefix);
        let body = serde_json::to_vec(input).expect("what is sent is JSON");
        let answer = client.invoke(Input { target, body }).await;
        answer.map_err(|error| classify(operation, &error))
    }

    /// As [`JsonClient::call`], and reads the answer.
    ///
    /// # Errors
    /// As there; [`CallError::Unavailable`] if the answer is not what `T` says: something else stands between.
    pub async fn call_as<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        input: &(impl Serialize + ?Sized),
    ) -> Result<T, CallError> {
        let answer = self.call(operation, input).await?;
        serde_json::from_slice(&answer).map_err(|error| CallError::Unavailable {
            operation,
            message: format!("the answer cannot be read: {error}"),
        })
    }
}

/// What is sent.
struct Input {
    target: String,
    body: Vec<u8>,
}

impl fmt::Debug for Input {
    /// Without the body, which is somebody's data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Input").field(&self.target).finish()
    }
}

/// A client of the SDK without any shapes, or what is missing for it.
fn operation(
    connection: &Connection,
    service: Service,
    host: Host,
) -> Result<Operation<Input, Bytes, Refusal>, String> {
    let content_type = format!("application/x-amz-json-{}", service.json_version);
    let named =
        Named { id: service.id, signing_name: service.signing_name, host, once_within: None };
    let builder = signed::operation(connection, named, service.target_prefix)?;
    Ok(builder
        .serializer(move |input| serialize(input, &content_type))
        .deserializer(deserialize)
        .build())
}

fn serialize(input: Input, content_type: &str) -> Result<HttpRequest, BoxError> {
    let length = input.body.len().to_string();
    let mut request = HttpRequest::new(SdkBody::from(input.body));
    request.set_method("POST")?;
    let headers = request.headers_mut();
    headers.insert("content-type", content_type.to_owned());
    headers.insert("content-length", length);
    headers.insert("x-amz-target", input.target);
    headers.insert("user-agent", USER_AGENT);
    Ok(request)
}

fn deserialize(response: &HttpResponse) -> Result<Bytes, OrchestratorError<Refusal>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return Ok(Bytes::copy_from_slice(body));
    }
    let header = response.headers().get("x-amzn-errortype");
    Err(OrchestratorError::operation(Refusal::read(header, body)))
}
