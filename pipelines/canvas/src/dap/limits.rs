//! The limits of DAP: so many calls a minute, for each endpoint and each pair of credentials.
//!
//! Whoever in this process uses the same credentials shares one set of limiters, because the service counts
//! them together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use stepwell_pipeline::limiter::RateLimiter;
use xxhash_rust::xxh3::xxh3_64;

/// Calls a minute that DAP allows. The defaults are the documented ones.
///
/// ```toml
/// [pipelines.canvas.limits]
/// create_job = 5
/// job = 500
/// tables = 5
/// schema = 500
/// object_url = 200
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// `POST .../data`
    pub create_job: u32,
    /// `GET /dap/job/{id}`
    pub job: u32,
    /// `GET .../table`
    pub tables: u32,
    /// `GET .../schema`
    pub schema: u32,
    /// `POST /dap/object/url`
    pub object_url: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { create_job: 5, job: 500, tables: 5, schema: 500, object_url: 200 }
    }
}

/// What is counted on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    CreateJob,
    Job,
    Tables,
    Schema,
    ObjectUrl,
}

/// One limiter for each endpoint.
pub(super) struct Limits {
    create_job: RateLimiter,
    job: RateLimiter,
    tables: RateLimiter,
    schema: RateLimiter,
    object_url: RateLimiter,
}

/// The service, a digest of the client id, and the rates.
type Key = (String, u64, Rates);

impl Limits {
    /// The limits that everyone in this process with these credentials shares.
    pub(super) fn shared(base_url: &Url, client_id: &SecretString, rates: Rates) -> Arc<Self> {
        static SHARED: OnceLock<Mutex<HashMap<Key, Weak<Limits>>>> = OnceLock::new();
        let mut shared = SHARED.get_or_init(Mutex::default).lock().expect("no holder panics");
        shared.retain(|_, limits| limits.strong_count() > 0);
        let key = (base_url.to_string(), xxh3_64(client_id.expose_secret().as_bytes()), rates);
        if let Some(limits) = shared.get(&key).and_then(Weak::upgrade) {
            return limits;
        }
        let limits = Arc::new(Self::new(rates));
        shared.insert(key, Arc::downgrade(&limits));
        limits
    }

    fn new(rates: Rates) -> Self {
        Self {
            create_job: RateLimiter::per_minute(rates.create_job),
            job: RateLimiter::per_minute(rates.job),
            tables: RateLimiter::per_minute(rates.tables),
            schema: RateLimiter::per_minute(rates.schema),
            object_url: RateLimiter::per_minute(rates.object_url),
        }
    }

    pub(super) fn of(&self, endpoint: Endpoint) -> &RateLimiter {
        match endpoint {
            Endpoint::CreateJob => &self.create_job,
            Endpoint::Job => &self.job,
            Endpoint::Tables => &self.tables,
            Endpoint::Schema => &self.schema,
            Endpoint::ObjectUrl => &self.object_url,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_credentials_share_their_limits_and_others_do_not() {
        let url = Url::parse("http://127.0.0.1:1/").unwrap();
        let one = Limits::shared(&url, &"a".into(), Rates::default());
        let same = Limits::shared(&url, &"a".into(), Rates::default());
        let other = Limits::shared(&url, &"b".into(), Rates::default());
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &other));
    }
}
