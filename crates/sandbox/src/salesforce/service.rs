//! What all endpoints share: the organization, sessions, cursors and jobs, the clock, the observer, and the counters.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::http::StatusCode;
use ring::signature::{KeyPair as _, RsaKeyPair};
use serde_json::value::RawValue;

use super::Options;
use super::data::{self, Organization};
use super::endpoint::Endpoint;
use super::jobs::Job;
use super::problem::Problem;
use crate::clock::Clock;
use crate::http::Observer;

/// The running sandbox, without its socket.
pub(crate) struct Service {
    pub(crate) base_url: String,
    pub(crate) options: Options,
    pub(crate) clock: Arc<Clock>,
    pub(crate) observer: Arc<Observer<Endpoint>>,
    /// The public part of the key that assertions are signed with.
    pub(crate) public_key: Vec<u8>,
    organization: Mutex<Organization>,
    state: Mutex<State>,
}

/// What comes and goes.
#[derive(Default)]
pub(crate) struct State {
    /// When each session was used last, in milliseconds.
    pub(crate) sessions: BTreeMap<String, i64>,
    pub(crate) cursors: BTreeMap<String, Cursor>,
    pub(crate) jobs: BTreeMap<String, Job>,
    pub(crate) refresh_token: String,
    pub(crate) query_timeout_over: Option<Duration>,
    issued: u64,
    /// The day, in days since 1970, and the calls that it has had.
    usage: (i64, u64),
}

/// The records that a query found, kept for its further pages.
pub(crate) struct Cursor {
    pub(crate) records: Arc<[Box<RawValue>]>,
    pub(crate) page: usize,
    pub(crate) expires_at: i64,
}

impl Service {
    pub(crate) fn new(options: Options, base_url: String) -> Self {
        let clock = Arc::new(Clock::new(options.time));
        let key = RsaKeyPair::from_pkcs8(super::PRIVATE_KEY).expect("the key in the repository");
        let now = clock.now().div_euclid(1_000);
        let state = State {
            refresh_token: options.refresh_token.clone(),
            query_timeout_over: options.query_timeout_over,
            ..State::default()
        };
        Self {
            base_url,
            organization: Mutex::new(data::populate(&options, now)),
            observer: Arc::new(Observer::new(
                options.seed,
                options.faults.clone(),
                options.latency,
            )),
            public_key: key.public_key().as_ref().to_vec(),
            state: Mutex::new(state),
            clock,
            options,
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().div_euclid(1_000)
    }

    /// The organization as of now.
    pub(crate) fn organization(&self) -> MutexGuard<'_, Organization> {
        let mut organization = self.organization.lock().expect("changing it does not panic");
        organization.purge(self.now());
        organization
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("changing it does not panic")
    }

    /// A number that no other thing of this sandbox has.
    pub(crate) fn issue(&self) -> u64 {
        let mut state = self.state();
        state.issued += 1;
        state.issued
    }

    /// Lets a session pass and counts the call.
    pub(crate) fn admit(&self, token: Option<&str>) -> Result<(), Problem> {
        let (now, life) = (self.now(), self.options.session_lifetime.as_millis() as i64);
        let mut state = self.state();
        let used = token.and_then(|token| state.sessions.get_mut(token));
        let used = used.filter(|used| now < **used + life).ok_or_else(Problem::no_session)?;
        *used = now;
        if state.used_today(now) >= self.options.daily_requests {
            return Err(Problem::of_status(StatusCode::FORBIDDEN));
        }
        state.usage.1 += 1;
        Ok(())
    }

    /// `api-usage=18/15000`
    pub(crate) fn usage(&self) -> String {
        let used = self.state().used_today(self.now());
        format!("api-usage={used}/{}", self.options.daily_requests)
    }

    pub(crate) fn used_today(&self) -> u64 {
        self.state().used_today(self.now())
    }
}

impl State {
    fn used_today(&mut self, now: i64) -> u64 {
        let day = now.div_euclid(24 * 3_600_000);
        if self.usage.0 != day {
            self.usage = (day, 0);
        }
        self.usage.1
    }
}
