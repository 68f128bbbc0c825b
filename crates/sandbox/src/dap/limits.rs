//! How many calls per minute each endpoint allows.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::data::calendar::Micros;
use super::endpoint::Endpoint;
use crate::clock::micros;

/// Calls that are allowed per minute, each endpoint counted for itself; none is no limit.
///
/// `{"create_job": 5, "get_job": 500, "list_tables": 5, "schema": 500, "object_url": 200, "retry_after": true}`
///
/// Source: Instructure, "DAP API limits and policies".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// `POST .../data`
    pub create_job: Option<u32>,
    /// `GET /dap/job/{id}`
    pub get_job: Option<u32>,
    /// `GET .../table`
    pub list_tables: Option<u32>,
    /// `GET .../schema`
    pub schema: Option<u32>,
    /// `POST /dap/object/url`
    pub object_url: Option<u32>,
    /// Whether a refusal says in `Retry-After` how long to wait.
    pub retry_after: bool,
}

impl Limits {
    /// The limits that the service documents.
    pub const DOCUMENTED: Self = Self {
        create_job: Some(5),
        get_job: Some(500),
        list_tables: Some(5),
        schema: Some(500),
        object_url: Some(200),
        retry_after: true,
    };

    /// No limits.
    pub const NONE: Self = Self {
        create_job: None,
        get_job: None,
        list_tables: None,
        schema: None,
        object_url: None,
        retry_after: true,
    };

    fn per_minute(self, endpoint: Endpoint) -> Option<u32> {
        match endpoint {
            Endpoint::CreateJob => self.create_job,
            Endpoint::GetJob => self.get_job,
            Endpoint::ListTables => self.list_tables,
            Endpoint::Schema => self.schema,
            Endpoint::ObjectUrl => self.object_url,
            Endpoint::Login | Endpoint::Download => None,
        }
    }
}

/// A refused call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyRequests {
    /// When to come back, in whole seconds, if the sandbox tells.
    pub(crate) retry_after_seconds: Option<u64>,
}

const MINUTE: Duration = Duration::from_mins(1);

/// Counts the calls of the last minute.
#[derive(Debug)]
pub(crate) struct Limiter(Mutex<State>);

#[derive(Debug)]
struct State {
    limits: Limits,
    calls: HashMap<Endpoint, VecDeque<Micros>>,
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Mutex::new(State { limits, calls: HashMap::new() }))
    }

    pub(crate) fn set(&self, limits: Limits) {
        let mut state = self.0.lock().expect("counting does not panic");
        *state = State { limits, calls: HashMap::new() };
    }

    /// Counts a call, or refuses it. A refused call does not count.
    pub(crate) fn admit(&self, endpoint: Endpoint, now: Micros) -> Result<(), TooManyRequests> {
        let mut state = self.0.lock().expect("counting does not panic");
        let Some(limit) = state.limits.per_minute(endpoint) else { return Ok(()) };
        let tells = state.limits.retry_after;
        let calls = state.calls.entry(endpoint).or_default();
        while calls.front().is_some_and(|at| at + micros(MINUTE) <= now) {
            calls.pop_front();
        }
        if calls.len() < limit as usize {
            calls.push_back(now);
            return Ok(());
        }
        let free_at = calls.front().map_or(now, |at| at + micros(MINUTE));
        let seconds = (free_at - now).div_euclid(1_000_000) as u64 + 1;
        Err(TooManyRequests { retry_after_seconds: tells.then_some(seconds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    #[test]
    fn the_window_slides_and_refusals_do_not_count() {
        let limiter =
            Limiter::new(Limits { create_job: Some(2), retry_after: true, ..Limits::NONE });
        let call = |at: Micros| limiter.admit(Endpoint::CreateJob, at);
        assert_eq!(call(0), Ok(()));
        assert_eq!(call(30 * SECOND), Ok(()));
        assert_eq!(call(40 * SECOND), Err(TooManyRequests { retry_after_seconds: Some(21) }));
        assert_eq!(call(60 * SECOND), Ok(()));
        assert!(call(61 * SECOND).is_err());
        assert_eq!(limiter.admit(Endpoint::GetJob, 61 * SECOND), Ok(()));
    }
}
