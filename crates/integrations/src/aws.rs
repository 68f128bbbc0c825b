//! What all clients of AWS share: where they connect, as whom, how long they wait, and what their failures mean.
//!
//! Retries within one call are the SDK's standard ones (three attempts with backoff, for throttling and what passes by itself);
//! what remains after them is a [`CallError`].

pub mod catalogue;
mod json;
mod service;
pub(crate) mod signed;
pub mod spelling;

use std::error::Error as StdError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sqs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sqs::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::{Builder, tls};
use aws_types::service_config::ServiceConfigKey;
use secrecy::{ExposeSecret as _, SecretString};

pub use json::{JsonClient, Service};
pub use service::{AwsService, facts, facts_of};
pub use signed::without_token;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longer than the longest poll of a queue, 20 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// IAM is one for all regions of a partition, but its requests are signed for one.
const REGION_OF_GLOBAL_SERVICES: &str = "us-east-1";

/// Where and as whom. What is not given comes from AWS's own chain: environment, profile, web identity, container, instance.
///
/// Not from SSO sessions, `aws login` and credential processes: their clients would double what this crate compiles.
/// `aws configure export-credentials` turns each of them into variables.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `eu-central-1`
    pub region: Option<String>,
    /// In place of each service's own endpoint, for instance of a test double.
    pub endpoint_url: Option<String>,
    /// A profile of the shared configuration files.
    pub profile: Option<String>,
    /// In place of the chain.
    pub credentials: Option<Credentials>,
}

/// A key of AWS.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Names the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretString,
    /// Of temporary credentials.
    pub session_token: Option<SecretString>,
}

/// What all clients share. Cheap to clone; clones share connections, credentials and the count of requests.
#[derive(Debug, Clone)]
pub struct Connection {
    config: SdkConfig,
    requests: Arc<AtomicU64>,
}

impl Connection {
    /// Prepares the clients; credentials are looked for when the first request needs them.
    ///
    /// Without a region of its own this asks the chain, which may ask the instance for it.
    pub async fn new(settings: Settings) -> Self {
        let http = Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard());
        if let Some(region) = settings.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(endpoint_url) = settings.endpoint_url {
            loader = loader.endpoint_url(endpoint_url);
        }
        if let Some(profile) = settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(credentials) = settings.credentials {
            loader = loader.credentials_provider(credentials.into_sdk());
        }
        Self { config: loader.load().await, requests: Arc::default() }
    }

    /// The requests that left this process so far, retries included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Where a service is, if not at AWS's own address: as set, or by the variable or profile of this one or of all services.
    pub(crate) fn endpoint_url(&self, service_id: &str) -> Option<String> {
        let of_all = || self.config.endpoint_url().map(str::to_owned);
        if self.config.get_origin("endpoint_url").is_client_config() {
            return of_all();
        }
        let key = ServiceConfigKey::builder()
            .service_id(service_id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .expect("all three are given");
        self.config.service_config().and_then(|config| config.load_config(key)).or_else(of_all)
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::config::Builder::from(&self.config).interceptor(self.counter());
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    pub(crate) fn secretsmanager(&self) -> aws_sdk_secretsmanager::Client {
        let config =
            aws_sdk_secretsmanager::config::Builder::from(&self.config).interceptor(self.counter());
        aws_sdk_secretsmanager::Client::from_conf(config.build())
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        let mut config =
            aws_sdk_iam::config::Builder::from(&self.config).interceptor(self.counter());
        if self.config.region().is_none() {
            config = config.region(Region::new(REGION_OF_GLOBAL_SERVICES));
        }
        aws_sdk_iam::Client::from_conf(config.build())
    }

    pub(crate) fn sns(&self) -> aws_sdk_sns::Client {
        let config = aws_sdk_sns::config::Builder::from(&self.config).interceptor(self.counter());
        aws_sdk_sns::Client::from_conf(config.build())
    }

    fn counter(&self) -> Counter {
        Counter(Arc::clone(&self.requests))
    }
}

impl Credentials {
    fn into_sdk(self) -> aws_sdk_sqs::config::Credentials {
        let token = self.session_token.map(|token| token.expose_secret().to_owned());
        let secret = self.secret_access_key.expose_secret();
        aws_sdk_sqs::config::Credentials::new(self.access_key_id, secret, token, None, "stepwell")
    }
}

/// Counts requests as they leave.
#[derive(Debug)]
struct Counter(Arc<AtomicU64>);

impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "Counter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A call of AWS failed for a reason that is not the service's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The credentials are missing, wrong, expired, or not allowed to do this. Does not pass by itself.
    #[error(
        "AWS refused {operation}: {message}; check the credentials and that their policy allows `{operation}`"
    )]
    AccessDenied {
        /// `iam:PutRolePolicy`
        operation: &'static str,
        /// AWS's own words.
        message: String,
    },
    /// Too many requests, after the SDK's own retries.
    #[error("AWS throttles {operation}: {message}; try again later, or with fewer at a time")]
    Throttled {
        /// `iam:PutRolePolicy`
        operation: &'static str,
        /// AWS's own words.
        message: String,
    },
    /// No answer, or one that says to come again, after the SDK's own retries. What was asked may have been done.
    #[error(
        "failed to reach AWS for {operation}: {message}; check region, endpoint and network, then try again"
    )]
    Unavailable {
        /// `iam:PutRolePolicy`
        operation: &'static str,
        /// What happened.
        message: String,
    },
    /// The request was never sent: no region, an endpoint that is no URL.
    #[error("failed to prepare {operation}: {message}; set region and endpoint of AWS")]
    Misconfigured {
        /// `iam:PutRolePolicy`
        operation: &'static str,
        /// What is missing.
        message: String,
    },
    /// AWS refused it with another code.
    #[error("AWS answered {operation} with {code}: {message}")]
    Refused {
        /// `iam:PutRolePolicy`
        operation: &'static str,
        /// AWS's error code.
        code: String,
        /// AWS's own words.
        message: String,
    },
}

impl CallError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable { .. })
    }
}

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

const THROTTLED: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// What a failed call of the SDK means; `operation` as policies name it, `iam:PutRolePolicy`.
pub(crate) fn classify<E>(operation: &'static str, error: &SdkError<E>) -> CallError
where
    E: StdError + ProvideErrorMetadata + 'static,
{
    let message = chain(error);
    match error {
        SdkError::ConstructionFailure(_) => CallError::Misconfigured { operation, message },
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or_default().to_owned();
            let status = answer.raw().status().as_u16();
            let message = answer.err().message().unwrap_or("no message").to_owned();
            refused(operation, code, status, message)
        }
        // Nothing was sent: the chain of credentials found none, or there is no such endpoint.
        SdkError::DispatchFailure(failure) if failure.is_other() => {
            if message.contains("credentials") {
                CallError::AccessDenied { operation, message }
            } else {
                CallError::Misconfigured { operation, message }
            }
        }
        _ => CallError::Unavailable { operation, message },
    }
}

fn refused(operation: &'static str, code: String, status: u16, message: String) -> CallError {
    // Codes come as `AWS.SimpleQueueService.X` and `com.amazonaws.sqs#X`, too.
    let bare = code.rsplit(['.', '#']).next().unwrap_or_default();
    if DENIED.contains(&bare) {
        CallError::AccessDenied { operation, message }
    } else if THROTTLED.contains(&bare) || status == 429 {
        CallError::Throttled { operation, message }
    } else if status >= 500 {
        CallError::Unavailable { operation, message }
    } else {
        CallError::Refused { operation, code, message }
    }
}

/// The error and its causes, as sentences.
///
/// Without the requests that some of them quote, in which a token may stand; nor is `Debug` of an error shown anywhere.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut sentences: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let sentence = error.to_string();
        let sentence = sentence.split(" to request `").next().unwrap_or_default();
        if !sentences.iter().any(|told| told.contains(sentence)) {
            sentences.push(sentence.to_owned());
        }
        next = error.source();
    }
    sentences.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: &str, status: u16) -> CallError {
        refused("iam:GetRole", code.into(), status, "words".into())
    }

    #[test]
    fn codes_tell_what_to_do_next() {
        assert!(matches!(kind("AccessDenied", 403), CallError::AccessDenied { .. }));
        assert!(matches!(kind("com.amazonaws.sqs#Throttling", 400), CallError::Throttled { .. }));
        assert!(matches!(kind("AWS.SimpleQueueService.X", 503), CallError::Unavailable { .. }));
        assert!(matches!(kind("ValidationError", 400), CallError::Refused { .. }));
        let retryable = ["Throttling", "AccessDenied"].map(|code| kind(code, 400).is_retryable());
        assert_eq!(retryable, [true, false]);
    }
}
