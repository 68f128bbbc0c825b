//! What can go wrong with DAP.

use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;

/// When a fault strikes; it can be `about` one table, `namespace.table`.
pub type FaultRule = crate::faults::FaultRule<Endpoint, Fault>;

pub(crate) type Faults = crate::faults::Faults<Endpoint, Fault>;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// 429, with `Retry-After` if `seconds` are given.
    TooManyRequests {
        /// For `Retry-After`.
        #[serde(default)]
        seconds: Option<u64>,
    },
    /// A server error with the service's own body; the message is empty, as it often is.
    ServerError {
        /// 500, 502, 503 or 504.
        status: u16,
    },
    /// A page in HTML from something between the client and the service.
    GatewayPage {
        /// Its status; 200 is possible.
        status: u16,
    },
    /// 401 on a valid token.
    Unauthorized,
    /// 403: the account may not use the service.
    Account {
        /// Why not.
        problem: AccountProblem,
    },
    /// 404.
    NotFound,
    /// The connection closes without an answer.
    DropConnection,
    /// `create_job`: the job fails.
    FailJob {
        /// Of the job's error; often empty.
        #[serde(default)]
        message: String,
    },
    /// `create_job`: the job runs for so many polls, then fails; it runs for ever if none are given.
    StickJob {
        /// Calls of `GET /dap/job/{id}` before the failure.
        #[serde(default)]
        polls: Option<u64>,
    },
    /// `create_job`: the table gains a column just before the job, so that the schema fetched before is out of date.
    BumpSchema,
    /// `download`: 403 with S3's body for an expired link.
    ExpiredLink,
    /// `download`: another file lies there by now, with another `ETag` and the same bytes.
    AnotherFile,
    /// `download`: the same, from an intermediary that does not heed `If-Match`.
    AnotherFileUnasked,
    /// `download`: the connection breaks in the middle of the body.
    BreakBody,
    /// `download`: the body ends in the middle and `Content-Length` agrees.
    TruncateBody,
    /// `download`: the checksum in the trailer is wrong.
    CorruptChecksum,
    /// `download`: the body comes slowly.
    Dribble {
        /// How slowly.
        bytes_per_second: u64,
    },
}

/// Why an account may not use the service; its name is the `type` of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountProblem {
    /// The account was never set up for the service.
    AccountNotOnboarded,
    /// The account is switched off.
    AccountDisabled,
    /// The account is being worked on.
    AccountUnderMaintenance,
    /// The account may not ask for this.
    RequestTypeForbidden,
}
