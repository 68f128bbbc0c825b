//! `GetSecretValue`.

use aws_sdk_secretsmanager::Client;
use secrecy::SecretString;

use super::Error;
use crate::aws::{Connection, classify};

/// AWS Secrets Manager. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SecretsManager {
    client: Client,
}

impl SecretsManager {
    /// Asks nothing yet.
    pub fn new(connection: &Connection) -> Self {
        Self { client: connection.secretsmanager() }
    }

    /// The current text of a secret, by name or ARN.
    ///
    /// # Errors
    /// [`Error::NoSuchSecret`], also for one that is marked for deletion; [`Error::NotText`]; [`Error::Call`]
    pub async fn get_secret_value(&self, name: &str) -> Result<SecretString, Error> {
        let answer = self.client.get_secret_value().secret_id(name).send().await;
        let answer = answer.map_err(|error| {
            let is_missing = error.as_service_error().is_some_and(|error| {
                error.is_resource_not_found_exception() || error.is_invalid_request_exception()
            });
            if is_missing {
                Error::NoSuchSecret { name: name.to_owned() }
            } else {
                Error::from(classify("secretsmanager:GetSecretValue", &error))
            }
        })?;
        let text = answer.secret_string.ok_or_else(|| Error::NotText { name: name.to_owned() })?;
        Ok(SecretString::from(text))
    }
}
