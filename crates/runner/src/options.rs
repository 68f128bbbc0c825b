//! What a runner is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::events::RETRIES_AFTER;

/// Where variables that are references get their values.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The value of `secret:NAME`.
    ///
    /// # Errors
    /// In words, without the value of anything.
    async fn resolve(&self, name: &str) -> Result<String, String>;
}

/// What a runner is opened with.
pub struct Options {
    /// What the project keeps, which functions must not see; the runner's own is in `functions` below it.
    pub state: PathBuf,
    /// Region and account of ARNs.
    pub region: String,
    /// See [`Self::region`].
    pub account: String,
    /// Where functions find AWS's services: `AWS_ENDPOINT_URL` of their environment.
    pub endpoint: Option<String>,
    /// The access key id and the secret access key that functions sign with.
    pub access_key: (String, String),
    /// Where interpreters are looked for: the folders of `PATH`.
    pub search: Vec<PathBuf>,
    /// Whether processes get namespaces of their own, where the system allows them.
    pub namespaces: bool,
    /// Days that logs are kept.
    pub log_days: u32,
    /// Waits before the second and the third try of an event: a minute and two on Lambda.
    pub retries_after: [Duration; 2],
    /// Resolves references in variables when a process starts.
    pub secrets: Arc<dyn Secrets>,
}

impl Options {
    /// With Lambda's waits, logs of two weeks, and no place for AWS's services.
    pub fn at(state: PathBuf, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            state,
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            endpoint: None,
            access_key: ("stepwell".to_owned(), "stepwell".to_owned()),
            search: Vec::new(),
            namespaces: true,
            log_days: 14,
            retries_after: RETRIES_AFTER,
            secrets,
        }
    }

    /// What the runner keeps.
    pub(crate) fn folder(&self) -> PathBuf {
        self.state.join("functions")
    }

    /// What is of no use after a restart.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder().join("tmp")
    }
}
