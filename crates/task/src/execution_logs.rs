//! The port between the engine and the log groups that executions write to.

use std::time::SystemTime;

use async_trait::async_trait;

/// One line of an execution log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it happened.
    pub at: SystemTime,
    /// `{"id":"1","type":"ExecutionStarted","details":{...},...}`
    pub message: String,
}

/// Why a log group could not be asked or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogsUnavailable(pub String);

/// Log groups. A group is named by its ARN, `arn:aws:logs:<region>:<account>:log-group:<name>:*`.
#[async_trait]
pub trait ExecutionLogs: Send + Sync {
    /// Whether there is such a group.
    ///
    /// # Errors
    /// [`LogsUnavailable`] if that cannot be told.
    async fn has_group(&self, arn: &str) -> Result<bool, LogsUnavailable>;

    /// Appends lines to a stream of a group, which is made if it is not there. What is not written is lost: execution logs
    /// are best effort, as on AWS.
    ///
    /// # Errors
    /// [`LogsUnavailable`], also if there is no such group any more.
    async fn append(
        &self,
        group_arn: &str,
        stream: &str,
        lines: Vec<LogLine>,
    ) -> Result<(), LogsUnavailable>;
}
