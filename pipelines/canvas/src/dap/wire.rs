//! The JSON of DAP, as it is on the wire.

use std::collections::HashMap;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use super::ApiError;

/// `POST /ids/auth/login`
#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) access_token: SecretString,
    /// Seconds.
    pub(super) expires_in: u64,
}

/// `GET /dap/query/{namespace}/table`
#[derive(Deserialize)]
pub(super) struct Tables {
    pub(super) tables: Vec<String>,
}

/// `GET /dap/query/{namespace}/table/{table}/schema`
#[derive(Deserialize)]
pub(super) struct Schema {
    pub(super) schema: Value,
    pub(super) version: i64,
}

/// `POST /dap/query/{namespace}/table/{table}/data` and `GET /dap/job/{id}`: all forms of a job in one.
#[derive(Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) objects: Option<Vec<Object>>,
    pub(super) schema_version: Option<i64>,
    pub(super) at: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) error: Option<ApiError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Waiting,
    Running,
    Complete,
    Failed,
}

#[derive(Deserialize)]
pub(super) struct Object {
    pub(super) id: String,
}

/// `POST /dap/object/url`
#[derive(Deserialize)]
pub(super) struct ObjectUrls {
    pub(super) urls: HashMap<String, ObjectUrl>,
}

#[derive(Deserialize)]
pub(super) struct ObjectUrl {
    pub(super) url: String,
}

/// The envelope of every error.
#[derive(Deserialize)]
pub(super) struct ErrorAnswer {
    pub(super) error: ErrorBody,
}

/// The classes of errors are told apart by their members more than by `type`, which is no stable list.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    #[serde(flatten)]
    pub(super) api: ApiError,
    /// Of a NotFoundError: `namespace`, `table`, `object` or `job`.
    pub(super) kind: Option<String>,
    /// Of an OutOfRangeError or SnapshotRequiredError: the earliest moment permitted.
    pub(super) since: Option<Timestamp>,
}
