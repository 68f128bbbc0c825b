//! Calls of an HTTP API, with all the patience that they deserve. Salesforce and Mambu share it.
//!
//! | Failure | What follows |
//! | --- | --- |
//! | 429, and 503 with `Retry-After` | every caller waits as long as the server wishes |
//! | 5xx, 408, dropped connection, silence, a body that is cut off | five more attempts, waits growing from 0.25 s |
//! | anything else | the answer, for the caller to read |
//!
//! Responsible for: attempts, waits, reading answers. Left to others: what to ask, who asks (credentials), and what an
//! answer means. No wait outlasts the slice: the call then ends with [`Error::NotNow`].

mod answer;
mod error;
mod text;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::RequestBuilder;
use stepwell_pipeline::{Context, NotNow};
use tokio::time::Instant;

pub(crate) use answer::{Answer, Failure};
pub(crate) use error::Error;
pub(crate) use text::{Raw, cell};

use super::hidden::Hidden;

/// Waits between attempts on a server that fails.
const WAITS_MS: [u64; 5] = [250, 500, 1_000, 2_000, 4_000];

/// So often a call may be refused with 429: others may have been faster each time.
const REFUSALS_MAX: u32 = 20;

/// The wait after a 429 that names none; doubled each time, up to a minute.
const WAIT_UNTOLD: Duration = Duration::from_secs(1);
const WAIT_UNTOLD_MAX: Duration = Duration::from_mins(1);

/// A server, by the name that errors call it.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// The settings to look at when it refuses who asks.
    pub(crate) credentials: &'static str,
    pub(crate) http: reqwest::Client,
    closed_until: Mutex<Option<Instant>>,
}

impl Server {
    pub(crate) fn new(
        name: &'static str,
        credentials: &'static str,
        http: reqwest::Client,
    ) -> Self {
        Self { name, credentials, http, closed_until: Mutex::default() }
    }

    /// Makes a call; `what` completes "cannot ...". `read` makes something of every answer but a failure of the server;
    /// where it finds that the answer is cut off, the call is made again. What is hidden is sent and told nobody.
    pub(crate) async fn call<T>(
        &self,
        what: &str,
        hidden: &Hidden,
        prepare: impl Fn() -> RequestBuilder + Send + Sync,
        read: impl Fn(&Answer) -> Result<T, Failure> + Send + Sync,
        ctx: &Context,
    ) -> Result<T, Error> {
        let (mut attempts, mut refusals) = (0, 0);
        loop {
            self.pass(ctx).await?;
            let outcome = tokio::select! {
                outcome = Answer::receive(prepare(), hidden) => outcome,
                () = ctx.stop.cancelled() => return Err(NotNow { wait: Duration::ZERO }.into()),
            };
            let failure = match outcome.and_then(|answer| read(&answer)) {
                Ok(read) => return Ok(read),
                Err(failure) => failure,
            };
            tracing::debug!(server = self.name, what, ?failure, "a call failed");
            if failure.asks_for_patience() && refusals < REFUSALS_MAX {
                let untold = WAIT_UNTOLD * 2_u32.pow(refusals.min(6));
                self.close_for(failure.retry_after().unwrap_or(untold.min(WAIT_UNTOLD_MAX)));
                refusals += 1;
                continue;
            }
            match WAITS_MS.get(attempts).filter(|_| failure.may_pass()) {
                Some(wait) => ctx.sleep(Duration::from_millis(*wait)).await?,
                None => return Err(failure.into_error(self, what)),
            }
            attempts += 1;
        }
    }

    /// Waits until the server's wish is served.
    async fn pass(&self, ctx: &Context) -> Result<(), NotNow> {
        let until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        match until.filter(|moment| *moment > Instant::now()) {
            Some(moment) => ctx.sleep_until(moment).await,
            None => Ok(()),
        }
    }

    fn close_for(&self, wait: Duration) {
        let moment = Instant::now() + wait;
        let mut until = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(until.map_or(moment, |it| it.max(moment)));
    }
}
