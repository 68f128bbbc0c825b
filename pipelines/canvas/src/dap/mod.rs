//! The client of Instructure's Data Access Platform (DAP), version 1 of its Query API.
//!
//! ```text
//! Dap: token (login, renewal) -> limits (one for the process) -> call (retries) -> wire (JSON)
//! download: object URL -> compressed bytes        gzip: compressed bytes -> verified bytes
//! ```
//!
//! Responsible for: speaking the protocol, waiting as the service wishes, retrying what a repeat can mend, and
//! errors that say what to do. Left to others: which jobs to ask for and when, and what rows mean.
//!
//! Source: DAP Query API (OpenAPI), DAP documentation of authentication, limits and formats.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Method, Url};
use serde_json::{Value, json};
use stepwell_pipeline::Context;
use stepwell_pipeline::secret::Secrets;

use crate::rows::Format;
use crate::schema::TableSchema;
use crate::schema::parse::parse;
use crate::target::TableName;

mod call;
mod download;
mod error;
pub mod gzip;
mod job;
mod limits;
mod memory;
mod token;
mod wire;

pub use download::{Body, TakeUp};
pub use error::{ApiError, Error};
pub use job::{Completed, Created, Job, Query, Status};
pub use limits::Rates;
pub use token::Credentials;

use call::Request;
use limits::{Endpoint, Limits};
use memory::SchemaMemory;
use token::TokenCache;

/// A connection to DAP with one pair of credentials. Shared by all tables of a run.
pub struct Dap {
    http: reqwest::Client,
    silence: Duration,
    base_url: Url,
    credentials: Credentials,
    secrets: Arc<dyn Secrets>,
    rates: Rates,
    limits: OnceLock<Arc<Limits>>,
    token: TokenCache,
    schemas: SchemaMemory,
}

/// Reads the URL of a service.
///
/// # Errors
/// [`Error::BaseUrl`] if it is not an `http` or `https` URL.
pub(crate) fn base_url(text: &str) -> Result<Url, Error> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or_else(|| Error::BaseUrl { base_url: text.to_owned() })
}

impl Dap {
    /// A client of the service at `base_url`. Contacts it with the first call. A download that drips is given up
    /// after `silence`, as `http` should give up a silent one.
    ///
    /// # Errors
    /// [`Error::BaseUrl`] if `base_url` is not an `http` or `https` URL.
    pub fn new(
        http: reqwest::Client,
        silence: Duration,
        base_url: &str,
        credentials: Credentials,
        secrets: Arc<dyn Secrets>,
        rates: Rates,
    ) -> Result<Self, Error> {
        let base_url = self::base_url(base_url)?;
        let (limits, token) = (OnceLock::new(), TokenCache::default());
        let schemas = SchemaMemory::default();
        Ok(Self { http, silence, base_url, credentials, secrets, rates, limits, token, schemas })
    }

    /// The tables of a namespace.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown namespace, and what every call may meet.
    pub async fn tables(&self, namespace: &str, ctx: &Context) -> Result<Vec<String>, Error> {
        let request = Request {
            endpoint: Endpoint::Tables,
            method: Method::GET,
            url: self.url(["dap", "query", namespace, "table"]),
            body: None,
            what: format!("list the tables of `{namespace}`"),
            table: None,
        };
        let answer: wire::Tables = self.call(&request, ctx).await?.body;
        Ok(answer.tables)
    }

    /// The schema of a table, at its present version.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown table, [`Error::Schema`] if it cannot be read, and what every
    /// call may meet.
    pub async fn schema(&self, table: &TableName, ctx: &Context) -> Result<TableSchema, Error> {
        let request = Request {
            endpoint: Endpoint::Schema,
            method: Method::GET,
            url: self.url(["dap", "query", &table.namespace, "table", &table.table, "schema"]),
            body: None,
            what: format!("get the schema of `{table}`"),
            table: Some(table.to_string()),
        };
        let answer: wire::Schema = self.call(&request, ctx).await?.body;
        let schema = parse(&table.namespace, &table.table, answer.version, answer.schema)?;
        self.schemas.remember(table, &schema);
        Ok(schema)
    }

    /// The schema of a table at an earlier version, if it was fetched not long ago: a job that was started
    /// before the schema changed still delivers rows of that version, and DAP tells the present one only.
    pub fn remembered_schema(&self, table: &TableName, version: i64) -> Option<TableSchema> {
        self.schemas.recall(table, version)
    }

    /// Asks for rows. The answer may be a job that an earlier, equal query started: see
    /// [`Created::age`].
    ///
    /// # Errors
    /// [`Error::SnapshotRequired`] if increments since that moment are not to be had, and what every call
    /// may meet.
    pub async fn create_job(
        &self,
        table: &TableName,
        query: Query,
        ctx: &Context,
    ) -> Result<Created, Error> {
        let request = Request {
            endpoint: Endpoint::CreateJob,
            method: Method::POST,
            url: self.url(["dap", "query", &table.namespace, "table", &table.table, "data"]),
            body: Some(query.body()),
            what: format!("start a job for `{table}`"),
            table: Some(table.to_string()),
        };
        let answer = self.call::<wire::Job>(&request, ctx).await?;
        let now = answer.server_time;
        let job = Job::read(answer.body).map_err(|problem| request.malformed(problem))?;
        Ok(Created { age: job.age(now), remaining: job.remaining(now), job })
    }

    /// How a job stands.
    ///
    /// # Errors
    /// [`Error::NotFound`] once the job has expired, and what every call may meet.
    pub async fn job(&self, id: &str, ctx: &Context) -> Result<Job, Error> {
        let request = Request {
            endpoint: Endpoint::Job,
            method: Method::GET,
            url: self.url(["dap", "job", id]),
            body: None,
            what: format!("look at job {id}"),
            table: None,
        };
        let answer = self.call::<wire::Job>(&request, ctx).await?;
        Job::read(answer.body).map_err(|problem| request.malformed(problem))
    }

    /// A fresh link to an object of a job. Links live for minutes: ask just before the download.
    async fn object_url(&self, object: &str, ctx: &Context) -> Result<Url, Error> {
        let request = Request {
            endpoint: Endpoint::ObjectUrl,
            method: Method::POST,
            url: self.url(["dap", "object", "url"]),
            body: Some(json!([{ "id": object }])),
            what: format!("get a link to object {object}"),
            table: None,
        };
        let answer: wire::ObjectUrls = self.call(&request, ctx).await?.body;
        let link = answer.urls.get(object).and_then(|link| Url::parse(&link.url).ok());
        link.ok_or_else(|| request.malformed("no link to the object in the answer"))
    }

    /// The limits that all clients of this process with the same credentials share.
    async fn limits(&self) -> Result<&Limits, Error> {
        if let Some(limits) = self.limits.get() {
            return Ok(limits);
        }
        let client_id = self.credentials.client_id.reveal(self.secrets.as_ref()).await?;
        let shared = Limits::shared(&self.base_url, &client_id, self.rates);
        Ok(self.limits.get_or_init(|| shared))
    }

    /// Every segment is escaped: the `#` of an id never becomes a fragment.
    fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.base_url.clone();
        url.path_segments_mut()
            .expect("http and https URLs have a path")
            .pop_if_empty()
            .extend(segments);
        url
    }
}

impl Query {
    /// `mode` is for tabular formats only.
    fn body(self) -> Value {
        match self {
            Self::Snapshot(Format::Tsv) => json!({"format": "tsv", "mode": "condensed"}),
            Self::Snapshot(Format::Jsonl) => json!({"format": "jsonl"}),
            Self::Increment { since } => {
                json!({"format": "tsv", "mode": "condensed", "since": since.to_string()})
            }
        }
    }
}
