//! Where the embedded services keep what is secret: a store that is given to them.

use async_trait::async_trait;
use secrecy::SecretString;
use stepwell_aws_wire::ServiceError;

/// Secrets by name, kept encrypted by whoever implements this. What `put` and `remove` did is on disk when they return.
#[async_trait]
pub trait Vault: Send + Sync {
    /// The value of a name.
    ///
    /// # Errors
    /// [`VaultError`]
    async fn get(&self, name: &str) -> Result<Option<SecretString>, VaultError>;

    /// Keeps a value under a name, in the place of what was there.
    ///
    /// # Errors
    /// [`VaultError`]
    async fn put(&self, name: &str, value: SecretString) -> Result<(), VaultError>;

    /// Whether there was a value.
    ///
    /// # Errors
    /// [`VaultError`]
    async fn remove(&self, name: &str) -> Result<bool, VaultError>;

    /// All names, in order.
    ///
    /// # Errors
    /// [`VaultError`]
    async fn names(&self) -> Result<Vec<String>, VaultError>;
}

/// The store of secrets could not be used. The text names no secret.
#[derive(Debug, thiserror::Error)]
#[error("the store of secrets cannot be used: {0}")]
pub struct VaultError(pub String);

impl From<VaultError> for ServiceError {
    fn from(error: VaultError) -> Self {
        tracing::error!(%error, "an embedded service cannot use the secrets");
        Self::internal()
    }
}
