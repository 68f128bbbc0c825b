//! AWS Secrets Manager, the last place where secrets are looked for.
//!
//! What it gave is good for a minute: a function that needs a password for every request costs one call a minute,
//! and a changed password is known soon.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use stepwell_integrations::aws::{Connection, Credentials, Settings};
use stepwell_integrations::secretsmanager::{Error, SecretsManager};
use stepwell_pipeline::HandlerError;
use stepwell_pipeline::surroundings::Aws;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::Local;

/// How long a value is not asked for again.
const GOOD_FOR: Duration = Duration::from_mins(1);

/// The service, reached at the first use.
pub(super) struct Manager {
    aws: Aws,
    /// Where its own credentials are looked for.
    local: Local,
    service: OnceCell<SecretsManager>,
    known: Mutex<BTreeMap<String, (Instant, SecretString)>>,
}

impl Manager {
    pub(super) fn new(aws: Aws, local: Local) -> Self {
        Self { aws, local, service: OnceCell::new(), known: Mutex::default() }
    }

    /// The value of a secret; nothing if the service has none of that name.
    pub(super) async fn find(&self, name: &str) -> Result<Option<SecretString>, HandlerError> {
        if let Some(value) = self.known(name) {
            return Ok(Some(value));
        }
        let service = self.service.get_or_try_init(|| self.connect()).await?;
        match service.get_secret_value(name).await {
            Ok(value) => {
                let good_until = Instant::now() + GOOD_FOR;
                self.lock().insert(name.to_owned(), (good_until, value.clone()));
                Ok(Some(value))
            }
            Err(Error::NoSuchSecret { .. }) => Ok(None),
            Err(error) if error.is_retryable() => Err(HandlerError::retryable(error.to_string())),
            Err(error) => Err(HandlerError::Config(error.to_string())),
        }
    }

    async fn connect(&self) -> Result<SecretsManager, HandlerError> {
        let credentials = self.aws.credentials(&self.local).await?.map(|found| Credentials {
            access_key_id: found.access_key_id.expose_secret().to_owned(),
            secret_access_key: found.secret_access_key,
            session_token: found.session_token,
        });
        let connection = Connection::new(Settings {
            region: self.aws.region.clone(),
            endpoint_url: self.aws.endpoint_url.clone(),
            profile: self.aws.profile.clone(),
            credentials,
        });
        Ok(SecretsManager::new(&connection.await))
    }

    fn known(&self, name: &str) -> Option<SecretString> {
        let known = self.lock();
        let (good_until, value) = known.get(name)?;
        (Instant::now() < *good_until).then(|| value.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Instant, SecretString)>> {
        self.known.lock().expect("no holder of this lock panics")
    }
}
