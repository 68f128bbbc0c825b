//! What all endpoints share: the organization, the clock, the observer, and the switches.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use super::data::{self, Awkward};
use super::endpoint::Endpoint;
use super::organization::Organization;
use super::organization::feed::Feed;
use super::{Options, Provisioning, UnknownCursor};
use crate::clock::Clock;
use crate::http::Observer;

/// The running sandbox, without its socket.
pub(crate) struct Service {
    pub(crate) base_url: String,
    pub(crate) api_key: String,
    pub(crate) clock: Arc<Clock>,
    pub(crate) observer: Arc<Observer<Endpoint>>,
    pub(crate) switches: Mutex<Switches>,
    /// Told of every change, for requests that wait for events.
    pub(crate) changed: Notify,
    /// The accesses that were made awkward, and how.
    pub(crate) awkward: Vec<(String, Awkward)>,
    /// Whether `/api/datacontracts` still means accesses, as in the first generation.
    pub(crate) contracts_are_accesses: bool,
    /// Whether `/api/access` is not there yet.
    pub(crate) hides_access: bool,
    seed: u64,
    organization: Mutex<Organization>,
}

/// What can be switched while it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switches {
    pub(crate) unknown_cursor: UnknownCursor,
    pub(crate) provisioning: Provisioning,
}

impl Service {
    pub(crate) fn new(options: Options, base_url: String) -> Self {
        let clock = Arc::new(Clock::new(options.time));
        let feed = Feed::new(
            options.seed,
            options.repeat_events,
            options.cursor_means_first,
            options.retention,
        );
        let generations = options.generations.clone();
        let mut organization = Organization::new(Arc::clone(&clock), generations, feed);
        let awkward = data::populate(&mut organization, &options);
        Self {
            base_url,
            observer: Arc::new(Observer::new(options.seed, options.faults, options.latency)),
            switches: Mutex::new(Switches {
                unknown_cursor: options.unknown_cursor,
                provisioning: options.provisioning,
            }),
            changed: Notify::new(),
            awkward,
            contracts_are_accesses: options.generations.contains(&super::Generation::DataContract),
            hides_access: options.hide_access,
            seed: options.seed,
            api_key: options.api_key,
            clock,
            organization: Mutex::new(organization),
        }
    }

    /// The organization as of now: dates that have come since the last look have taken effect.
    pub(crate) fn organization(&self) -> MutexGuard<'_, Organization> {
        let mut organization = self.organization.lock().expect("changing it does not panic");
        organization.settle_all();
        organization
    }

    /// Changes the organization, and wakes who waits for events.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Organization) -> T) -> T {
        let outcome = change(&mut self.organization());
        self.changed.notify_waiters();
        outcome
    }

    pub(crate) fn switches(&self) -> Switches {
        *self.switches.lock().expect("reading does not panic")
    }

    pub(crate) fn switch(&self, set: impl FnOnce(&mut Switches)) {
        set(&mut self.switches.lock().expect("switching does not panic"));
    }

    pub(crate) fn add_backlog(&self, events: usize, accesses: usize) {
        self.change(|organization| data::add_backlog(organization, self.seed, events, accesses));
    }
}
