//! Calls of one HTTP server, with all the patience that they deserve.
//!
//! | Failure | What follows |
//! | --- | --- |
//! | 429, and 503 with `Retry-After` | everyone waits as long as the server wishes, and goes on with half as many at once ([`gate`]) |
//! | 5xx, dropped connection, silence | more attempts, waits growing from 0.25 s; not for a call that must not be made twice |
//! | nobody is there | four more attempts within 4 s: a wrong address is told soon |
//! | anything else | the answer, for the caller to read |
//!
//! Responsible for: attempts, limits, reading answers. Left to others: what to ask, who asks (credentials), and what
//! an answer means. No wait outlasts the slice: the call then ends with [`Error::NotNow`].

use std::time::Duration;

use reqwest::{RequestBuilder, Url};
use stepwell_pipeline::Context;

mod answer;
mod error;
mod gate;

pub(crate) use answer::{Answer, Failure};
pub(crate) use error::Error;
pub(crate) use gate::Gate;

/// Waits between attempts on a server that fails.
const WAITS_MS: [u64; 6] = [250, 500, 1_000, 2_000, 4_000, 8_000];

/// The last of them where there is no connection at all.
const NO_CONNECTION_WAIT_MAX: Duration = Duration::from_secs(2);

/// So often a call may be refused with 429: others may have been faster each time.
const REFUSALS_MAX: u32 = 20;

/// A server, by the name that errors call it.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) base: Url,
    pub(crate) http: reqwest::Client,
    pub(crate) gate: Gate,
}

/// Whether a call may be made again when it is not known what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    Harmless,
    /// It creates something: [`Error::Uncertain`] sends the caller to look first.
    LookFirst,
}

impl Server {
    /// The URL of a path below the base; every segment is escaped.
    pub(crate) fn url<'s>(&self, segments: impl IntoIterator<Item = &'s str>) -> Url {
        let mut url = self.base.clone();
        let mut path = url.path_segments_mut().expect("http and https URLs have a path");
        path.pop_if_empty().extend(segments);
        drop(path);
        url
    }

    /// Makes a call; `what` completes "cannot ...". Gives every answer but a failure of the server.
    pub(crate) async fn call(
        &self,
        what: &str,
        repeat: Repeat,
        prepare: impl Fn() -> RequestBuilder,
        ctx: &Context,
    ) -> Result<Answer, Error> {
        let (mut attempts, mut refusals) = (0, 0);
        loop {
            let failure = match self.attempt(prepare(), ctx).await? {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            tracing::debug!(server = self.name, what, ?failure, "a call failed");
            if failure.is_too_many() && refusals < REFUSALS_MAX {
                refusals += 1;
                continue;
            }
            if repeat == Repeat::LookFirst && failure.is_uncertain() {
                return Err(self.uncertain(what, failure));
            }
            match wait(&failure, attempts) {
                Some(wait) => ctx.sleep(wait).await?,
                None => return Err(self.error(what, failure)),
            }
            attempts += 1;
        }
    }

    /// One attempt, when the server's limits let it through. A refusal closes the gate for everyone.
    pub(crate) async fn attempt(
        &self,
        request: RequestBuilder,
        ctx: &Context,
    ) -> Result<Result<Answer, Failure>, Error> {
        let pass = self.gate.enter(ctx).await?;
        let outcome = tokio::select! {
            outcome = Answer::receive(request) => outcome,
            () = ctx.stop.cancelled() => return Err(Error::Stopped),
        };
        match &outcome {
            Err(failure) if failure.asks_for_patience() => pass.refused(failure.retry_after()),
            Err(_) => {}
            Ok(_) => pass.succeeded(),
        }
        Ok(outcome)
    }

    /// The failure as an error of this server.
    pub(crate) fn error(&self, what: &str, failure: Failure) -> Error {
        Error::of(self, what, failure)
    }

    fn uncertain(&self, what: &str, failure: Failure) -> Error {
        let wait = failure.retry_after().unwrap_or(Duration::from_millis(WAITS_MS[0]));
        Error::Uncertain { wait, error: Box::new(self.error(what, failure)) }
    }
}

/// The wait before the next attempt; `None` if a repeat would not help, or did not.
fn wait(failure: &Failure, attempts: usize) -> Option<Duration> {
    let growing = Duration::from_millis(*WAITS_MS.get(attempts)?);
    match failure {
        Failure::NoConnection(_) => Some(growing).filter(|wait| *wait <= NO_CONNECTION_WAIT_MAX),
        Failure::Transport(_) => Some(growing),
        Failure::Status { .. } => Some(failure.retry_after().unwrap_or(growing)),
    }
}
