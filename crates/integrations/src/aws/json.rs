//! Any service of AWS that speaks its JSON protocol, 1.0 or 1.1: one POST per operation, named by a header.
//!
//! Signing, retries, time-outs, clock skew and the life of credentials are the SDK's own; what its clients of single services
//! add, types for every shape, is left to who calls. [ADR 0012](../../../../docs/adr/0012-signed-json-client.md) weighs the two.

use std::fmt;

use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{BoxError, CallError, Connection, classify};

const USER_AGENT: &str = concat!("stepwell/", env!("CARGO_PKG_VERSION"));

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
        Self { service, operation: operation(connection, service) }
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

/// What AWS says instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("AWS answered {0}")]
struct Refusal(ErrorMetadata);

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// A client of the SDK without any shapes, or what is missing for it.
fn operation(
    connection: &Connection,
    service: Service,
) -> Result<Operation<Input, Bytes, Refusal>, String> {
    let config = connection.config();
    let region = config.region().ok_or("no region is set")?.clone();
    let endpoint = match connection.endpoint_url(service.id) {
        Some(url) => url,
        None => endpoint(
            service.signing_name,
            region.as_ref(),
            config.use_fips() == Some(true),
            config.use_dual_stack() == Some(true),
        )?,
    };
    let credentials = config.credentials_provider().ok_or("no credentials are set")?;
    let mut components = RuntimeComponentsBuilder::new("stepwell")
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
        )))
        .with_identity_cache(config.identity_cache());
    components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    let mut layer = Layer::new("stepwell");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigningName::from_static(service.signing_name));
    layer.store_put(SigningRegion::from(region));
    layer.store_put(SigV4OperationSigningConfig::default());
    let signing =
        StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);
    let content_type = format!("application/x-amz-json-{}", service.json_version);
    Ok(Operation::builder()
        .service_name(service.signing_name)
        .operation_name(service.target_prefix)
        .http_client(config.http_client().expect("a connection has a client"))
        .endpoint_url(&endpoint)
        .sleep_impl(config.sleep_impl().expect("a connection can wait"))
        .standard_retry(config.retry_config().expect("a connection says how it retries"))
        .timeout_config(config.timeout_config().expect("a connection has time-outs").clone())
        .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .with_connection_poisoning()
        .interceptor(connection.counter())
        .runtime_plugin(signing)
        .serializer(move |input| serialize(input, &content_type))
        .deserializer(deserialize)
        .build())
}

/// Where a service is in AWS itself.
///
/// Source: AWS General Reference, "AWS service endpoints"; AWS SDKs and Tools Reference Guide, "Dual-stack and FIPS endpoints".
fn endpoint(
    service: &str,
    region: &str,
    is_fips: bool,
    is_dual_stack: bool,
) -> Result<String, String> {
    let in_china = region.starts_with("cn-");
    let suffix = match (in_china, is_dual_stack) {
        (true, true) => "api.amazonwebservices.com.cn",
        (true, false) => "amazonaws.com.cn",
        (false, true) => "api.aws",
        (false, false) if region.starts_with("eusc-") => "amazonaws.eu",
        // Partitions that are not connected to the others.
        (false, false) if region.contains("-iso") => {
            return Err(format!("where `{service}` is in `{region}` is not known"));
        }
        (false, false) => "amazonaws.com",
    };
    let fips = if is_fips { "-fips" } else { "" };
    Ok(format!("https://{service}{fips}.{region}.{suffix}"))
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
    Err(OrchestratorError::operation(Refusal(refusal(header, body))))
}

/// Code and message of an error.
///
/// The code comes as `com.amazonaws.dynamodb.v20120810#X` and `X:http://internal.amazon.com/...`; a gateway in between sends
/// neither, and no JSON.
fn refusal(header: Option<&str>, body: &[u8]) -> ErrorMetadata {
    #[derive(Default, serde::Deserialize)]
    struct Body {
        #[serde(rename = "__type", alias = "code")]
        code: Option<String>,
        #[serde(alias = "Message")]
        message: Option<String>,
    }
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let code = header.map(str::to_owned).or(body.code).unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let mut metadata = ErrorMetadata::builder().code(code);
    if let Some(message) = body.message {
        metadata = metadata.message(message);
    }
    metadata.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_however_it_is_written() {
        let seen = |header, body: &str| {
            let read = refusal(header, body.as_bytes());
            (read.code().unwrap().to_owned(), read.message().unwrap_or_default().to_owned())
        };
        let plain = r#"{"__type": "com.amazonaws.dynamodb.v20120810#X", "message": "words"}"#;
        assert_eq!(seen(None, plain), ("X".to_owned(), "words".to_owned()));
        let capital = r#"{"__type": "Y", "Message": "words"}"#;
        assert_eq!(seen(None, capital), ("Y".to_owned(), "words".to_owned()));
        assert_eq!(seen(Some("Z:http://internal"), "{}"), ("Z".to_owned(), String::new()));
        assert_eq!(seen(None, "<html>gateway</html>"), (String::new(), String::new()));
    }

    #[test]
    fn endpoints_of_all_partitions() {
        let plain = |region| endpoint("glue", region, false, false);
        assert_eq!(plain("eu-central-1").unwrap(), "https://glue.eu-central-1.amazonaws.com");
        assert_eq!(plain("cn-north-1").unwrap(), "https://glue.cn-north-1.amazonaws.com.cn");
        assert_eq!(plain("eusc-de-east-1").unwrap(), "https://glue.eusc-de-east-1.amazonaws.eu");
        assert!(plain("us-iso-east-1").unwrap_err().contains("us-iso-east-1"));
        let both = endpoint("glue", "us-east-1", true, true);
        assert_eq!(both.unwrap(), "https://glue-fips.us-east-1.api.aws");
    }
}
