//! One call of the API: attempts, waits, and what each failure leads to.
//!
//! | Failure | What follows |
//! | --- | --- |
//! | 429, 503 with `Retry-After` | every caller waits as long as the service wishes |
//! | 5xx, 408, dropped connection, time-out, JSON that is cut off | three more attempts, waits growing from 0.25 s |
//! | 401, 403 | an error at once: both mean the key |
//! | other 4xx | an error at once |
//!
//! No wait outlasts the slice: the call then ends with [`Error::NotNow`].

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, LINK, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::ExposeSecret;
use serde_json::Value;
use stepwell_pipeline::Context;
use stepwell_pipeline::error::in_one_line;
use tokio::time::Instant;

use super::{Dmm, Error, Problem};

/// Waits between attempts on a service that fails.
const WAITS_MS: [u64; 3] = [250, 1_000, 2_000];

/// The wait after a 429 that names none.
const WAIT_UNTOLD: Duration = Duration::from_secs(2);

/// No wish of the service is followed for longer; it is asked again then.
const WAIT_MAX: Duration = Duration::from_mins(10);

/// No answer is larger: a page of ten thousand accesses has some 10 MB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A call, described so that it can be made again. All of them may be: `PUT` replaces, and of the provisioning
/// transitions the latest wins.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Value>,
    pub(super) accept: &'static str,
    /// Completes "cannot …".
    pub(super) what: String,
}

impl Request {
    pub(super) fn get(url: Url, what: String) -> Self {
        Self { method: Method::GET, url, body: None, accept: "application/json", what }
    }

    pub(super) fn malformed(&self, problem: impl Into<String>) -> Error {
        Error::Malformed { what: self.what.clone(), problem: problem.into() }
    }
}

/// What was answered.
pub(super) struct Answer {
    /// `null` where nothing was asked for and no JSON came.
    pub(super) body: Value,
    /// Whether one of the `Link` headers names a next page; nothing without such a header.
    pub(super) next: Option<bool>,
}

/// Until when everyone waits because the service wished it.
#[derive(Default)]
pub(super) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    fn close_for(&self, wait: Duration) {
        let moment = Instant::now() + wait;
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *until = until.map_or(Some(moment), |it| Some(it.max(moment)));
    }

    async fn pass(&self, ctx: &Context) -> Result<(), Error> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match until.filter(|moment| *moment > Instant::now()) {
            Some(moment) => Ok(ctx.sleep_until(moment).await?),
            None => Ok(()),
        }
    }
}

impl Dmm {
    /// Makes a call, with all the patience that it deserves.
    pub(super) async fn call(&self, request: &Request, ctx: &Context) -> Result<Answer, Error> {
        let mut waits = WAITS_MS.iter().map(|ms| Duration::from_millis(*ms));
        loop {
            self.gate.pass(ctx).await?;
            let failure = match self.attempt(request).await? {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            tracing::debug!(what = request.what, ?failure, "a call to Data Mesh Manager failed");
            let Some(wait) = failure.wait().zip(waits.next()) else {
                return Err(failure.into_error(&request.what, &self.base_url));
            };
            match wait {
                (Wait::AsWished(wish), _) => self.gate.close_for(wish.min(WAIT_MAX)),
                (Wait::Growing, growing) => ctx.sleep(growing).await?,
            }
        }
    }

    async fn attempt(&self, request: &Request) -> Result<Result<Answer, Failure>, Error> {
        let key = self.api_key.reveal(self.secrets.as_ref()).await.map_err(Error::Secret)?;
        let prepared = self
            .http
            .request(request.method.clone(), request.url.clone())
            .header("x-api-key", key.expose_secret())
            .header(ACCEPT, request.accept);
        let prepared = match &request.body {
            Some(body) => prepared.json(body),
            None => prepared,
        };
        Ok(receive(prepared, request.method == Method::GET).await)
    }
}

async fn receive(prepared: RequestBuilder, needs_body: bool) -> Result<Answer, Failure> {
    let response = prepared.send().await.map_err(Failure::transport)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = read(response).await?;
    let retry_after = retry_after(&headers);
    if !status.is_success() {
        let problem = serde_json::from_slice(&text).unwrap_or_default();
        return Err(Failure::Status { status, retry_after, problem });
    }
    let content_type = header(&headers, &CONTENT_TYPE).unwrap_or("no content type");
    let body = match serde_json::from_slice(&text) {
        Ok(body) => body,
        // What was written is written, whatever is said about it.
        Err(_) if !needs_body => Value::Null,
        Err(_) if text.is_empty() || content_type.contains("json") => {
            return Err(Failure::Transport("the answer ends too early".to_owned()));
        }
        Err(_) => {
            return Err(Failure::NotJson { status, content_type: content_type.to_owned() });
        }
    };
    let links: Vec<_> = headers.get_all(LINK).iter().filter_map(|it| it.to_str().ok()).collect();
    let next = (!links.is_empty()).then(|| links.into_iter().any(names_next));
    Ok(Answer { body, next })
}

/// Reads an answer that is as large as answers may be.
async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::transport)? {
        if text.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Failure::TooLong);
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

/// How one attempt failed.
#[derive(Debug)]
enum Failure {
    Transport(String),
    Status { status: StatusCode, retry_after: Option<Duration>, problem: Problem },
    NotJson { status: StatusCode, content_type: String },
    TooLong,
}

enum Wait {
    AsWished(Duration),
    Growing,
}

impl Failure {
    fn transport(error: reqwest::Error) -> Self {
        Self::Transport(in_one_line(&error.without_url()))
    }

    /// How long to wait before the same call is worth another attempt.
    fn wait(&self) -> Option<Wait> {
        match self {
            Self::Transport(_) => Some(Wait::Growing),
            Self::Status { status, retry_after, .. } => match (status.as_u16(), retry_after) {
                (429 | 500.., Some(wish)) => Some(Wait::AsWished(*wish)),
                (429, None) => Some(Wait::AsWished(WAIT_UNTOLD)),
                (408 | 500.., None) => Some(Wait::Growing),
                _ => None,
            },
            Self::NotJson { .. } | Self::TooLong => None,
        }
    }

    fn into_error(self, what: &str, base_url: &Url) -> Error {
        let (what, base_url) = (what.to_owned(), base_url.to_string());
        match self {
            Self::Transport(cause) => Error::Unreachable { what, base_url, cause },
            Self::TooLong => Error::Malformed {
                what,
                problem: format!("it is longer than {ANSWER_BYTES_MAX} bytes"),
            },
            Self::NotJson { status, content_type } => {
                Error::NotJson { what, base_url, status: status.as_u16(), content_type }
            }
            Self::Status { status, problem, .. } => match status.as_u16() {
                401 | 403 => Error::Credentials { what, base_url, problem },
                status @ (408 | 429 | 500..) => Error::Server { what, status, problem },
                status => Error::Refused { what, status, problem },
            },
        }
    }
}

/// RFC 8288: `<https://...>; rel="next"`.
fn names_next(link: &str) -> bool {
    link.split(';').any(|part| {
        let part = part.trim().to_ascii_lowercase();
        part.strip_prefix("rel=").is_some_and(|rel| {
            let rel = rel.split(',').next().unwrap_or_default().trim();
            rel.trim_matches('"').split_whitespace().any(|it| it == "next")
        })
    })
}

/// Seconds, or a date by the service's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = header(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|it| it.timestamp());
    let now = header(headers, &DATE).and_then(moment).unwrap_or_else(jiff::Timestamp::now);
    Some(Duration::try_from(moment(text)?.duration_since(now)).unwrap_or_default())
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_named_among_other_links() {
        assert!(names_next(r#"<https://x/api/access?p=1>; rel="next""#));
        assert!(names_next(r#"<https://x?p=0>; rel="prev", <https://x?p=2>; rel="next""#));
        assert!(names_next("<https://x?p=2>; rel=next"));
        assert!(!names_next(r#"<https://x?p=0>; rel="prev""#));
    }
}
