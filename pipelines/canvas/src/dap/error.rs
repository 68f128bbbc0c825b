//! What can go wrong between us and DAP, and what to do about it.

use jiff::Timestamp;
use stepwell_pipeline::{HandlerError, NotNow};

use crate::schema::parse::SchemaError;

/// Why DAP did not give what was asked for. Messages hold no secret and no link.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// What has to be waited for does not come within this slice.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// A secret cannot be resolved.
    #[error(transparent)]
    Secret(HandlerError),
    /// The setting is not a URL.
    #[error(
        "`{base_url}` is no URL of a DAP service; set base_url (or DAP_API_URL) to one such as \
             https://api-gateway.instructure.com"
    )]
    BaseUrl {
        /// As it was set.
        base_url: String,
    },
    /// The service does not know these credentials.
    #[error(
        "DAP at {base_url} refused the credentials: {cause}; check client_id and client_secret (DAP_CLIENT_ID, \
             DAP_CLIENT_SECRET): a key can expire and is renewed at the identity service of Instructure"
    )]
    Credentials {
        /// Who refused.
        base_url: String,
        /// Status and message.
        cause: String,
    },
    /// The account may not use DAP, or not now.
    #[error("DAP does not serve this account: {0}; ask Instructure's support")]
    Account(ApiError),
    /// Something answers at the URL, but not in JSON.
    #[error(
        "cannot {what}: {base_url} answered {status} with `{content_type}` instead of JSON; check that base_url \
             (or DAP_API_URL) is the address of a DAP service and not of a web page or proxy"
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
    #[error(
        "cannot {what}: {base_url} cannot be reached: {cause}; check base_url (or DAP_API_URL) and the network"
    )]
    Unreachable {
        /// What was asked.
        what: String,
        /// Who did not answer.
        base_url: String,
        /// What the network said.
        cause: String,
    },
    /// More calls than the service allows, in spite of waiting.
    #[error("cannot {what}: DAP still answers 429 (too many requests) after several waits")]
    Busy {
        /// What was asked.
        what: String,
    },
    /// The service failed, several times.
    #[error("cannot {what}: DAP answered {status} several times: {api}")]
    Server {
        /// What was asked.
        what: String,
        /// The last HTTP status.
        status: u16,
        /// The last error.
        api: ApiError,
    },
    /// The service will not do it.
    #[error("cannot {what}: DAP refused with {status}: {api}")]
    Refused {
        /// What was asked.
        what: String,
        /// The HTTP status.
        status: u16,
        /// Its reason.
        api: ApiError,
    },
    /// There is no such thing.
    #[error("cannot {what}: DAP knows no such {kind}: {api}")]
    NotFound {
        /// What was asked.
        what: String,
        /// `namespace`, `table`, `object` or `job`.
        kind: String,
        /// Its words.
        api: ApiError,
    },
    /// Increments since that moment are not to be had; a snapshot is.
    #[error("cannot {what}: a new snapshot is required: {api}")]
    SnapshotRequired {
        /// What was asked.
        what: String,
        /// Its words.
        api: ApiError,
        /// The earliest moment that increments can begin at.
        earliest: Option<Timestamp>,
    },
    /// The answer is JSON of another shape.
    #[error("cannot {what}: DAP's answer is not understood: {problem}")]
    Malformed {
        /// What was asked.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The schema cannot be read.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// Another file lies where an object's file was.
    #[error("object {object} is another file now than when it was first read")]
    Replaced {
        /// Its id.
        object: String,
    },
    /// An object was not delivered whole.
    #[error("object {object} was not delivered whole: {cause}")]
    Interrupted {
        /// Its id.
        object: String,
        /// What broke off.
        cause: String,
    },
}

/// What DAP says about an error of its own. `type` and `uuid` are what Instructure's support asks for; the
/// message often is empty.
///
/// ```json
/// {"error":{"type":"ProcessingError","uuid":"0b...","message":""}}
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
pub struct ApiError {
    /// `type`, for instance `ProcessingError`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Names this one error in Instructure's logs.
    #[serde(default)]
    pub uuid: Option<String>,
    /// For people.
    #[serde(default)]
    pub message: Option<String>,
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let message = self.message.as_deref().filter(|message| !message.trim().is_empty());
        f.write_str(message.unwrap_or("it gave no reason"))?;
        match (&self.kind, &self.uuid) {
            (Some(kind), Some(uuid)) => write!(f, " (type {kind}, uuid {uuid})"),
            (Some(kind), None) => write!(f, " (type {kind})"),
            (None, Some(uuid)) => write!(f, " (uuid {uuid})"),
            (None, None) => Ok(()),
        }
    }
}

impl From<HandlerError> for Error {
    fn from(error: HandlerError) -> Self {
        Self::Secret(error)
    }
}

impl From<Error> for HandlerError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Secret(error) => error,
            Error::BaseUrl { .. }
            | Error::Credentials { .. }
            | Error::Account(_)
            | Error::NotJson { .. }
            | Error::NotFound { .. } => Self::Config(message),
            Error::NotNow(_)
            | Error::Busy { .. }
            | Error::Unreachable { .. }
            | Error::Server { .. }
            | Error::Replaced { .. }
            | Error::Interrupted { .. } => Self::Retryable(message),
            Error::Refused { .. }
            | Error::SnapshotRequired { .. }
            | Error::Malformed { .. }
            | Error::Schema(_) => Self::Data(message),
        }
    }
}
