//! Secrets by reference: configuration and state carry `secret:NAME`, never the value.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;

use crate::HandlerError;

/// A setting that is a secret: `secret:NAME`, resolved at the moment of use, or a literal that came from
/// the environment. `Debug` and `Display` never show a literal.
#[derive(Clone)]
pub enum SecretRef {
    /// `secret:NAME`
    Named(String),
    /// The value itself.
    Literal(SecretString),
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?))
    }
}

impl From<String> for SecretRef {
    fn from(text: String) -> Self {
        match text.strip_prefix("secret:") {
            Some(name) => Self::Named(name.to_owned()),
            None => Self::Literal(text.into()),
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "secret:{name}"),
            Self::Literal(_) => f.write_str("[literal secret]"),
        }
    }
}

/// Finds the value behind a name: environment, files, the encrypted local store, AWS Secrets Manager.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The value of the secret `name`.
    ///
    /// # Errors
    /// [`HandlerError::Config`] that names where it was looked for; [`HandlerError::Retryable`] if a place could not
    /// be asked.
    async fn resolve(&self, name: &str) -> Result<SecretString, HandlerError>;
}

impl SecretRef {
    /// The value, at the moment of use.
    ///
    /// # Errors
    /// As [`Secrets::resolve`].
    pub async fn reveal(&self, secrets: &dyn Secrets) -> Result<SecretString, HandlerError> {
        match self {
            Self::Named(name) => secrets.resolve(name).await,
            Self::Literal(value) => Ok(value.clone()),
        }
    }
}
