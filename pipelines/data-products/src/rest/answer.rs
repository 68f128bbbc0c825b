//! One answer, or why there is none.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use stepwell_pipeline::error::in_one_line;

use super::{Error, Server};

/// No answer is larger: ten thousand products have some 30 MB.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// So much of a server's own words is told.
const TOLD_MAX: usize = 300;

/// No wish of a server is followed for longer; it is asked again then.
const WAIT_MAX: Duration = Duration::from_mins(5);

/// What a server answered, whatever it means.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    content_type: String,
    body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody is there: what was asked was not even sent.
    NoConnection(String),
    /// Somebody was.
    Transport(String),
    /// The server says that it failed, or is busy.
    Status { status: StatusCode, retry_after: Option<Duration>, told: String },
}

impl Answer {
    pub(super) async fn receive(request: RequestBuilder) -> Result<Self, Failure> {
        let response = request.send().await.map_err(Failure::transport)?;
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        let content_type = header(response.headers(), &CONTENT_TYPE).unwrap_or_default().to_owned();
        let body = read(response).await?;
        let answer = Self { status, content_type, body };
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Failure::Status { status, retry_after, told: answer.told() });
        }
        Ok(answer)
    }

    /// The body, if the answer is a good one.
    pub(crate) fn json<T: DeserializeOwned>(
        &self,
        server: &Server,
        what: &str,
    ) -> Result<T, Error> {
        if !self.status.is_success() {
            return Err(self.error(server, what));
        }
        serde_json::from_slice(&self.body).map_err(|error| self.unlike(server, what, &error))
    }

    /// Whether the answer is a good one.
    pub(crate) fn succeeded(&self, server: &Server, what: &str) -> Result<(), Error> {
        if self.status.is_success() { Ok(()) } else { Err(self.error(server, what)) }
    }

    /// That credentials were refused, whatever the status.
    pub(crate) fn denied(&self, server: &Server, what: &str) -> Error {
        Error::denied(server, what, self.status, self.told())
    }

    /// That the answer is not a good one.
    pub(crate) fn error(&self, server: &Server, what: &str) -> Error {
        Error::refused(server, what, self.status, self.told())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.status.is_success() && self.body.is_empty()
    }

    /// A member of the body, where it is a JSON object.
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body.get(name).cloned()
    }

    /// Without serde's words: they quote values.
    fn unlike(&self, server: &Server, what: &str, error: &serde_json::Error) -> Error {
        let problem = match error.classify() {
            serde_json::error::Category::Data => format!(
                "a member is missing or of another type (line {}, column {})",
                error.line(),
                error.column()
            ),
            serde_json::error::Category::Eof => "it ends too early".to_owned(),
            _ if self.content_type.contains("json") => "it is no JSON".to_owned(),
            _ => {
                format!("it is `{}` and no JSON: a page of a gateway or proxy?", self.content_type)
            }
        };
        Error::malformed(server, what, problem)
    }

    /// The server's own words about an error, in one line.
    fn told(&self) -> String {
        let text =
            |value: &Value| value.as_str().filter(|it| !it.trim().is_empty()).map(str::to_owned);
        let body: Option<Value> = serde_json::from_slice(&self.body).ok();
        let named = body.as_ref().and_then(|body| {
            let names = ["message", "error_description", "error", "detail", "status"];
            names.iter().find_map(|name| body.get(name).and_then(text))
        });
        let said = named.or_else(|| body.as_ref().and_then(text)).or_else(|| self.plain_text());
        let said = said.unwrap_or_else(|| "no reason given".to_owned());
        said.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(TOLD_MAX).collect()
    }

    fn plain_text(&self) -> Option<String> {
        let is_plain = self.content_type.starts_with("text/plain") || self.content_type.is_empty();
        let text = String::from_utf8_lossy(&self.body).trim().to_owned();
        (is_plain && !text.is_empty()).then_some(text)
    }
}

/// Reads a body that is as large as bodies may be.
async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::transport)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(Failure::Transport(format!(
                "the answer is longer than {ANSWER_BYTES_MAX} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl Failure {
    fn transport(error: reqwest::Error) -> Self {
        let no_connection = error.is_connect();
        let cause = in_one_line(&error.without_url());
        if no_connection { Self::NoConnection(cause) } else { Self::Transport(cause) }
    }

    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::NoConnection(_) | Self::Transport(_) => None,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => retry_after.map(|wish| wish.min(WAIT_MAX)),
            Self::NoConnection(_) | Self::Transport(_) => None,
        }
    }

    pub(super) fn is_too_many(&self) -> bool {
        self.status() == Some(StatusCode::TOO_MANY_REQUESTS)
    }

    /// Whether everyone should wait.
    pub(super) fn asks_for_patience(&self) -> bool {
        self.is_too_many() || self.retry_after().is_some()
    }

    /// Whether what was asked may have been done all the same.
    pub(super) fn is_uncertain(&self) -> bool {
        match self {
            Self::NoConnection(_) => false,
            Self::Transport(_) => true,
            Self::Status { .. } => !self.is_too_many(),
        }
    }
}

/// Seconds, or a date by the server's own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = header(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = text.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|it| it.timestamp());
    let now = header(headers, &DATE).and_then(date).unwrap_or_else(Timestamp::now);
    Some(Duration::try_from(date(text)?.duration_since(now)).unwrap_or_default())
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
