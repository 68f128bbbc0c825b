//! Salesforce, as far as reading goes: tokens, describe, SOQL over REST, query jobs of the Bulk API 2.0, and the lists of deleted records.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use stepwell_sandbox::salesforce::{Options, Sandbox};
//!
//! let sandbox = Sandbox::start(Options { records: 5_000, ..Options::default() }).await?;
//! println!("{} for client {}", sandbox.base_url(), sandbox.client_id());
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!   client --HTTP--> http::observer (latency, faults, log) --> session, quota --> endpoint/* --> soql --> data (records)
//!   test ---------> Sandbox ------------------------------------------------------------------------->      ^
//! ```
//!
//! What the documentation leaves open is an option: whether later pages of a job have a header row, how soon jobs end, whether refresh
//! tokens rotate. Other processes steer the sandbox through `/_sandbox/...`.

mod data;
mod endpoint;
mod jobs;
mod problem;
mod service;
mod soql;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use crate::clock::TimeSource;
pub use crate::http::{HttpFault, Request};
pub use data::{Advance, Truth};
pub use endpoint::Endpoint;
pub use problem::Problem;

use data::Cell;
use service::Service;

/// When a fault strikes which endpoint; `about` is a part of `METHOD /path?query\nbody`.
pub type FaultRule = crate::faults::FaultRule<Endpoint, HttpFault>;

/// The key that assertions are signed with: PKCS #8. It opens nothing but sandboxes.
const PRIVATE_KEY: &[u8] = include_bytes!("private-key.pk8");

/// Which pages of a job's results have a header row. The guide lets one think all of them; one report says the first only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkHeader {
    /// All of them.
    #[default]
    EveryPage,
    /// The first.
    FirstPage,
}

/// What the sandbox is to be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides values.
    pub seed: u64,
    /// Accounts, contacts and invoices; half as many opportunities, a fifth of events and logins. Every twenty-third is deleted.
    pub records: usize,
    /// So many of them, at most half, have one and the same stamp.
    pub equal_stamps: usize,
    /// Where time comes from.
    pub time: TimeSource,
    /// The consumer key.
    pub client_id: String,
    /// The consumer secret.
    pub client_secret: String,
    /// The user.
    pub username: String,
    /// The user's password, without the security token.
    pub password: String,
    /// What has to follow the password.
    pub security_token: String,
    /// The first refresh token.
    pub refresh_token: String,
    /// Whether each refresh gives another refresh token.
    pub rotate_refresh_tokens: bool,
    /// How long a session lives unused.
    pub session_lifetime: Duration,
    /// How long the further pages of a query are there.
    pub locator_lifetime: Duration,
    /// Calls of a day.
    pub daily_requests: u64,
    /// No page of a query has more records.
    pub query_page_max: usize,
    /// No page of a job has more records.
    pub bulk_page_max: usize,
    /// How often a job has to be asked for until it has ended.
    pub polls_until_done: u32,
    /// Which pages of a job have a header row.
    pub bulk_header: BulkHeader,
    /// A query that reaches over a longer time takes too long.
    pub query_timeout_over: Option<Duration>,
    /// No list of updated or deleted records has more ids.
    pub replication_ids_max: usize,
    /// Added to every request.
    pub latency: Duration,
    /// What goes wrong from the beginning.
    pub faults: Vec<FaultRule>,
}

impl Default for Options {
    /// Two hundred accounts on 2026-03-01, and a service as its documentation has it.
    fn default() -> Self {
        let start = Timestamp::from_second(1_772_355_600).expect("2026-03-01T09:00:00Z is a time");
        Self {
            seed: 1,
            records: 200,
            equal_stamps: 40,
            time: TimeSource::Manual(start),
            client_id: "3MVG9.sandbox".to_owned(),
            client_secret: "sandbox-client-secret".to_owned(),
            username: "lake@acme.example".to_owned(),
            password: "sandbox-password".to_owned(),
            security_token: "SECURITYTOKEN".to_owned(),
            refresh_token: "5Aep861.sandbox".to_owned(),
            rotate_refresh_tokens: false,
            session_lifetime: Duration::from_hours(2),
            locator_lifetime: Duration::from_hours(48),
            daily_requests: 15_000,
            query_page_max: 2_000,
            bulk_page_max: 50_000,
            polls_until_done: 2,
            bulk_header: BulkHeader::default(),
            query_timeout_over: None,
            replication_ids_max: 600_000,
            latency: Duration::ZERO,
            faults: Vec::new(),
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
    /// When no port can be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        Self::start_at(options, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a sandbox on this address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start_at(options: Options, listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let service = Arc::new(Service::new(options, base_url));
        let router = endpoint::router(&service);
        let clock = Arc::clone(&service.clock);
        let server = tokio::spawn(crate::http::serve(listener, router, clock));
        Ok(Self { service, server })
    }

    /// `http://127.0.0.1:PORT`: where tokens are to be had, and the instance.
    pub fn base_url(&self) -> &str {
        &self.service.base_url
    }

    /// What it was made with.
    pub fn options(&self) -> &Options {
        &self.service.options
    }

    /// The consumer key.
    pub fn client_id(&self) -> &str {
        &self.options().client_id
    }

    /// The consumer secret.
    pub fn client_secret(&self) -> &str {
        &self.options().client_secret
    }

    /// The user.
    pub fn username(&self) -> &str {
        &self.options().username
    }

    /// The password as the flow wants it: with the security token behind it.
    pub fn password(&self) -> String {
        format!("{}{}", self.options().password, self.options().security_token)
    }

    /// The key that assertions are signed with, as PEM.
    pub fn private_key_pem(&self) -> String {
        let text = STANDARD.encode(PRIVATE_KEY);
        let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let lines = lines.collect::<Vec<_>>().join("\n");
        format!("-----BEGIN {0}-----\n{lines}\n-----END {0}-----\n", "PRIVATE KEY")
    }

    /// Now, by the sandbox's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.service.now()).unwrap_or(Timestamp::MAX)
    }

    /// The truth: every record as it is now, those in the recycle bin included; empty if there is no such object.
    pub fn records(&self, object: &str) -> Vec<Truth> {
        self.service.records(object).unwrap_or_default()
    }

    /// Ids of records that are gone for good, and when they were deleted.
    pub fn hard_deleted(&self, object: &str) -> Vec<(String, Timestamp)> {
        self.service.hard_deleted(object)
    }

    /// Lets life go on at this moment. False if the object is not there.
    pub fn advance(&self, wanted: &Advance) -> bool {
        self.service.advance(wanted)
    }

    /// A new record; its id, if there is such an object.
    pub fn insert(&self, object: &str) -> Option<String> {
        let now = self.service.now();
        Some(self.service.organization().table_mut(object)?.insert(now))
    }

    /// Gives a record other values. False if it is not there.
    pub fn change(&self, object: &str, id: &str) -> bool {
        let now = self.service.now();
        self.service.organization().table_mut(object).is_some_and(|it| it.change(id, now))
    }

    /// Sets one text. False if record or field are not there.
    pub fn set_text(&self, object: &str, id: &str, field: &str, text: &str) -> bool {
        let (now, value) = (self.service.now(), Cell::Text(text.to_owned()));
        self.service
            .organization()
            .table_mut(object)
            .is_some_and(|it| it.set(id, field, value, now))
    }

    /// Moves a record to the recycle bin. False if it is not there.
    pub fn delete(&self, object: &str, id: &str) -> bool {
        let now = self.service.now();
        self.service.organization().table_mut(object).is_some_and(|it| it.delete(id, now))
    }

    /// Deletes a record for good. False if it is not there.
    pub fn hard_delete(&self, object: &str, id: &str) -> bool {
        let now = self.service.now();
        self.service.organization().table_mut(object).is_some_and(|it| it.erase(id, now))
    }

    /// Takes a record away as if it had never been. False if it is not there.
    pub fn lose(&self, object: &str, id: &str) -> bool {
        self.service.organization().table_mut(object).is_some_and(|it| it.rows.remove(id).is_some())
    }

    /// Moves the sandbox's clock on.
    pub fn move_clock(&self, by: Duration) {
        self.service.clock.move_on(by);
    }

    /// Ends all sessions.
    pub fn expire_sessions(&self) {
        self.service.state().sessions.clear();
    }

    /// Forgets the further pages of all queries.
    pub fn expire_cursors(&self) {
        self.service.state().cursors.clear();
    }

    /// Forgets all jobs.
    pub fn forget_jobs(&self) {
        self.service.state().jobs.clear();
    }

    /// A query over a longer time takes too long from now on.
    pub fn set_query_timeout(&self, over: Option<Duration>) {
        self.service.state().query_timeout_over = over;
    }

    /// The calls of today.
    pub fn used_today(&self) -> u64 {
        self.service.used_today()
    }

    /// Adds a fault.
    pub fn add_fault(&self, rule: FaultRule) {
        self.service.observer.add_fault(rule);
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.service.observer.clear_faults();
    }

    /// Changes what is added to every request.
    pub fn set_latency(&self, latency: Duration) {
        self.service.observer.set_latency(latency);
    }

    /// All requests, in the order in which they came.
    pub fn log(&self) -> Vec<Request<Endpoint>> {
        self.service.observer.requests()
    }

    /// How many requests each endpoint has had.
    pub fn requests(&self) -> BTreeMap<Endpoint, u64> {
        self.service.observer.counts()
    }

    /// Log and counts start anew.
    pub fn forget_requests(&self) {
        self.service.observer.forget();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What tests do to the records, here and through `/_sandbox/...`.
impl Service {
    fn records(&self, object: &str) -> Option<Vec<Truth>> {
        let organization = self.organization();
        let table = organization.table(object)?;
        Some(table.rows.iter().map(|(id, row)| table.truth(id, row)).collect())
    }

    fn hard_deleted(&self, object: &str) -> Vec<(String, Timestamp)> {
        let organization = self.organization();
        let gone = organization.table(object).map(|table| table.hard_deleted.clone());
        let time = |millis| Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
        gone.unwrap_or_default().into_iter().map(|(id, at)| (id, time(at))).collect()
    }

    fn advance(&self, wanted: &Advance) -> bool {
        // Stamps have whole seconds.
        let now = self.now() - self.now().rem_euclid(1_000);
        data::advance(&mut self.organization(), wanted, now)
    }
}
