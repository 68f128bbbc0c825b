//! What can go wrong between us and a server, and what to do about it.

use stepwell_pipeline::{HandlerError, NotNow};

use super::Server;
use crate::source::Stop;

/// Why a server did not give what was asked for. Messages hold no secret.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Error {
    /// What has to be waited for does not come within this slice.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// A setting or a secret.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// Nobody answers.
    #[error(
        "cannot {what}: {server} cannot be reached: {cause}; check its address in the settings and the network"
    )]
    Unreachable { what: String, server: &'static str, cause: String },
    /// The server failed or was too busy, several times.
    #[error("cannot {what}: {server} answered {status} several times: {told}")]
    Failed { what: String, server: &'static str, status: u16, told: String },
    /// The server does not know who asks, or they may not do it.
    #[error(
        "cannot {what}: {server} refused the credentials with {status}: {told}; check {settings}"
    )]
    Denied { what: String, server: &'static str, status: u16, told: String, settings: &'static str },
    /// The server will not do it, under a code of its own.
    #[error("cannot {what}: {server} refused with {status} {code}: {told}")]
    Refused { what: String, server: &'static str, status: u16, code: String, told: String },
    /// The day's calls are used up, or as many of them as we may use.
    #[error("cannot {what}: {told}; the run goes on when there are calls again")]
    Quota { what: String, told: String },
    /// The answer is not what was expected.
    #[error("cannot {what}: the answer of {server} is not understood: {problem}")]
    Malformed { what: String, server: &'static str, problem: String },
}

impl Error {
    /// The code of a refusal.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    pub(crate) fn denied(server: &Server, what: &str, status: u16, told: String) -> Self {
        let (what, settings) = (what.to_owned(), server.credentials);
        Self::Denied { what, server: server.name, status, told, settings }
    }

    pub(crate) fn malformed(server: &Server, what: &str, problem: impl Into<String>) -> Self {
        Self::Malformed { what: what.to_owned(), server: server.name, problem: problem.into() }
    }
}

impl From<Error> for HandlerError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Handler(error) => error,
            Error::NotNow(_)
            | Error::Unreachable { .. }
            | Error::Failed { .. }
            | Error::Quota { .. } => Self::Retryable(message),
            Error::Denied { .. } => Self::Config(message),
            Error::Refused { .. } | Error::Malformed { .. } => Self::Data(message),
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            Error::NotNow(not_now) => Self::NotNow { wait: not_now.wait, checkpoint: None },
            error => Self::Failed(error.into()),
        }
    }
}
