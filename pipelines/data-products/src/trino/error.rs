//! How a statement can fail.

use serde::Deserialize;
use stepwell_pipeline::HandlerError;

use crate::rest;

/// Why a statement did not come to a good end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Error {
    /// The server cannot be asked.
    #[error(transparent)]
    Http(#[from] rest::Error),
    /// The statement failed.
    #[error("cannot {what}: {server}: {error}")]
    Statement {
        /// What it was for.
        what: String,
        /// Who ran it.
        server: &'static str,
        /// Why it failed.
        error: StatementError,
    },
    /// The server does not know the statement any more.
    #[error("cannot {what}: {server} lost the statement before its end")]
    Gone {
        /// What it was for.
        what: String,
        /// Who lost it.
        server: &'static str,
    },
}

/// What Trino says about a statement that failed.
///
/// ```json
/// {"message":"line 1:15: Table 'a.b.c' does not exist","errorCode":46,"errorName":"TABLE_NOT_FOUND","errorType":"USER_ERROR"}
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, thiserror::Error)]
#[serde(default, rename_all = "camelCase")]
#[error("{message} ({error_name})")]
pub(crate) struct StatementError {
    /// For people.
    pub(crate) message: String,
    /// What to decide by, for instance `TABLE_NOT_FOUND`.
    pub(crate) error_name: String,
    /// `USER_ERROR`, `INTERNAL_ERROR`, `INSUFFICIENT_RESOURCES` or `EXTERNAL`.
    pub(crate) error_type: String,
}

/// What passes by itself, besides everything that is external to Trino or a lack of resources.
const PASSES: [&str; 6] = [
    "ABANDONED_QUERY",
    "TRANSACTION_CONFLICT",
    "NO_NODES_AVAILABLE",
    "SERVER_SHUTTING_DOWN",
    "SERVER_STARTING_UP",
    "REMOTE_HOST_GONE",
];

impl StatementError {
    fn passes(&self) -> bool {
        matches!(self.error_type.as_str(), "EXTERNAL" | "INSUFFICIENT_RESOURCES")
            || PASSES.contains(&self.error_name.as_str())
    }
}

impl Error {
    /// What Trino said, if it was the statement that failed.
    pub(crate) fn statement(&self) -> Option<&StatementError> {
        match self {
            Self::Statement { error, .. } => Some(error),
            Self::Http(_) | Self::Gone { .. } => None,
        }
    }

    /// Whether Trino failed it by one of these names.
    pub(crate) fn is_named(&self, names: &[&str]) -> bool {
        self.statement().is_some_and(|error| names.contains(&error.error_name.as_str()))
    }

    /// A cluster that is disabled does not start by itself.
    pub(crate) fn says_disabled(&self) -> bool {
        let told = match self {
            Self::Statement { error, .. } => &error.message,
            Self::Http(rest::Error::Refused { told, .. }) => told,
            Self::Http(_) | Self::Gone { .. } => return false,
        };
        told.to_lowercase().contains("disabled")
    }

    /// The server will not run the statement, now or later.
    pub(crate) fn is_refused(&self) -> bool {
        match self {
            Self::Statement { error, .. } => !error.passes() && !self.says_disabled(),
            Self::Http(rest::Error::Refused { status, .. }) => {
                *status == 400 && !self.says_disabled()
            }
            Self::Http(_) | Self::Gone { .. } => false,
        }
    }

    /// The server does not take such a statement; another one may come to the same.
    pub(crate) fn is_not_understood(&self) -> bool {
        self.is_refused() && !self.is_named(&["PERMISSION_DENIED", "CATALOG_NOT_FOUND"])
    }

    /// What has to be waited for does not come in this invocation, or nobody waits any more.
    pub(crate) fn is_of_this_invocation(&self) -> bool {
        matches!(self, Self::Http(rest::Error::NotNow(_) | rest::Error::Stopped))
    }

    pub(super) fn is_worth_another_attempt(&self) -> bool {
        match self {
            Self::Statement { error, .. } => error.passes() && !self.says_disabled(),
            Self::Gone { .. } | Self::Http(rest::Error::Failed { .. }) => true,
            Self::Http(_) => false,
        }
    }
}

impl From<Error> for HandlerError {
    fn from(error: Error) -> Self {
        let (message, disabled) = (error.to_string(), error.says_disabled());
        match error {
            _ if disabled => Self::Config(message),
            Error::Http(error) => error.into(),
            Error::Gone { .. } => Self::Retryable(message),
            Error::Statement { error, .. } => match error.error_name.as_str() {
                _ if error.passes() => Self::Retryable(message),
                "PERMISSION_DENIED" | "CATALOG_NOT_FOUND" => Self::Config(message),
                _ => Self::Data(message),
            },
        }
    }
}
