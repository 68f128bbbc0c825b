//! Buckets of S3, signed for with the connection's credentials.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::{ClientOptions, CredentialProvider, ObjectStore};
use tokio::sync::Mutex;

use crate::aws::{CallError, Connection};

/// Credentials are renewed so long before they expire, as the SDK's own clients do it.
const RENEW_BEFORE: Duration = Duration::from_mins(1);

/// A request lasts as long as its body: a file is read as fast as its rows are written, and one of 128 MiB is sent over a slow
/// line.
const REQUEST_TIMEOUT: Duration = Duration::from_hours(1);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a failure to prepare is told as; any call of S3 would fail.
const OPERATION: &str = "s3:GetObject";

/// Buckets of S3, which share their credentials.
#[derive(Debug)]
pub(super) struct AwsBuckets {
    config: SdkConfig,
    endpoint_url: Option<String>,
    credentials: Option<Arc<Chain>>,
    /// Each with its connections.
    opened: StdMutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl AwsBuckets {
    pub(super) fn new(connection: &Connection) -> Self {
        let config = connection.config();
        let chain =
            |provider| Arc::new(Chain { provider, clock: config.clone(), known: Mutex::default() });
        Self {
            config: config.clone(),
            endpoint_url: connection.endpoint_url("S3"),
            credentials: config.credentials_provider().map(chain),
            opened: StdMutex::default(),
        }
    }

    pub(super) fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>, CallError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = opened.get(name) {
            return Ok(Arc::clone(bucket));
        }
        let bucket = self.open(name)?;
        opened.insert(name.to_owned(), Arc::clone(&bucket));
        Ok(bucket)
    }

    fn open(&self, name: &str) -> Result<Arc<dyn ObjectStore>, CallError> {
        let misconfigured =
            |message: String| CallError::Misconfigured { operation: OPERATION, message };
        let region =
            self.config.region().ok_or_else(|| misconfigured("no region is set".into()))?;
        let credentials = self.credentials.clone();
        let credentials =
            credentials.ok_or_else(|| misconfigured("no credentials are set".into()))?;
        let connections = ClientOptions::new()
            .with_timeout(REQUEST_TIMEOUT)
            .with_connect_timeout(CONNECT_TIMEOUT);
        let mut builder = AmazonS3Builder::new()
            .with_client_options(connections)
            .with_bucket_name(name)
            .with_region(region.as_ref())
            .with_credentials(credentials);
        builder = match &self.endpoint_url {
            // What stands in for S3 has one host for all buckets.
            Some(url) => builder
                .with_endpoint(url.trim_end_matches('/'))
                .with_allow_http(url.starts_with("http://"))
                .with_virtual_hosted_style_request(false),
            // A name with dots is not covered by the certificate.
            None => builder.with_virtual_hosted_style_request(!name.contains('.')),
        };
        let bucket = builder.build().map_err(|error| misconfigured(error.to_string()))?;
        Ok(Arc::new(bucket))
    }
}

/// The SDK's chain of credentials, as `object_store` asks for them.
struct Chain {
    provider: SharedCredentialsProvider,
    clock: SdkConfig,
    known: Mutex<Option<Known>>,
}

struct Known {
    credentials: Arc<AwsCredential>,
    until: Option<SystemTime>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").finish_non_exhaustive()
    }
}

impl Chain {
    fn is_fresh(&self, known: &Known) -> bool {
        let now = self.clock.time_source().unwrap_or_default().now();
        known.until.is_none_or(|until| now + RENEW_BEFORE < until)
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| self.is_fresh(known)) {
            return Ok(Arc::clone(&known.credentials));
        }
        let found = self.provider.provide_credentials().await.map_err(|source| {
            object_store::Error::Unauthenticated { path: String::new(), source: source.into() }
        })?;
        let credentials = Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        });
        *known = Some(Known { credentials: Arc::clone(&credentials), until: found.expiry() });
        Ok(credentials)
    }
}
