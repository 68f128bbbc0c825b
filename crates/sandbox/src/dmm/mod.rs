//! Data Mesh Manager (Entropy Data), as far as access agreements go: the events feed and the documents behind it.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use stepwell_sandbox::dmm::{Options, Sandbox};
//!
//! let sandbox = Sandbox::start(Options { agreements: 200, ..Options::default() }).await?;
//! println!("{} with key {}", sandbox.base_url(), sandbox.api_key());
//! sandbox.deactivate("acc-0001").expect("it is there");
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!   client --HTTP--> http::observer (latency, faults, log) --> key --> endpoint/* --> organization (documents, feed)
//!   test ---------> Sandbox ------------------------------------------------------>      ^
//!   clock: dates come, accesses begin and end -------------------------------------------+
//! ```
//!
//! What the documentation leaves open is a switch: what an unknown cursor is answered with, whether there are endpoints for provisioning,
//! which generations of event names are emitted. Other processes steer the sandbox through `/_sandbox/...`.

mod data;
mod endpoint;
mod organization;
mod problem;
mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use crate::clock::TimeSource;
pub use crate::http::{HttpFault, Request};
pub use data::{Agreement, Awkward};
pub use endpoint::Endpoint;
pub use organization::Generation;
pub use problem::{Problem, Violation};

use organization::access::{Status, check_id};
use organization::feed::Principal;
use organization::{id_of, text};
use service::Service;

/// When a fault strikes which endpoint; `about` is a part of `METHOD /path?query\nbody`.
pub type FaultRule = crate::faults::FaultRule<Endpoint, HttpFault>;

/// What a cursor that the feed does not know is answered with. The documentation does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownCursor {
    /// 400
    #[default]
    BadRequest,
    /// 404
    NotFound,
    /// Everything from the first event.
    Replay,
    /// No event, ever.
    Empty,
}

/// Whether there are endpoints for provisioning. Older versions have none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provisioning {
    /// They are there.
    #[default]
    On,
    /// 404, as for any path that is not there.
    NotFound,
    /// 405
    MethodNotAllowed,
}

/// What the sandbox is to be like.
#[derive(Debug, Clone)]
pub struct Options {
    /// Decides ids of events and the backlog.
    pub seed: u64,
    /// Well-behaved agreements: S3 buckets and Glue tables, both formats of documents, most of them active, some to come, some
    /// ended. With 0 the organization is empty but for awkward ones.
    pub agreements: usize,
    /// Consumer products that they spread over; a fifth of the agreements if none. One crowds a single role.
    pub consumers: Option<usize>,
    /// One further agreement for each.
    pub awkward: BTreeSet<Awkward>,
    /// The key that is accepted.
    pub api_key: String,
    /// Where time comes from.
    pub time: TimeSource,
    /// What an unknown cursor is answered with.
    pub unknown_cursor: UnknownCursor,
    /// Whether there are endpoints for provisioning.
    pub provisioning: Provisioning,
    /// The names of events about accesses; each event is there once for each. With [`Generation::DataContract`],
    /// `/api/datacontracts` means accesses.
    pub generations: Vec<Generation>,
    /// Whether each event is there twice, with the same id.
    pub repeat_events: bool,
    /// Whether a cursor whose event is there twice means the first of them, not the last.
    pub cursor_means_first: bool,
    /// Whether `/api/access` is not there, as before 2024.
    pub hide_access: bool,
    /// The events that are kept, the newest; all if none.
    pub retention: Option<usize>,
    /// Added to every request.
    pub latency: Duration,
    /// What goes wrong from the beginning.
    pub faults: Vec<FaultRule>,
}

impl Default for Options {
    /// Twenty well-behaved agreements on 2026-03-01, and a service as its documentation has it.
    fn default() -> Self {
        let start = Timestamp::from_second(1_772_355_600).expect("2026-03-01T09:00:00Z is a time");
        Self {
            seed: 1,
            agreements: 20,
            consumers: None,
            awkward: BTreeSet::new(),
            api_key: "ed-ak-sandbox".to_owned(),
            time: TimeSource::Manual(start),
            unknown_cursor: UnknownCursor::default(),
            provisioning: Provisioning::default(),
            generations: vec![Generation::Access],
            repeat_events: false,
            cursor_means_first: false,
            hide_access: false,
            retention: None,
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
        let (listener, service) = bind(options, listen).await?;
        let router = endpoint::router(&service);
        let clock = Arc::clone(&service.clock);
        let server = tokio::spawn(crate::http::serve(listener, router, clock));
        Ok(Self { service, server })
    }

    /// `http://127.0.0.1:PORT`
    pub fn base_url(&self) -> &str {
        &self.service.base_url
    }

    /// For `x-api-key`.
    pub fn api_key(&self) -> &str {
        &self.service.api_key
    }

    /// The truth: every agreement as it is now, with what its documents ask for.
    pub fn agreements(&self) -> Vec<Agreement> {
        data::agreements(&self.service.organization(), &self.service.awkward)
    }

    /// An access as `/api/access` has it.
    pub fn access(&self, id: &str) -> Option<Value> {
        let organization = self.service.organization();
        let today = organization.today();
        organization.access(id).ok().map(|access| access.render(today))
    }

    /// A data product.
    pub fn data_product(&self, id: &str) -> Option<Value> {
        self.service.organization().data_products.get(id).cloned()
    }

    /// A team.
    pub fn team(&self, id: &str) -> Option<Value> {
        self.service.organization().teams.get(id).cloned()
    }

    /// What was reported about an access.
    pub fn provisioning(&self, id: &str) -> Option<Value> {
        self.service.organization().access(id).ok()?.provisioning.clone()
    }

    /// All events that are kept, the oldest first.
    pub fn events(&self) -> Vec<Value> {
        self.service.organization().feed.all()
    }

    /// Sends an event again, at the end of the feed and with the same id. False if it is not kept.
    pub fn send_again(&self, event: &str) -> bool {
        self.service.change(|it| it.feed.send_again(event))
    }

    /// The id of the newest event.
    pub fn last_event_id(&self) -> Option<String> {
        self.events().last().map(|event| id_of(event).to_owned())
    }

    /// Today, by the sandbox's clock.
    pub fn today(&self) -> Date {
        self.service.organization().today()
    }

    /// Creates or replaces an access; a new one has the status of its `info.status`, `requested` if there is none.
    ///
    /// Unlike `PUT` it takes anything, since old documents are not always what the schema says now.
    ///
    /// # Errors
    /// 400, if its `id` is not one segment of a path.
    pub fn put_access(&self, document: Value) -> Result<(), Problem> {
        check_id(id_of(&document))?;
        let status = Status::of(text(&document, "/info/status")).unwrap_or(Status::Requested);
        self.service.change(|it| it.put_access(document, status, Principal::User));
        Ok(())
    }

    /// Creates or replaces a data product.
    ///
    /// # Errors
    /// 400, if its `id` is not one segment of a path.
    pub fn put_data_product(&self, document: Value) -> Result<(), Problem> {
        check_id(id_of(&document))?;
        self.service.change(|it| it.put_data_product(document, Principal::User));
        Ok(())
    }

    /// Creates or replaces a team.
    ///
    /// # Errors
    /// 400, if its `id` is not one segment of a path.
    pub fn put_team(&self, document: Value) -> Result<(), Problem> {
        check_id(id_of(&document))?;
        self.service.change(|it| it.put_team(document, Principal::User));
        Ok(())
    }

    /// Changes an access in some way.
    ///
    /// # Errors
    /// 404
    pub fn change_access(&self, id: &str, change: impl FnOnce(&mut Value)) -> Result<(), Problem> {
        let mut document = self.access(id).ok_or_else(|| Problem::not_found("Access", id))?;
        change(&mut document);
        self.put_access(document)
    }

    /// Changes a data product in some way.
    ///
    /// # Errors
    /// 404
    pub fn change_data_product(
        &self,
        id: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<(), Problem> {
        let found = self.data_product(id);
        let mut document = found.ok_or_else(|| Problem::not_found("Data product", id))?;
        change(&mut document);
        self.put_data_product(document)
    }

    /// The owner approves.
    ///
    /// # Errors
    /// 404
    pub fn approve(&self, id: &str) -> Result<(), Problem> {
        self.service.change(|it| it.decide(id, Status::Approved, Principal::User))
    }

    /// The owner rejects.
    ///
    /// # Errors
    /// 404
    pub fn reject(&self, id: &str) -> Result<(), Problem> {
        self.service.change(|it| it.decide(id, Status::Rejected, Principal::User))
    }

    /// It ends after this day.
    ///
    /// # Errors
    /// 404
    pub fn cancel(&self, id: &str, end: Date) -> Result<(), Problem> {
        self.service.change(|it| it.cancel(id, end, Principal::User))
    }

    /// Approved, begun today, without end.
    ///
    /// # Errors
    /// 404
    pub fn activate(&self, id: &str) -> Result<(), Problem> {
        self.service.change(|it| it.set_active(id, true))
    }

    /// Ended yesterday.
    ///
    /// # Errors
    /// 404
    pub fn deactivate(&self, id: &str) -> Result<(), Problem> {
        self.service.change(|it| it.set_active(id, false))
    }

    /// Deletes an access; it is 404 from then on.
    ///
    /// # Errors
    /// 404
    pub fn delete_access(&self, id: &str) -> Result<(), Problem> {
        self.service.change(|it| it.delete_access(id, Principal::User))
    }

    /// Deletes a data product.
    ///
    /// # Errors
    /// 404; 422 while an active access needs it.
    pub fn delete_data_product(&self, id: &str) -> Result<(), Problem> {
        self.service.change(|it| it.delete_data_product(id, false, Principal::User))
    }

    /// Deletes a data product though it is needed: accesses have the provider `unknown` from then on, or a consumer that is gone.
    ///
    /// # Errors
    /// 404
    pub fn remove_data_product(&self, id: &str) -> Result<(), Problem> {
        self.service.change(|it| it.delete_data_product(id, true, Principal::User))
    }

    /// Adds so many events about the first `accesses` agreements and their products, of all kinds and of unknown ones.
    ///
    /// Documents stay as they are: these are events of a long past, of which only the present is to be found.
    pub fn add_backlog(&self, events: usize, accesses: usize) {
        self.service.add_backlog(events, accesses);
    }

    /// Keeps only so many events, the newest: cursors before them are unknown.
    pub fn forget_events(&self, keep: usize) {
        self.service.change(|it| it.feed.forget(keep));
    }

    /// Moves the sandbox's clock on: dates come.
    pub fn move_clock(&self, by: Duration) {
        self.service.clock.move_on(by);
        self.service.change(|_| ());
    }

    /// Switches what an unknown cursor is answered with.
    pub fn set_unknown_cursor(&self, unknown_cursor: UnknownCursor) {
        self.service.switch(|it| it.unknown_cursor = unknown_cursor);
    }

    /// Switches the endpoints for provisioning.
    pub fn set_provisioning(&self, provisioning: Provisioning) {
        self.service.switch(|it| it.provisioning = provisioning);
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

    /// How many requests changed something.
    pub fn writes(&self) -> u64 {
        let is_write =
            |it: &Request<Endpoint>| it.method != "GET" && matches!(it.status, Some(200..300));
        self.log().into_iter().filter(is_write).count() as u64
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

/// Serves a sandbox on this address for ever.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(options: Options, listen: SocketAddr) -> io::Result<()> {
    let (listener, service) = bind(options, listen).await?;
    crate::http::serve(listener, endpoint::router(&service), Arc::clone(&service.clock)).await;
    Ok(())
}

async fn bind(options: Options, listen: SocketAddr) -> io::Result<(TcpListener, Arc<Service>)> {
    let listener = TcpListener::bind(listen).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    Ok((listener, Arc::new(Service::new(options, base_url))))
}
