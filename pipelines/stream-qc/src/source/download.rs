//! A file behind a URL, fetched into a temporary one: whole or not at all.

use std::time::Duration;

use reqwest::StatusCode;
use stepwell_pipeline::{Context, HandlerError};
use stepwell_tabular::Location;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;

use crate::service::Service;

/// Waits between the attempts.
const WAITS: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(8)];

/// A fetched file; gone with the value.
pub(super) struct Download {
    location: Location,
    _file: NamedTempFile,
}

impl Download {
    /// Fetches the file behind a URL.
    ///
    /// # Errors
    /// [`HandlerError::Data`] if there is none or it is too large, [`HandlerError::Retryable`] if the server does not
    /// answer well after four attempts, [`HandlerError::Config`] if it wants credentials.
    pub(super) async fn of(
        url: &str,
        service: &Service,
        ctx: &Context,
    ) -> Result<Self, HandlerError> {
        let mut waits = WAITS.into_iter();
        loop {
            let failure = match fetch(url, service).await {
                Ok(file) => {
                    let location = Location::Path(file.path().to_owned());
                    return Ok(Self { location, _file: file });
                }
                Err(failure @ HandlerError::Retryable(_)) => failure,
                Err(failure) => return Err(failure),
            };
            let Some(wait) = waits.next() else { return Err(failure) };
            if ctx.sleep(wait).await.is_err() {
                return Err(failure);
            }
        }
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }
}

async fn fetch(url: &str, service: &Service) -> Result<NamedTempFile, HandlerError> {
    let max = service.config.max_download_bytes;
    let lost =
        |error: reqwest::Error| HandlerError::Retryable(format!("`Data.uri`: {}", in_words(error)));
    let mut answer = service.http.get(url).send().await.map_err(lost)?;
    check(answer.status())?;
    let too_large = || {
        let megabytes = max >> 20;
        let message =
            format!("`Data.uri`: the file has more than {megabytes} MiB; raise `max_download_mb`");
        HandlerError::Data(message)
    };
    if answer.content_length().is_some_and(|length| length > max) {
        return Err(too_large());
    }
    let unwritable = |error: std::io::Error| {
        HandlerError::Retryable(format!("a temporary file cannot be written: {error}"))
    };
    let file = NamedTempFile::new().map_err(unwritable)?;
    let mut target = tokio::fs::File::from_std(file.reopen().map_err(unwritable)?);
    let mut length = 0;
    while let Some(bytes) = answer.chunk().await.map_err(lost)? {
        length += bytes.len() as u64;
        if length > max {
            return Err(too_large());
        }
        target.write_all(&bytes).await.map_err(unwritable)?;
    }
    target.flush().await.map_err(unwritable)?;
    Ok(file)
}

fn check(status: StatusCode) -> Result<(), HandlerError> {
    let told = format!("`Data.uri`: the server answered {status}");
    match status {
        StatusCode::OK => Ok(()),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            Err(HandlerError::Retryable(told))
        }
        status if status.is_server_error() => Err(HandlerError::Retryable(told)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(HandlerError::Config(format!("{told}; give a URL that needs no other credentials")))
        }
        _ => Err(HandlerError::Data(told)),
    }
}

/// Without the URL: a token may stand in it.
fn in_words(error: reqwest::Error) -> String {
    stepwell_pipeline::error::in_one_line(&error.without_url())
}
