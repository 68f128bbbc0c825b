//! The statement protocol of Trino, as SEP and Galaxy speak it.
//!
//! ```text
//! POST /v1/statement -> page -> GET nextUri -> page -> ... -> page without nextUri: the end, good or with an error
//! ```
//!
//! Every statement is followed to its end, for a DDL statement has happened only then. Who gives up cancels it, also
//! when the invocation is simply dropped. A cluster that starts answers 502, 503 or 504, or queues for minutes: that
//! is waited for. All statements of this pipeline may be repeated, so that one whose fate is unknown is sent again.
//!
//! Responsible for: the protocol and what its errors mean. Left to others: what to ask ([`crate::sql`]).
//!
//! Source: Trino documentation, "Trino client REST API".

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use stepwell_pipeline::Context;
use tokio::time::Instant;

use crate::config::access::is_loopback;
use crate::rest::{self, Answer, Failure, Gate, Server};

mod error;
mod page;

pub(crate) use error::{Error, StatementError};
use page::Page;
pub(crate) use page::Rows;

/// The SQL side of SEP, as errors call it.
pub(crate) const SEP: &str = "SEP (SQL)";
/// The cluster in Galaxy, as errors call it.
pub(crate) const GALAXY: &str = "Galaxy (SQL)";

/// How we introduce ourselves to the cluster.
const SOURCE: &str = "stepwell";

/// The first wait before the same request is sent again; doubled each time.
const WAIT_MIN: Duration = Duration::from_millis(50);
/// And the longest.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// Waits before a statement is sent anew.
const ANEW_MS: [u64; 3] = [250, 1_000, 3_000];

/// So many pages without rows are asked for without a pause: a server holds a request until it has news.
const EAGER_PAGES: u32 = 8;

/// How long the server gets for taking in that a statement is not wanted any more.
const CANCEL_TAKES: Duration = Duration::from_secs(3);

/// A cluster, and who talks to it.
pub(crate) struct Trino {
    server: Server,
    user: SecretString,
    password: SecretString,
    /// `X-Trino-Role`, for instance `system=ROLE{sync}`.
    role: Option<String>,
    /// How long a cluster may take to start.
    start_takes_max: Duration,
}

/// Whom to be, and how patient.
pub(crate) struct Session {
    pub(crate) user: SecretString,
    pub(crate) password: SecretString,
    pub(crate) role: Option<String>,
    pub(crate) start_takes_max: Duration,
}

impl Trino {
    pub(crate) fn new(
        name: &'static str,
        base: Url,
        http: reqwest::Client,
        max_requests: u32,
        session: Session,
    ) -> Self {
        let Session { user, password, role, start_takes_max } = session;
        let server = Server { name, base, http, gate: Gate::new(max_requests) };
        Self { server, user, password, role, start_takes_max }
    }

    /// Runs a statement to its end; `what` completes "cannot ...".
    ///
    /// # Errors
    /// [`Error::Statement`] if it failed, [`Error::Http`] if the server cannot be asked.
    pub(crate) async fn run(&self, sql: &str, what: &str, ctx: &Context) -> Result<Rows, Error> {
        let mut waits = ANEW_MS.into_iter().map(Duration::from_millis);
        loop {
            let error = match self.once(sql, what, ctx).await {
                Ok(rows) => return Ok(rows),
                Err(error) => error,
            };
            tracing::debug!(server = self.server.name, what, %error, "a statement failed");
            let Some(wait) = waits.next().filter(|_| error.is_worth_another_attempt()) else {
                return Err(error);
            };
            ctx.sleep(wait).await.map_err(rest::Error::from)?;
        }
    }

    async fn once(&self, sql: &str, what: &str, ctx: &Context) -> Result<Rows, Error> {
        let mut statement = Running { trino: self, next: None };
        let outcome = statement.follow(sql, what, ctx).await;
        if outcome.is_err() {
            statement.cancel().await;
        }
        outcome
    }

    /// One page. Sent again while the cluster starts, and where it is not known what became of the request.
    async fn page(
        &self,
        what: &str,
        prepare: impl Fn() -> RequestBuilder,
        ctx: &Context,
    ) -> Result<Page, Error> {
        let begun = Instant::now();
        let mut wait = WAIT_MIN;
        loop {
            let failure = match self.server.attempt(prepare(), ctx).await? {
                Ok(answer) if answer.is_empty() => Failure::Transport("an empty answer".to_owned()),
                Ok(answer) => return self.read(&answer, what),
                Err(failure) => failure,
            };
            let patience = self.patience(&failure);
            if begun.elapsed() >= patience {
                return Err(self.server.error(what, failure).into());
            }
            ctx.sleep(failure.retry_after().unwrap_or(wait)).await.map_err(rest::Error::from)?;
            wait = (wait * 2).min(WAIT_MAX);
        }
    }

    fn patience(&self, failure: &Failure) -> Duration {
        match failure.status().map(|status| status.as_u16()) {
            Some(429 | 502 | 503 | 504) => self.start_takes_max,
            Some(_) => Duration::ZERO,
            None => Duration::from_secs(4),
        }
    }

    fn read(&self, answer: &Answer, what: &str) -> Result<Page, Error> {
        if matches!(answer.status.as_u16(), 404 | 410) {
            return Err(Error::Gone { what: what.to_owned(), server: self.server.name });
        }
        Ok(answer.json(&self.server, what)?)
    }

    fn prepare(&self, method: Method, url: Url) -> RequestBuilder {
        let (user, password) = (self.user.expose_secret(), self.password.expose_secret());
        let request = self.server.http.request(method, url).basic_auth(user, Some(password));
        let request = request.header("X-Trino-User", user).header("X-Trino-Source", SOURCE);
        match &self.role {
            Some(role) => request.header("X-Trino-Role", role),
            None => request,
        }
    }

    /// Credentials go to the server that is configured, and to no other one that a page names.
    fn checked(&self, next: &str, what: &str) -> Result<Url, Error> {
        let base = &self.server.base;
        let is_ours = |url: &Url| {
            (url.scheme() == base.scheme() || url.scheme() == "https")
                && (url.host_str() == base.host_str() || is_loopback(url) && is_loopback(base))
        };
        let url = Url::parse(next).ok().filter(is_ours);
        url.ok_or_else(|| {
            rest::Error::malformed(
                &self.server,
                what,
                "its `nextUri` leads to another server than the one that is configured",
            )
            .into()
        })
    }
}

/// A statement on its way.
struct Running<'t> {
    trino: &'t Trino,
    /// Where it goes on. None before it is known and after the end.
    next: Option<Url>,
}

impl Running<'_> {
    async fn follow(&mut self, sql: &str, what: &str, ctx: &Context) -> Result<Rows, Error> {
        let trino = self.trino;
        let url = trino.server.url(["v1", "statement"]);
        let post = || {
            trino
                .prepare(Method::POST, url.clone())
                .header("Content-Type", "text/plain; charset=utf-8")
                .body(sql.to_owned())
        };
        let mut page = trino.page(what, post, ctx).await?;
        let (mut rows, mut error, mut idle) = (Rows::default(), None, 0);
        loop {
            idle = if page.has_rows() { 0 } else { idle + 1 };
            error = page.error.take().or(error);
            self.next = page.next_uri.take().map(|next| trino.checked(&next, what)).transpose()?;
            rows.take(page);
            let Some(next) = self.next.clone() else { break };
            if let Some(pages) = u32::checked_sub(idle, EAGER_PAGES) {
                let pause = WAIT_MIN * (pages + 1);
                ctx.sleep(pause.min(Duration::from_secs(1))).await.map_err(rest::Error::from)?;
            }
            page = trino.page(what, || trino.prepare(Method::GET, next.clone()), ctx).await?;
        }
        let server = trino.server.name;
        error.map_or(Ok(rows), |error| {
            Err(Error::Statement { what: what.to_owned(), server, error })
        })
    }

    async fn cancel(&mut self) {
        if let Some(request) = self.take_cancellation() {
            // Whoever gives up has a reason that counts more than the answer to this.
            let _ = tokio::time::timeout(CANCEL_TAKES, request.send()).await;
        }
    }

    fn take_cancellation(&mut self) -> Option<RequestBuilder> {
        Some(self.trino.prepare(Method::DELETE, self.next.take()?))
    }
}

/// A task that is dropped cannot wait for the answer, so that somebody else does.
impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Some(request) = self.take_cancellation() else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(CANCEL_TAKES, request.send()));
        }
    }
}
