//! Errors of the engine. Each says which AWS error it becomes.

use std::path::PathBuf;

use stepwell_asl::Diagnostic;
use stepwell_task::Unsupported;

use crate::redrive::NotRedrivable;

/// Why a request was refused. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Error {
    #[error("state machine `{arn}` does not exist")]
    StateMachineDoesNotExist { arn: String },
    #[error("state machine `{arn}` exists already with another definition or role")]
    StateMachineAlreadyExists { arn: String },
    /// What only the other type of state machine can do.
    #[error("this type of state machine does not support that")]
    StateMachineTypeNotSupported,
    /// A log group that is not there, in AWS's words.
    #[error("{reason}")]
    InvalidLoggingConfiguration { reason: String },
    /// So many Express executions run already.
    #[error("{limit} Express executions run, which is the limit")]
    TooManyExecutions { limit: usize },
    #[error("`{arn}` does not exist")]
    ResourceNotFound { arn: String },
    /// What a request refers to beside its subject: an alias, or the versions that one is to route to.
    #[error("`{arn}` does not exist")]
    ReferenceDoesNotExist { arn: String },
    #[error("{reason}")]
    TooManyTags { reason: String },
    /// A request that contradicts what there is, in AWS's words.
    #[error("{reason}")]
    Conflict { reason: String },
    /// A request that is wrong in itself, in AWS's words.
    #[error("{reason}")]
    Invalid { reason: String },
    #[error("execution `{arn}` does not exist")]
    ExecutionDoesNotExist { arn: String },
    #[error("execution `{arn}` exists already")]
    ExecutionAlreadyExists { arn: String },
    #[error("{reason}")]
    ExecutionNotRedrivable { reason: NotRedrivable },
    #[error("the Map run `{arn}` has ended")]
    MapRunEnded { arn: String },
    #[error("invalid name `{name}`: {reason}")]
    InvalidName { name: String, reason: &'static str },
    #[error("invalid ARN `{arn}`: {reason}")]
    InvalidArn { arn: String, reason: &'static str },
    #[error("invalid execution input: {reason}")]
    InvalidExecutionInput { reason: String },
    #[error("the {member} has more than {bytes_max} bytes, which is AWS's limit")]
    TooLong { member: &'static str, bytes_max: usize },
    #[error("invalid definition: {}", summarise(diagnostics))]
    InvalidDefinition { diagnostics: Vec<Diagnostic> },
    #[error("the definition uses what is not supported here: {}", list(unsupported))]
    UnsupportedResource { unsupported: Vec<Unsupported> },
    #[error("invalid page token `{token}`")]
    InvalidToken { token: String },
    #[error("activity `{arn}` does not exist")]
    ActivityDoesNotExist { arn: String },
    #[error("this is no token of a task")]
    InvalidTaskToken,
    #[error("nothing is known of the task any more")]
    TaskDoesNotExist,
    #[error("the task is over")]
    TaskTimedOut,
    #[error("invalid output: {reason}")]
    InvalidOutput { reason: String },
    #[error("the engine is shutting down")]
    ShuttingDown,
    /// A commit failed, or the store is damaged. Nothing more is accepted until a restart.
    #[error("the engine stopped: {reason}")]
    Stopped { reason: String },
    #[error("failed to read the store: {reason}")]
    Store { reason: String },
}

impl Error {
    /// The name of the AWS error it becomes.
    pub fn aws_name(&self) -> &'static str {
        match self {
            Self::StateMachineDoesNotExist { .. } => "StateMachineDoesNotExist",
            Self::StateMachineAlreadyExists { .. } => "StateMachineAlreadyExists",
            Self::StateMachineTypeNotSupported => "StateMachineTypeNotSupported",
            Self::InvalidLoggingConfiguration { .. } => "InvalidLoggingConfiguration",
            Self::TooManyExecutions { .. } => "ExecutionLimitExceeded",
            Self::ResourceNotFound { .. } | Self::ReferenceDoesNotExist { .. } => {
                "ResourceNotFound"
            }
            Self::TooManyTags { .. } => "TooManyTags",
            Self::Conflict { .. } => "ConflictException",
            Self::ExecutionDoesNotExist { .. } => "ExecutionDoesNotExist",
            Self::ExecutionAlreadyExists { .. } => "ExecutionAlreadyExists",
            Self::ExecutionNotRedrivable { .. } => "ExecutionNotRedrivable",
            Self::InvalidName { .. } => "InvalidName",
            Self::InvalidArn { .. } => "InvalidArn",
            Self::InvalidExecutionInput { .. } => "InvalidExecutionInput",
            Self::Invalid { .. } | Self::MapRunEnded { .. } | Self::TooLong { .. } => {
                "ValidationException"
            }
            Self::InvalidDefinition { .. } | Self::UnsupportedResource { .. } => {
                "InvalidDefinition"
            }
            Self::InvalidToken { .. } | Self::InvalidTaskToken => "InvalidToken",
            Self::ActivityDoesNotExist { .. } => "ActivityDoesNotExist",
            Self::TaskDoesNotExist => "TaskDoesNotExist",
            Self::TaskTimedOut => "TaskTimedOut",
            Self::InvalidOutput { .. } => "InvalidOutput",
            Self::ShuttingDown | Self::Stopped { .. } => "ServiceUnavailable",
            Self::Store { .. } => "InternalFailure",
        }
    }
}

/// Why the store could not be opened, or why a copy of it could not be made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StoreError {
    #[error("the store `{}` is in use by process {pid}", path.display())]
    Locked { path: PathBuf, pid: String },
    #[error("failed to open the lock `{}`", path.display())]
    Lock { path: PathBuf, source: std::io::Error },
    #[error("the store `{}` does not exist", path.display())]
    Missing { path: PathBuf },
    #[error("`{}` is a database, but not of stepwell; name another path for the store", path.display())]
    Foreign { path: PathBuf },
    #[error(
        "the store `{}` has format {found}; this stepwell reads up to {newest}: use the newer stepwell that wrote it",
        path.display()
    )]
    TooNew { path: PathBuf, found: i64, newest: i64 },
    #[error("the store `{}` is damaged: {reason}; restore it from a backup", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("`{}` exists already", path.display())]
    Exists { path: PathBuf },
    #[error("failed to write the copy `{}`", path.display())]
    Copy { path: PathBuf, source: std::io::Error },
    #[error("failed to use the store `{}`", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

/// Why a running engine stopped by itself. What was acknowledged is on disk; what was not, was not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the engine stopped, nothing that was acknowledged is lost: {reason}")]
pub struct Halted {
    /// What failed, for instance that the disk is full.
    pub reason: String,
}

fn summarise(diagnostics: &[Diagnostic]) -> String {
    let line =
        |found: &Diagnostic| format!("{}: {} at {}", found.code, found.message, found.pointer);
    diagnostics.iter().map(line).collect::<Vec<_>>().join("; ")
}

fn list(unsupported: &[Unsupported]) -> String {
    unsupported.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
