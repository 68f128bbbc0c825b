//! Requests of AWS that are signed and repeated by the SDK's own parts, for services whose shapes nobody here knows.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};

use super::Connection;

pub(crate) const USER_AGENT: &str = concat!("stepwell/", env!("CARGO_PKG_VERSION"));

/// Regions of partitions that have no global services at the addresses of the most known one.
const APART: [&str; 4] = ["cn-", "us-gov-", "us-iso", "eusc-"];

/// What a service is called.
#[derive(Clone, Copy)]
pub(crate) struct Named {
    /// In variables and profiles: `DynamoDB`.
    pub(crate) id: &'static str,
    /// What requests are signed for.
    pub(crate) signing_name: &'static str,
    /// Where it is.
    pub(crate) host: Host,
    /// How long a request may take that is made once alone; nothing for the patience of the connection.
    pub(crate) once_within: Option<Duration>,
}

/// Where a service is.
#[derive(Clone, Copy)]
pub(crate) struct Host {
    /// The first part of its name in a region.
    pub(crate) name: &'static str,
    /// Of one that is one for all regions: its address and the region that is signed for.
    pub(crate) global: Option<(&'static str, &'static str)>,
}

/// What AWS says instead of an answer.
#[derive(Debug, thiserror::Error)]
#[error("AWS answered {0}")]
pub(crate) struct Refusal(ErrorMetadata);

impl Refusal {
    /// What an answer says, by its header and its body.
    pub(crate) fn read(header: Option<&str>, body: &[u8]) -> Self {
        Self(read_error(header, body))
    }
}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// A client that only lacks what is sent and how answers are read, or what is missing for it.
pub(crate) fn operation(
    connection: &Connection,
    named: Named,
    operation: &'static str,
) -> Result<OperationBuilder, String> {
    let (config, host) = (connection.config(), named.host);
    let region = config.region().ok_or("no region is set")?.clone();
    // Only the partition of most regions has its global services at these addresses.
    let is_elsewhere = APART.iter().any(|prefix| region.as_ref().starts_with(prefix));
    let global = host.global.filter(|_| !is_elsewhere);
    let endpoint = match (connection.endpoint_url(named.id), global) {
        (Some(url), _) => url,
        (None, Some((address, _))) => format!("https://{address}"),
        (None, None) => endpoint(
            host.name,
            region.as_ref(),
            config.use_fips() == Some(true),
            config.use_dual_stack() == Some(true),
        )?,
    };
    let region = global.map_or(region, |(_, region)| Region::new(region));
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
    layer.store_put(SigningName::from_static(named.signing_name));
    layer.store_put(SigningRegion::from(region));
    layer.store_put(SigV4OperationSigningConfig::default());
    let signing =
        StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);
    let retry = config.retry_config().expect("a connection says how it retries").clone();
    let timeouts = config.timeout_config().expect("a connection has time-outs").clone();
    let (retry, timeouts) = match named.once_within {
        None => (retry, timeouts),
        Some(time) => {
            let timeouts = timeouts.to_builder().operation_attempt_timeout(time).build();
            (RetryConfig::disabled(), timeouts)
        }
    };
    Ok(Operation::builder()
        .service_name(named.signing_name)
        .operation_name(operation)
        .http_client(config.http_client().expect("a connection has a client"))
        .endpoint_url(&endpoint)
        .sleep_impl(config.sleep_impl().expect("a connection can wait"))
        .standard_retry(&retry)
        .timeout_config(timeouts)
        .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .with_connection_poisoning()
        .interceptor(connection.counter())
        .runtime_plugin(signing))
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

/// Code and message of an error.
///
/// The code comes as `com.amazonaws.dynamodb.v20120810#X` and `X:http://internal.amazon.com/...`; a gateway in between sends
/// neither, and no JSON.
fn read_error(header: Option<&str>, body: &[u8]) -> ErrorMetadata {
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
        metadata = metadata.message(without_token(&message));
    }
    metadata.build()
}

/// A message without the token of a session: who refuses a signature tells for which request it would be right, headers
/// included.
pub fn without_token(message: &str) -> String {
    const TOKEN: &str = "x-amz-security-token:";
    let mut parts = message.split(TOKEN);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(' ');
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        told += TOKEN;
        told += "[secret]";
        told += &rest[end..];
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_no_token_of_a_session() {
        let body = serde_json::json!({
            "__type": "InvalidSignatureException",
            "message": "should be\nhost:h\nx-amz-security-token:IQoJb3+/==\nx-amz-target:X\n\nhost;x-amz-security-token;x-amz-target",
        });
        let read = read_error(None, body.to_string().as_bytes());
        assert_eq!(
            read.message().unwrap(),
            "should be\nhost:h\nx-amz-security-token:[secret]\nx-amz-target:X\n\nhost;x-amz-security-token;x-amz-target"
        );
    }

    #[test]
    fn a_refusal_is_read_however_it_is_written() {
        let seen = |header, body: &str| {
            let read = read_error(header, body.as_bytes());
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
