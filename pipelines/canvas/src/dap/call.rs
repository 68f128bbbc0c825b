//! One call of the API: permit, token, attempts, and what each failure leads to.
//!
//! | Failure | What follows |
//! | --- | --- |
//! | 429 | the endpoint is closed for everyone as long as the service wishes, else 30 s |
//! | 401 | one fresh login, then the same call once more |
//! | 5xx, dropped connection, time-out, a page instead of JSON | up to five more attempts, waits growing from 0.5 s |
//! | no connection at all | up to three more attempts: an address that is wrong is told soon |
//! | 404, other 4xx, 403 | an error at once |
//!
//! No wait outlasts the slice: the call then ends with [`Error::NotNow`].

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use stepwell_pipeline::Context;
use stepwell_pipeline::error::in_one_line;
use stepwell_pipeline::progress::Update;

use super::limits::Endpoint;
use super::{ApiError, Dap, Error, wire};

/// Waits between attempts on a service that fails.
const WAITS_MS: [u64; 5] = [500, 1_000, 2_000, 4_000, 8_000];

/// The last of them where there is no connection at all.
const NO_CONNECTION_WAIT_MAX: Duration = Duration::from_secs(2);

/// The wait after a 429 that names none, as the official client has it.
const WAIT_UNTOLD: Duration = Duration::from_secs(30);

/// No wish of the service is followed for longer; it is asked again then.
const WAIT_MAX: Duration = Duration::from_mins(10);

/// No answer of the API is larger: a job with a hundred thousand objects has some 10 MB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What an account that is not served is told by, whatever the status.
const ACCOUNT_ERRORS: [&str; 4] =
    ["AccountNotOnboarded", "AccountDisabled", "AccountUnderMaintenance", "RequestTypeForbidden"];

/// A call, described so that it can be made again.
pub(super) struct Request {
    pub(super) endpoint: Endpoint,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Value>,
    /// Completes "cannot …".
    pub(super) what: String,
    /// The table that stands still until this call is made. None where a wait is told in other words.
    pub(super) table: Option<String>,
}

impl Request {
    pub(super) fn malformed(&self, problem: impl Into<String>) -> Error {
        Error::Malformed { what: self.what.clone(), problem: problem.into() }
    }

    fn tell_held_back(&self, ctx: &Context) {
        if let Some(table) = &self.table {
            ctx.progress.update(Update {
                subject: table.clone(),
                phase: "waiting for the service's limit",
                done: 0,
                total: None,
                unit: "rows",
                finished: false,
            });
        }
    }
}

impl Dap {
    /// Makes a call, with all the patience that it deserves.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        request: &Request,
        ctx: &Context,
    ) -> Result<Answer<T>, Error> {
        let mut retries = Retries::default();
        let mut logged_in_anew = false;
        loop {
            let token = self.token(ctx).await?;
            let limiter = self.limits().await?.of(request.endpoint);
            if !limiter.is_free() {
                request.tell_held_back(ctx);
            }
            limiter.acquire(ctx).await?;
            let failure = match Answer::receive(self.prepare(request, &token)).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            tracing::debug!(what = request.what, ?failure, "a call to DAP failed");
            if failure.is_unauthorized() && !logged_in_anew {
                self.forget(&token, ctx).await?;
                logged_in_anew = true;
                continue;
            }
            match retries.next(&failure) {
                Some(wait) if failure.is_too_many() => limiter.close_for(wait),
                Some(wait) => ctx.sleep(wait).await?,
                None => return Err(failure.into_error(&request.what, &self.base_url)),
            }
        }
    }

    fn prepare(&self, request: &Request, token: &SecretString) -> RequestBuilder {
        let prepared = self
            .http
            .request(request.method.clone(), request.url.clone())
            .bearer_auth(token.expose_secret());
        match &request.body {
            Some(body) => prepared.json(body),
            None => prepared,
        }
    }
}

/// How often a call was repeated.
#[derive(Default)]
pub(super) struct Retries {
    made: usize,
}

impl Retries {
    /// The wait before the next attempt; `None` if a repeat would not help, or did not.
    pub(super) fn next(&mut self, failure: &Failure) -> Option<Duration> {
        let growing = Duration::from_millis(*WAITS_MS.get(self.made)?);
        self.made += 1;
        failure.wait(growing)
    }
}

/// What DAP answered.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) body: T,
    /// By the service's clock where it tells: ours may be wrong.
    pub(super) server_time: Timestamp,
}

impl<T: DeserializeOwned> Answer<T> {
    pub(super) async fn receive(request: RequestBuilder) -> Result<Self, Failure> {
        let response = request.send().await.map_err(Failure::transport)?;
        let server_time = server_time(response.headers());
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        let content_type = content_type(response.headers());
        let text = read(response).await?;
        if !content_type.contains("json") {
            return Err(Failure::NotJson { status, content_type, retry_after });
        }
        if !status.is_success() {
            return Err(Failure::Status { status, retry_after, error: ErrorAnswer::read(&text) });
        }
        let body =
            serde_json::from_slice(&text).map_err(|error| Failure::Malformed(unlike(&error)))?;
        Ok(Self { body, server_time })
    }
}

/// Where an answer is unlike what was expected, without serde's words: they quote values, and a value may be a
/// signed link.
fn unlike(error: &serde_json::Error) -> String {
    let problem = match error.classify() {
        Category::Data => "a value of another type, or a missing member",
        Category::Eof => "it ends too early",
        Category::Syntax | Category::Io => "it is no JSON",
    };
    format!("{problem} (line {}, column {})", error.line(), error.column())
}

/// Reads an answer that is as large as answers may be.
async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::transport)? {
        if text.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Failure::Malformed(format!("it is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// What an error answer says, as far as it is understood.
#[derive(Debug, Default)]
pub(super) struct ErrorAnswer {
    api: ApiError,
    kind: Option<String>,
    earliest: Option<Timestamp>,
}

impl ErrorAnswer {
    fn read(text: &[u8]) -> Self {
        match serde_json::from_slice::<wire::ErrorAnswer>(text) {
            Ok(wire::ErrorAnswer { error }) => {
                Self { api: error.api, kind: error.kind, earliest: error.since }
            }
            Err(_) => Self::default(),
        }
    }

    fn is_of_type(&self, part: &str) -> bool {
        self.api.kind.as_deref().is_some_and(|kind| kind.contains(part))
    }

    /// Both errors have the same members and lead to the same remedy.
    fn requires_snapshot(&self) -> bool {
        self.earliest.is_some()
            || self.is_of_type("SnapshotRequired")
            || self.is_of_type("OutOfRange")
    }

    fn is_about_account(&self) -> bool {
        ACCOUNT_ERRORS.iter().any(|name| self.is_of_type(name))
    }
}

/// How one attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody is there.
    NoConnection(String),
    /// Somebody was.
    Transport(String),
    Status {
        status: StatusCode,
        retry_after: Option<Duration>,
        error: ErrorAnswer,
    },
    NotJson {
        status: StatusCode,
        content_type: String,
        retry_after: Option<Duration>,
    },
    Malformed(String),
}

impl Failure {
    pub(super) fn transport(error: reqwest::Error) -> Self {
        let no_connection = error.is_connect();
        let cause = told(error);
        if no_connection { Self::NoConnection(cause) } else { Self::Transport(cause) }
    }

    pub(super) fn of(response: &Response) -> Self {
        Self::Status {
            status: response.status(),
            retry_after: retry_after(response.headers()),
            error: ErrorAnswer::default(),
        }
    }

    pub(super) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } | Self::NotJson { status, .. } => Some(*status),
            Self::NoConnection(_) | Self::Transport(_) | Self::Malformed(_) => None,
        }
    }

    fn is_unauthorized(&self) -> bool {
        self.status() == Some(StatusCode::UNAUTHORIZED)
    }

    fn is_too_many(&self) -> bool {
        self.status() == Some(StatusCode::TOO_MANY_REQUESTS)
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } | Self::NotJson { retry_after, .. } => *retry_after,
            Self::NoConnection(_) | Self::Transport(_) | Self::Malformed(_) => None,
        }
    }

    /// Why a login was refused, if it was: 400, 401, 403.
    pub(super) fn refused_login(&self) -> Option<String> {
        match self {
            Self::Status { status, error, .. } if matches!(status.as_u16(), 400 | 401 | 403) => {
                Some(format!("{status}, {}", error.api))
            }
            _ => None,
        }
    }

    /// How long to wait before the same call is worth another attempt.
    fn wait(&self, growing: Duration) -> Option<Duration> {
        let wished = self.retry_after().map(|wish| wish.min(WAIT_MAX));
        match self {
            Self::NoConnection(_) => Some(growing).filter(|wait| *wait <= NO_CONNECTION_WAIT_MAX),
            Self::Transport(_) => Some(growing),
            Self::Status { error, .. } if error.is_about_account() => None,
            _ if self.is_too_many() => Some(wished.unwrap_or(WAIT_UNTOLD)),
            Self::Status { status, .. } if status.is_server_error() => {
                Some(wished.unwrap_or(growing))
            }
            // A gateway that fails answers with a page; a wrong address answers 404 or a redirect with one.
            Self::NotJson { status, .. } if status.is_success() || status.is_server_error() => {
                Some(wished.unwrap_or(growing))
            }
            Self::Status { .. } | Self::NotJson { .. } | Self::Malformed(_) => None,
        }
    }

    pub(super) fn into_error(self, what: &str, base_url: &Url) -> Error {
        let (what, base_url) = (what.to_owned(), base_url.to_string());
        match self {
            Self::NoConnection(cause) | Self::Transport(cause) => {
                Error::Unreachable { what, base_url, cause }
            }
            Self::Malformed(problem) => Error::Malformed { what, problem },
            _ if self.is_too_many() => Error::Busy { what },
            Self::NotJson { status, content_type, .. } => {
                Error::NotJson { what, base_url, status: status.as_u16(), content_type }
            }
            Self::Status { status, error, .. } => error.into_error(what, base_url, status),
        }
    }
}

impl ErrorAnswer {
    fn into_error(self, what: String, base_url: String, status: StatusCode) -> Error {
        if self.is_about_account() {
            return Error::Account(self.api);
        }
        match status.as_u16() {
            401 | 403 => Error::Credentials { base_url, cause: format!("{status}, {}", self.api) },
            404 => Error::NotFound {
                what,
                kind: self.kind.unwrap_or_else(|| "thing".into()),
                api: self.api,
            },
            400 if self.requires_snapshot() => {
                Error::SnapshotRequired { what, api: self.api, earliest: self.earliest }
            }
            status @ 500.. => Error::Server { what, status, api: self.api },
            status => Error::Refused { what, status, api: self.api },
        }
    }
}

/// What went wrong on the way, without the URL: a link to an object is a secret.
pub(super) fn told(error: reqwest::Error) -> String {
    in_one_line(&error.without_url())
}

fn content_type(headers: &HeaderMap) -> String {
    header(headers, &CONTENT_TYPE).unwrap_or("no content type").to_owned()
}

/// Seconds, or a date by the service's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = header(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(moment.duration_since(server_time(headers))).unwrap_or_default())
}

fn server_time(headers: &HeaderMap) -> Timestamp {
    let told = header(headers, &DATE).and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
    told.map_or_else(Timestamp::now, |zoned| zoned.timestamp())
}

fn header<'h>(headers: &'h HeaderMap, name: &reqwest::header::HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
