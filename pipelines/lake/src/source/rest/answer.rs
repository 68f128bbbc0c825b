//! One answer, or why there is none.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use stepwell_pipeline::error::in_one_line;

use super::{Error, Server};
use crate::source::hidden::Hidden;

/// No answer is larger: ten thousand wide records have some 100 MB.
const ANSWER_BYTES_MAX: usize = 512 << 20;

/// So much of a server's own words is told.
const TOLD_MAX: usize = 300;

/// No wish of a server is followed for longer; it is asked again then.
const WAIT_MAX: Duration = Duration::from_mins(10);

/// What a server answered, whatever it means.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody answered, or not to the end.
    Transport(String),
    /// The server says that it failed, or is busy.
    Status { status: StatusCode, retry_after: Option<Duration>, told: String },
    /// The answer is there, and of another shape.
    Malformed(String),
    /// The caller's own verdict on the answer.
    Verdict(Error),
}

impl Answer {
    /// What a refusal says is without the secrets that it may repeat.
    pub(super) async fn receive(request: RequestBuilder, hidden: &Hidden) -> Result<Self, Failure> {
        let response = request.send().await.map_err(Failure::transport)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut answer = Self { status, headers, body: read(response).await? };
        if !status.is_success() {
            answer.body = hidden.out_of(&String::from_utf8_lossy(&answer.body)).into_bytes();
        }
        if status.is_server_error() || matches!(status.as_u16(), 408 | 429) {
            let retry_after = retry_after(&answer.headers);
            return Err(Failure::Status { status, retry_after, told: answer.told() });
        }
        Ok(answer)
    }

    /// The body as JSON. One that ends too early is a failure of the transport.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        use serde_json::error::Category;
        serde_json::from_slice(&self.body).map_err(|error| match error.classify() {
            Category::Eof | Category::Io => {
                Failure::Transport("the answer ends too early".to_owned())
            }
            // Without serde's words: they quote values.
            Category::Data => Failure::Malformed(format!(
                "a member is missing or of another type (line {}, column {})",
                error.line(),
                error.column()
            )),
            Category::Syntax => Failure::Malformed(format!(
                "it is `{}` and no JSON: a page of a gateway or proxy?",
                self.header(CONTENT_TYPE.as_str()).unwrap_or("nothing known")
            )),
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// When it was sent, by the server's clock.
    pub(crate) fn sent_at(&self) -> Option<Timestamp> {
        moment(self.header(DATE.as_str())?)
    }

    /// The server's own words, in one line.
    pub(crate) fn told(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match text.chars().take(TOLD_MAX).collect::<String>() {
            nothing if nothing.is_empty() => "no reason given".to_owned(),
            told => told,
        }
    }
}

/// Reads a body that is as large as bodies may be.
async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::transport)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Failure::Malformed(format!("it is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl Failure {
    fn transport(error: reqwest::Error) -> Self {
        Self::Transport(in_one_line(&error.without_url()))
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => retry_after.map(|wish| wish.min(WAIT_MAX)),
            _ => None,
        }
    }

    /// Whether everyone should wait.
    pub(super) fn asks_for_patience(&self) -> bool {
        matches!(self, Self::Status { status: StatusCode::TOO_MANY_REQUESTS, .. })
            || self.retry_after().is_some()
    }

    /// Whether another attempt may succeed.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::Status { .. })
    }

    pub(super) fn into_error(self, server: &Server, what: &str) -> Error {
        let (what, server) = (what.to_owned(), server.name);
        match self {
            Self::Transport(cause) => Error::Unreachable { what, server, cause },
            Self::Status { status, told, .. } => {
                Error::Failed { what, server, status: status.as_u16(), told }
            }
            Self::Malformed(problem) => Error::Malformed { what, server, problem },
            Self::Verdict(error) => error,
        }
    }
}

/// Seconds, or a date by the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let now = headers.get(DATE).and_then(|it| moment(it.to_str().ok()?))?;
    Some(Duration::try_from(moment(text)?.duration_since(now)).unwrap_or_default())
}

fn moment(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|it| it.timestamp())
}
