//! What can be set, and the door into the engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use stepwell_machine::Limits;
use stepwell_task::TaskRouter;

use crate::clock::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::error::StoreError;
use crate::limits;
use crate::service::Service;

/// Settings of an engine; all but the store have defaults.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// The file of the store; created if it is missing.
    pub store: PathBuf,
    /// The region in ARNs.
    pub region: String,
    /// The account in ARNs: twelve digits.
    pub account: String,
    /// How long ended executions are kept; 0 keeps them for ever.
    pub retention_days: u32,
    /// Whether executions that are started, and requests, are held to AWS's limits.
    pub aws_limits: bool,
    /// Tasks with a handler at once.
    pub tasks_max: usize,
    /// Express executions at once.
    pub express_executions_max: usize,
    /// Seconds that a graceful shutdown waits for handlers.
    pub shutdown_grace_seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            store: "stepwell.db".into(),
            region: "us-east-1".to_owned(),
            account: "000000000000".to_owned(),
            retention_days: 90,
            aws_limits: false,
            tasks_max: limits::TASKS_MAX,
            express_executions_max: limits::EXPRESS_EXECUTIONS_MAX,
            shutdown_grace_seconds: 25,
        }
    }
}

impl Options {
    /// The defaults with a store at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { store: path.into(), ..Self::default() }
    }

    /// Opens the store and recovers what it holds. Nothing runs until [`Service::run`].
    ///
    /// # Errors
    /// [`StoreError`] if another process uses the store, or it is damaged, newer than this program, or
    /// cannot be written.
    pub fn build(self, router: Arc<dyn TaskRouter>) -> Result<Service, StoreError> {
        self.build_with(router, Arc::new(SystemClock), Box::new(SystemEntropy))
    }

    /// [`build`](Self::build) with another clock and another source of randomness.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_with(
        self,
        router: Arc<dyn TaskRouter>,
        clock: Arc<dyn Clock>,
        entropy: Box<dyn Entropy>,
    ) -> Result<Service, StoreError> {
        Service::open(self, router, clock, entropy)
    }

    pub(crate) fn limits(&self) -> Limits {
        if self.aws_limits { Limits::Aws } else { Limits::None }
    }

    pub(crate) fn retention(&self) -> Option<Duration> {
        let day = Duration::from_hours(24);
        (self.retention_days > 0).then(|| day * self.retention_days)
    }

    pub(crate) fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds)
    }
}
