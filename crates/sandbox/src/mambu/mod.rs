//! Mambu, API version 2, as far as reading goes: searches, lists, cursors, and the tables behind them.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use stepwell_sandbox::mambu::{Options, Sandbox};
//!
//! let sandbox = Sandbox::start(Options { records: 1_000, ..Options::default() }).await?;
//! println!("{} with key {}", sandbox.base_url(), sandbox.api_key());
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!   client --HTTP--> http::observer (latency, faults, log) --> key, version --> endpoint/* --> search --> data (records)
//!   test ---------> Sandbox ------------------------------------------------------------------------->      ^
//!   churn: records come, change and go behind each page -----------------------------------------------------+
//! ```
//!
//! Other processes steer the sandbox through `/_sandbox/...`.

mod data;
mod endpoint;
mod problem;
mod search;
mod service;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use crate::clock::TimeSource;
pub use crate::http::{HttpFault, Request};
pub use data::Advance;
pub use endpoint::Endpoint;
pub use problem::Problem;

use service::Service;

/// When a fault strikes which endpoint; `about` is a part of `METHOD /path?query\nbody`.
pub type FaultRule = crate::faults::FaultRule<Endpoint, HttpFault>;

/// How amounts are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Money {
    /// As numbers.
    #[default]
    Number,
    /// As texts.
    Text,
    /// As texts in every other record of a page.
    Mixed,
}

/// What happens behind each page: `{"table": "clients", "pages": 5, "changed": 3, "inserted": 1, "deleted": 1}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Churn {
    /// To this table; to the one that is read if none.
    pub table: Option<String>,
    /// Behind so many pages, then there is peace.
    pub pages: u64,
    /// So many records change.
    pub changed: usize,
    /// So many are new.
    pub inserted: usize,
    /// So many go without a trace.
    pub deleted: usize,
}

/// What the sandbox is to be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides values and keys.
    pub seed: u64,
    /// Clients, loans, deposits; three times as many transactions of each, and fewer of the rest.
    pub records: usize,
    /// So many records of each table, at most half, have one and the same time.
    pub equal_times: usize,
    /// Where time comes from.
    pub time: TimeSource,
    /// The tenant's zone: its offset stands in all times.
    pub zone: String,
    /// For HTTP Basic.
    pub username: String,
    /// For HTTP Basic.
    pub password: String,
    /// For `apiKey`.
    pub api_key: String,
    /// For `apiKey` of the audit trail.
    pub audit_key: String,
    /// How amounts are written.
    pub money: Money,
    /// No page has more records, whatever is asked for.
    pub page_max: usize,
    /// No page of the audit trail has more events.
    pub events_max: usize,
    /// What happens behind each page.
    pub churn: Option<Churn>,
    /// Added to every request.
    pub latency: Duration,
    /// What goes wrong from the beginning.
    pub faults: Vec<FaultRule>,
}

impl Default for Options {
    /// A hundred clients on 2026-03-01, in Berlin.
    fn default() -> Self {
        let start = Timestamp::from_second(1_772_355_600).expect("2026-03-01T09:00:00Z is a time");
        Self {
            seed: 1,
            records: 100,
            equal_times: 20,
            time: TimeSource::Manual(start),
            zone: "Europe/Berlin".to_owned(),
            username: "lake".to_owned(),
            password: "sandbox-password".to_owned(),
            api_key: "sandbox-api-key".to_owned(),
            audit_key: "sandbox-audit-key".to_owned(),
            money: Money::default(),
            page_max: 1_000,
            events_max: 10_000,
            churn: None,
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
    ///
    /// # Panics
    /// When [`Options::zone`] is no zone.
    pub async fn start(options: Options) -> io::Result<Self> {
        Self::start_at(options, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a sandbox on this address.
    ///
    /// # Errors
    /// When the address cannot be bound.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub async fn start_at(options: Options, listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let base_url = format!("http://{}/api", listener.local_addr()?);
        let service = Arc::new(Service::new(options, base_url));
        let router = endpoint::router(&service);
        let clock = Arc::clone(&service.clock);
        let server = tokio::spawn(crate::http::serve(listener, router, clock));
        Ok(Self { service, server })
    }

    /// `http://127.0.0.1:PORT/api`
    pub fn base_url(&self) -> &str {
        &self.service.base_url
    }

    /// What it was made with.
    pub fn options(&self) -> &Options {
        &self.service.options
    }

    /// For `apiKey`.
    pub fn api_key(&self) -> &str {
        &self.options().api_key
    }

    /// For `apiKey` of the audit trail.
    pub fn audit_key(&self) -> &str {
        &self.options().audit_key
    }

    /// Now, by the sandbox's clock.
    pub fn now(&self) -> Timestamp {
        self.service.now()
    }

    /// The truth: every record as it is now, amounts as text, times in UTC; empty if there is no such table.
    pub fn records(&self, table: &str) -> Vec<Value> {
        self.service.records(table).unwrap_or_default()
    }

    /// Lets life go on at this moment. False if the table is not there.
    pub fn advance(&self, wanted: &Advance) -> bool {
        self.service.advance(wanted)
    }

    /// A new record; its key.
    pub fn insert(&self, table: &str) -> Option<String> {
        let now = self.service.now();
        let mut tenant = self.service.tenant();
        let place = tenant.insert(table, now)?;
        Some(tenant.tables.get(table)?.rows[place].text("encodedKey").to_owned())
    }

    /// Gives a record other values. False if it is not there.
    pub fn change(&self, table: &str, key: &str) -> bool {
        self.service.change(table, key)
    }

    /// Takes a record away; nothing tells of it. False if it is not there.
    pub fn delete(&self, table: &str, key: &str) -> bool {
        self.service.delete(table, key)
    }

    /// Takes a transaction back with another one. False if it is not there.
    pub fn adjust(&self, table: &str, key: &str) -> bool {
        self.service.adjust(table, key)
    }

    /// What happens behind each page from now on.
    pub fn set_churn(&self, churn: Option<Churn>) {
        self.service.set_churn(churn);
    }

    /// Moves the sandbox's clock on.
    pub fn move_clock(&self, by: Duration) {
        self.service.clock.move_on(by);
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
    fn records(&self, table: &str) -> Option<Vec<Value>> {
        Some(self.tenant().table(table)?.rows.iter().map(|row| row.value.told()).collect())
    }

    fn advance(&self, wanted: &Advance) -> bool {
        let now = self.now();
        data::advance(&mut self.tenant(), wanted, now)
    }

    fn change(&self, table: &str, key: &str) -> bool {
        let now = self.now();
        let mut tenant = self.tenant();
        tenant.place_of(table, key).is_some_and(|place| tenant.change(table, place, now))
    }

    fn delete(&self, table: &str, key: &str) -> bool {
        let mut tenant = self.tenant();
        let Some(place) = tenant.place_of(table, key) else { return false };
        tenant.tables.get_mut(table).map(|table| table.rows.remove(place)).is_some()
    }

    fn adjust(&self, table: &str, key: &str) -> bool {
        let now = self.now();
        let mut tenant = self.tenant();
        tenant.place_of(table, key).is_some_and(|place| tenant.adjust(table, place, now))
    }
}
