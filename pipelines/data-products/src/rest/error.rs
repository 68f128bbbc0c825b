//! What can go wrong between us and a server, and what to do about it.

use std::time::Duration;

use reqwest::StatusCode;
use stepwell_pipeline::{HandlerError, NotNow};

use super::{Failure, Server};

/// Why a server did not give what was asked for. Messages hold no secret.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Error {
    /// What has to be waited for does not come within this slice.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// The outcome is not wanted any more.
    #[error("stopped before the server answered")]
    Stopped,
    /// Nobody answers.
    #[error(
        "cannot {what}: {server} at {base} cannot be reached: {cause}; check its address and the network"
    )]
    Unreachable {
        /// What was asked.
        what: String,
        /// `SEP` or `Galaxy`.
        server: &'static str,
        /// Its address.
        base: String,
        /// What the network said.
        cause: String,
    },
    /// More calls than the server allows, in spite of waiting.
    #[error(
        "cannot {what}: {server} still answers 429 (too many requests) after many waits; lower `max_requests`"
    )]
    Busy {
        /// What was asked.
        what: String,
        /// Who is busy.
        server: &'static str,
    },
    /// The server failed, several times.
    #[error("cannot {what}: {server} answered {status} several times: {told}")]
    Failed {
        /// What was asked.
        what: String,
        /// Who failed.
        server: &'static str,
        /// The last HTTP status.
        status: u16,
        /// The server's words.
        told: String,
    },
    /// The server does not know these credentials, or they may not do it.
    #[error(
        "cannot {what}: {server} at {base} refused the credentials with {status}: {told}; check {settings}"
    )]
    Denied {
        /// What was asked.
        what: String,
        /// Who refused.
        server: &'static str,
        /// Its address.
        base: String,
        /// 401 or 403.
        status: u16,
        /// The server's words.
        told: String,
        /// The settings to look at.
        settings: &'static str,
    },
    /// The server will not do it.
    #[error("cannot {what}: {server} refused with {status}: {told}")]
    Refused {
        /// What was asked.
        what: String,
        /// Who refused.
        server: &'static str,
        /// The HTTP status.
        status: u16,
        /// The server's words.
        told: String,
    },
    /// The answer is not what was expected.
    #[error("cannot {what}: the answer of {server} at {base} is not understood: {problem}")]
    Malformed {
        /// What was asked.
        what: String,
        /// Who answered.
        server: &'static str,
        /// Its address.
        base: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A call that creates something failed, and may have created it all the same.
    #[error("{error}")]
    Uncertain {
        /// When to look.
        wait: Duration,
        /// How it failed.
        error: Box<Error>,
    },
}

impl Error {
    pub(super) fn of(server: &Server, what: &str, failure: Failure) -> Self {
        let (what, name) = (what.to_owned(), server.name);
        match failure {
            Failure::NoConnection(cause) | Failure::Transport(cause) => {
                Self::Unreachable { what, server: name, base: server.base.to_string(), cause }
            }
            Failure::Status { status: StatusCode::TOO_MANY_REQUESTS, .. } => {
                Self::Busy { what, server: name }
            }
            Failure::Status { status, told, .. } => {
                Self::Failed { what, server: name, status: status.as_u16(), told }
            }
        }
    }

    pub(super) fn refused(server: &Server, what: &str, status: StatusCode, told: String) -> Self {
        if matches!(status.as_u16(), 401 | 403) {
            return Self::denied(server, what, status, told);
        }
        Self::Refused { what: what.to_owned(), server: server.name, status: status.as_u16(), told }
    }

    pub(super) fn denied(server: &Server, what: &str, status: StatusCode, told: String) -> Self {
        let (what, base, settings) =
            (what.to_owned(), server.base.to_string(), settings(server.name));
        Self::Denied { what, server: server.name, base, status: status.as_u16(), told, settings }
    }

    pub(crate) fn malformed(server: &Server, what: &str, problem: impl Into<String>) -> Self {
        let (what, base) = (what.to_owned(), server.base.to_string());
        Self::Malformed { what, server: server.name, base, problem: problem.into() }
    }
}

/// The settings that a server's credentials stand in.
fn settings(server: &str) -> &'static str {
    match server {
        super::super::galaxy::NAME => {
            "`galaxy_client_id` and `galaxy_client_secret`, and what their role may do"
        }
        super::super::trino::GALAXY => "`galaxy_sql_username` and `galaxy_sql_password`",
        _ => "`sep_username`, `sep_password` and `sep_role`",
    }
}

impl From<Error> for HandlerError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::NotNow(_)
            | Error::Stopped
            | Error::Unreachable { .. }
            | Error::Busy { .. }
            | Error::Failed { .. } => Self::Retryable(message),
            Error::Denied { .. } => Self::Config(message),
            Error::Refused { .. } | Error::Malformed { .. } => Self::Data(message),
            Error::Uncertain { error, .. } => (*error).into(),
        }
    }
}
