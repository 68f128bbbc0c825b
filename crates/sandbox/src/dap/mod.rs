//! The Instructure Data Access Platform (Canvas Data 2), close enough for its official client.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use stepwell_sandbox::dap::{Advance, Options, Sandbox};
//!
//! let sandbox = Sandbox::start(Options { total_rows: 500_000, ..Options::default() }).await?;
//! println!("DAP_API_URL={}", sandbox.base_url());
//! sandbox.advance(&Advance { seed: 1, changes: 1_000, tables: vec![] }).expect("all tables are there");
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!   client --HTTP--> server -> endpoint/* -> service -> data (source, tables, rows)
//!                                 |             |
//!                    faults, limits, token   jobs -> render -> format/* -> files
//! ```
//!
//! Rows are functions of seed, table and row number: nothing but changes is held in memory, and results are rendered to
//! temporary files once. Tests steer the sandbox through [`Sandbox`], or from other processes through `/_sandbox/...`.

mod data;
mod endpoint;
mod error;
mod faults;
mod format;
mod jobs;
mod limits;
mod presign;
mod render;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use data::advance::{Advance, Advanced, TableChanges};
pub use data::awkward::Awkward;
pub use data::evolution::{Evolution, EvolutionError};
pub use data::schema_json::SchemaForm;
pub use data::source::SourceError;
pub use endpoint::Endpoint;
pub use faults::{AccountProblem, Fault, FaultRule};
pub use jobs::JobTiming;
pub use limits::Limits;

use service::Service;

pub use crate::clock::TimeSource;
use crate::http;

/// What the sandbox is to be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides all data.
    pub seed: u64,
    /// The rows of namespace `canvas` in all, spread as in a real institution; the other namespaces are in proportion.
    pub total_rows: u64,
    /// The rows of single tables, as `namespace.table`.
    pub rows: BTreeMap<String, u64>,
    /// Which awkward values there are among the ordinary ones.
    pub awkward: BTreeSet<Awkward>,
    /// Rows in one result file.
    pub rows_per_part: u64,
    /// If given, each gzip file has several members with so many rows each.
    pub rows_per_gzip_member: Option<u64>,
    /// Calls per minute.
    pub limits: Limits,
    /// What goes wrong from the beginning.
    pub faults: Vec<FaultRule>,
    /// How long jobs take at least.
    pub job_timing: JobTiming,
    /// Whether a request with the parameters of an earlier one gets its job. The service does that.
    pub deduplicate_jobs: bool,
    /// Whether an incremental query repeats what was committed exactly at `since`. The documentation contradicts itself here.
    pub repeat_boundary: bool,
    /// How schemas are written.
    pub schema_form: SchemaForm,
    /// How long an access token lasts.
    pub token_lifetime: Duration,
    /// How long a pre-signed link lasts.
    pub url_lifetime: Duration,
    /// The client id that is accepted.
    pub client_id: String,
    /// The client secret that is accepted.
    pub client_secret: String,
    /// Where time comes from.
    pub time: TimeSource,
    /// Where result files are kept; the machine's folder for temporary files if none.
    pub files: Option<PathBuf>,
}

impl Default for Options {
    /// A small, well-behaved source without rate limits.
    fn default() -> Self {
        Self {
            seed: 1,
            total_rows: 10_000,
            rows: BTreeMap::new(),
            awkward: BTreeSet::new(),
            rows_per_part: 50_000,
            rows_per_gzip_member: None,
            limits: Limits::NONE,
            faults: Vec::new(),
            job_timing: JobTiming::default(),
            deduplicate_jobs: true,
            repeat_boundary: false,
            schema_form: SchemaForm::default(),
            token_lifetime: Duration::from_hours(1),
            url_lifetime: Duration::from_mins(15),
            client_id: "us-east-1#5a4dc1f0-0f5d-4a3e-8d3f-2f6f1b6f9c01".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
            time: TimeSource::default(),
            files: None,
        }
    }
}

/// A running sandbox; it stops when this is dropped.
pub struct Sandbox {
    service: Arc<Service>,
    server: JoinHandle<()>,
}

impl Sandbox {
    /// Starts a sandbox on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound or no temporary folder can be made.
    pub async fn start(options: Options) -> io::Result<Self> {
        Self::start_at(options, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a sandbox on this address.
    ///
    /// # Errors
    /// When the address cannot be bound or no temporary folder can be made.
    pub async fn start_at(options: Options, listen: SocketAddr) -> io::Result<Self> {
        let (listener, service) = bind(options, listen).await?;
        let server = tokio::spawn(answer(listener, Arc::clone(&service)));
        Ok(Self { service, server })
    }

    /// `http://127.0.0.1:PORT`, for `DAP_API_URL`.
    pub fn base_url(&self) -> &str {
        &self.service.base_url
    }

    /// For `DAP_CLIENT_ID`.
    pub fn client_id(&self) -> &str {
        &self.service.client_id
    }

    /// For `DAP_CLIENT_SECRET`.
    pub fn client_secret(&self) -> &str {
        &self.service.client_secret
    }

    /// Changes rows.
    ///
    /// # Errors
    /// [`SourceError::NoSuchTable`]; nothing has changed then.
    pub fn advance(&self, wanted: &Advance) -> Result<Advanced, SourceError> {
        self.service.advance(wanted)
    }

    /// Changes the schema of a table, `namespace.table`; returns the new version.
    ///
    /// # Errors
    /// [`SourceError`], if there is no such table or its schema cannot change so.
    pub fn evolve(&self, table: &str, evolution: &Evolution) -> Result<u32, SourceError> {
        self.service.source().evolve(table, evolution)
    }

    /// Changes the schemas of some tables of a namespace in some way that the seed decides; returns what changed.
    ///
    /// Every change is one that the official client can follow.
    pub fn evolve_somehow(
        &self,
        namespace: &str,
        seed: u64,
        changes: u64,
    ) -> Vec<(String, Evolution)> {
        self.service.source().evolve_somehow(namespace, seed, changes)
    }

    /// Loads a table anew: all rows change, some go, and increments need a new snapshot.
    ///
    /// # Errors
    /// [`SourceError::NoSuchTable`]
    pub fn reload(&self, table: &str) -> Result<(), SourceError> {
        self.service.reload(table)
    }

    /// Forgets the changes of a table so far: older queries are out of range.
    ///
    /// # Errors
    /// [`SourceError::NoSuchTable`]
    pub fn forget_history(&self, table: &str) -> Result<(), SourceError> {
        self.service.source().forget_history(table)
    }

    /// Adds a fault.
    pub fn add_fault(&self, rule: FaultRule) {
        self.service.faults.add(rule);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.service.faults.clear();
    }

    /// Changes the limits; the counts start anew.
    pub fn set_limits(&self, limits: Limits) {
        self.service.limiter.set(limits);
    }

    /// Moves the sandbox's clock on: tokens, links and jobs grow older.
    pub fn move_clock(&self, by: Duration) {
        self.service.clock.move_on(by);
    }

    /// How many requests each endpoint has had.
    pub fn requests(&self) -> BTreeMap<Endpoint, u64> {
        self.service.requests()
    }

    /// Which bytes of result files were sent, in the order of the requests.
    pub fn downloads(&self) -> Vec<Range<u64>> {
        self.service.downloads()
    }

    /// All tables, as `namespace.table`.
    pub fn tables(&self) -> Vec<String> {
        self.service.source().names().cloned().collect()
    }

    /// The truth: every row of a table as a replica should hold it now, in the order in which the rows came to be.
    ///
    /// A row is `{"id": 1, "name": null, ...}`: key first, then every column of the current schema. Timestamps, dates, times,
    /// UUIDs and decimals are strings as on the wire; so are `NaN`, `Infinity` and `-Infinity`.
    ///
    /// # Errors
    /// [`SourceError::NoSuchTable`]
    pub fn rows(
        &self,
        table: &str,
    ) -> Result<impl Iterator<Item = Value> + Send + use<>, SourceError> {
        Ok(self.service.source().hold_still(table)?.into_json_rows())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves a sandbox on this address for ever.
///
/// # Errors
/// When the address cannot be bound or no temporary folder can be made.
pub async fn serve(options: Options, listen: SocketAddr) -> io::Result<()> {
    let (listener, service) = bind(options, listen).await?;
    answer(listener, service).await;
    Ok(())
}

async fn answer(listener: TcpListener, service: Arc<Service>) {
    let clock = Arc::clone(&service.clock);
    http::serve(listener, endpoint::router(service), clock).await;
}

async fn bind(options: Options, listen: SocketAddr) -> io::Result<(TcpListener, Arc<Service>)> {
    let listener = TcpListener::bind(listen).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    Ok((listener, Arc::new(Service::new(options, base_url)?)))
}
