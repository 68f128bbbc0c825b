//! What can go wrong between us and Data Mesh Manager, and what to do about it.

use std::fmt;

use serde::Deserialize;
use stepwell_pipeline::{HandlerError, NotNow};

/// Why Data Mesh Manager did not give what was asked for. Messages hold no secret.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// What has to be waited for does not come within this slice.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// The API key cannot be resolved.
    #[error(transparent)]
    Secret(HandlerError),
    /// The setting is not a URL.
    #[error("`{base_url}` is no URL; set base_url to one such as https://api.entropy-data.com")]
    BaseUrl {
        /// As it was set.
        base_url: String,
    },
    /// The service does not know the key, or the key may not do this (401, 403).
    #[error(
        "cannot {what}: {base_url} refused the API key: {problem}; check api_key, its scope and its expiry"
    )]
    Credentials {
        /// What was asked.
        what: String,
        /// Who refused.
        base_url: String,
        /// Its words.
        problem: Problem,
    },
    /// Something answers at the URL, but not in JSON.
    #[error(
        "cannot {what}: {base_url} answered {status} with `{content_type}` instead of JSON; check that base_url is \
             the address of the API and not of a web page or proxy"
    )]
    NotJson {
        /// What was asked.
        what: String,
        /// Who answered.
        base_url: String,
        /// The HTTP status.
        status: u16,
        /// The type of the answer.
        content_type: String,
    },
    /// Nobody answers.
    #[error("cannot {what}: {base_url} cannot be reached: {cause}; check base_url and the network")]
    Unreachable {
        /// What was asked.
        what: String,
        /// Who did not answer.
        base_url: String,
        /// What the network said.
        cause: String,
    },
    /// The service failed or was too busy, several times (5xx, 429).
    #[error("cannot {what}: Data Mesh Manager answered {status} several times: {problem}")]
    Server {
        /// What was asked.
        what: String,
        /// The last HTTP status.
        status: u16,
        /// Its words.
        problem: Problem,
    },
    /// The service will not do it (4xx).
    #[error("cannot {what}: Data Mesh Manager refused with {status}: {problem}")]
    Refused {
        /// What was asked.
        what: String,
        /// The HTTP status.
        status: u16,
        /// Its words.
        problem: Problem,
    },
    /// The answer is JSON of another shape.
    #[error("cannot {what}: the answer is not understood: {problem}")]
    Malformed {
        /// What was asked.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    /// The status with which the service refused for good, if it did.
    pub fn refused_with(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// RFC 7807 `application/problem+json`.
///
/// ```json
/// {"type":"about:blank","title":"Bad Request","status":400,"detail":"...","violations":[{"field":"id","message":"..."}]}
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// A few words.
    pub title: Option<String>,
    /// A sentence.
    pub detail: Option<String>,
    /// What is wrong with which field.
    pub violations: Vec<Violation>,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Violation {
    /// Its name.
    pub field: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |text: &Option<String>| text.clone().filter(|it| !it.trim().is_empty());
        let reason = said(&self.detail).or_else(|| said(&self.title));
        f.write_str(reason.as_deref().unwrap_or("it gave no reason"))?;
        for Violation { field, message } in &self.violations {
            write!(f, "; {field}: {message}")?;
        }
        Ok(())
    }
}

impl From<Error> for HandlerError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Secret(error) => error,
            Error::BaseUrl { .. } | Error::Credentials { .. } | Error::NotJson { .. } => {
                Self::Config(message)
            }
            Error::NotNow(_) | Error::Unreachable { .. } | Error::Server { .. } => {
                Self::Retryable(message)
            }
            Error::Refused { .. } | Error::Malformed { .. } => Self::Data(message),
        }
    }
}
