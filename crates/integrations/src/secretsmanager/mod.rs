//! Secrets from AWS Secrets Manager, read when they are used and kept nowhere.
//!
//! [`EmbeddedSecrets`] serves the protocol over the installation's own sealed secrets, which are given to it.

mod aws;
mod embedded;

use crate::aws::CallError;

pub use aws::SecretsManager;
pub(crate) use embedded::PARAMETER_PREFIX;
pub use embedded::{EmbeddedSecrets, FACTS};

/// What reading a secret can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of that name.
    #[error(
        "AWS Secrets Manager has no secret `{name}` in this account and region; create it, or correct its name"
    )]
    NoSuchSecret {
        /// Name or ARN.
        name: String,
    },
    /// It has no text, only bytes.
    #[error("secret `{name}` of AWS Secrets Manager is binary; store it as text")]
    NotText {
        /// Name or ARN.
        name: String,
    },
    /// AWS could not be used.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Error {
    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_retryable())
    }
}
