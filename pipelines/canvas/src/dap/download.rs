//! Objects: from an id to compressed bytes, through a link that may have expired.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderName, IF_MATCH, RANGE};
use reqwest::{Response, StatusCode};
use stepwell_pipeline::Context;
use tokio::time::Instant;

use super::call::{Failure, Retries, told};
use super::{Dap, Error};

/// How often a link is asked for anew: links live for minutes, so a fresh one that is refused thrice has
/// another reason.
const LINKS_MAX: usize = 3;

/// A download that brings less for as long as a silent one would be waited for is lost. Far below any line that
/// a table could be loaded through.
const BYTES_PER_SECOND_MIN: u64 = 1 << 10;

/// The compressed bytes of one object, as they come in.
pub struct Body {
    object: String,
    response: Response,
    /// Bytes of the file before the first of these.
    offset: u64,
    pace: Pace,
}

/// Which file is meant, and from where on.
#[derive(Debug, Clone, Copy)]
pub struct TakeUp<'a> {
    /// The `ETag` that the file had.
    pub etag: &'a str,
    /// Bytes that are not needed again.
    pub offset: u64,
}

impl Dap {
    /// Opens an object; from a place in a known file on where that is given and the service heeds it. An expired
    /// link (403, 404, 410) is issued anew.
    ///
    /// # Errors
    /// [`Error::NotFound`] once the job has expired with its objects, [`Error::Replaced`] if it is another file
    /// by now or does not say which it is, and what every call may meet.
    pub async fn open_object(
        &self,
        object: &str,
        from: Option<TakeUp<'_>>,
        ctx: &Context,
    ) -> Result<Body, Error> {
        let mut retries = Retries::default();
        let mut links = 0;
        loop {
            let failure = match self.follow_link(object, from, ctx).await? {
                Ok(response) => return self.body(object, from, response),
                Err(failure) => failure,
            };
            links += 1;
            if from.is_some() && failure.status().is_some_and(is_another_file) {
                return Err(Error::Replaced { object: object.to_owned() });
            }
            let expired = failure.status().is_some_and(link_expired);
            match retries.next(&failure) {
                _ if expired && links < LINKS_MAX => {}
                Some(wait) => ctx.sleep(wait).await?,
                None => {
                    let cause = failure.into_error("follow the link", &self.base_url).to_string();
                    return Err(Error::Interrupted { object: object.to_owned(), cause });
                }
            }
        }
    }

    /// The link carries its own signature: our token is not wanted there.
    async fn follow_link(
        &self,
        object: &str,
        from: Option<TakeUp<'_>>,
        ctx: &Context,
    ) -> Result<Result<Response, Failure>, Error> {
        let link = self.object_url(object, ctx).await?;
        let mut request = self.http.get(link);
        if let Some(TakeUp { etag, offset }) = from {
            request = request.header(IF_MATCH, etag);
            if offset > 0 {
                request = request.header(RANGE, format!("bytes={offset}-"));
            }
        }
        Ok(match request.send().await {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(Failure::of(&response)),
            Err(error) => Err(Failure::transport(error)),
        })
    }

    fn body(
        &self,
        object: &str,
        from: Option<TakeUp<'_>>,
        response: Response,
    ) -> Result<Body, Error> {
        let object = object.to_owned();
        // Not everything between the service and us heeds `If-Match`.
        if from.is_some_and(|from| strong_etag(&response) != Some(from.etag)) {
            return Err(Error::Replaced { object });
        }
        let offset = match from {
            Some(from) if response.status() == StatusCode::PARTIAL_CONTENT => from.offset,
            _ => 0,
        };
        let begins = format!("bytes {offset}-");
        if offset > 0
            && !header(&response, &CONTENT_RANGE).is_some_and(|it| it.starts_with(&begins))
        {
            let cause = "the service sent another range than was asked for".to_owned();
            return Err(Error::Interrupted { object, cause });
        }
        let pace = Pace::new(self.silence);
        Ok(Body { object, response, offset, pace })
    }
}

fn header<'r>(response: &'r Response, name: &HeaderName) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}

fn strong_etag(response: &Response) -> Option<&str> {
    header(response, &ETAG).filter(|etag| !etag.starts_with("W/"))
}

/// What `If-Match` and `Range` are refused with.
fn is_another_file(status: StatusCode) -> bool {
    matches!(status, StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE)
}

fn link_expired(status: StatusCode) -> bool {
    matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE)
}

impl Body {
    /// Bytes of the file before the first that comes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What names the content of the file, where the service tells. A weak tag does not.
    pub fn etag(&self) -> Option<&str> {
        strong_etag(&self.response)
    }

    /// The next bytes; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the connection breaks, falls silent, or drips, before the announced end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let asked = Instant::now();
        let piece = self.response.chunk().await.map_err(|error| self.interrupted(told(error)))?;
        let bytes = piece.as_ref().map_or(0, Bytes::len);
        if piece.is_some() && !self.pace.keeps_up(asked.elapsed(), bytes as u64) {
            return Err(self.interrupted(format!(
                "less than {BYTES_PER_SECOND_MIN} bytes a second came for {} seconds",
                self.pace.window.as_secs()
            )));
        }
        Ok(piece)
    }

    fn interrupted(&self, cause: String) -> Error {
        Error::Interrupted { object: self.object.clone(), cause }
    }
}

/// Watches over a download that drips: each byte breaks the silence, but the file never arrives.
///
/// Only time that was spent waiting counts. Where the database is slower than the network, there is none.
struct Pace {
    window: Duration,
    waited: Duration,
    received: u64,
}

impl Pace {
    fn new(window: Duration) -> Self {
        Self { window, waited: Duration::ZERO, received: 0 }
    }

    /// Counts what came after a wait; false once a whole window brought too little.
    fn keeps_up(&mut self, waited: Duration, bytes: u64) -> bool {
        self.waited += waited;
        self.received += bytes;
        if self.waited < self.window {
            return true;
        }
        let expected = self.waited.as_millis() * u128::from(BYTES_PER_SECOND_MIN) / 1_000;
        let enough = u128::from(self.received) >= expected;
        (self.waited, self.received) = (Duration::ZERO, 0);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_drip_is_noticed_after_a_window() {
        let mut pace = Pace::new(60 * SECOND);
        assert!((0..59).all(|_| pace.keeps_up(SECOND, 1)));
        assert!(!pace.keeps_up(SECOND, 1));
    }

    #[test]
    fn a_slow_download_goes_on_and_a_hiccup_is_forgiven() {
        let mut pace = Pace::new(60 * SECOND);
        assert!((0..600).all(|_| pace.keeps_up(SECOND, BYTES_PER_SECOND_MIN)));
        assert!(pace.keeps_up(59 * SECOND, 60 * BYTES_PER_SECOND_MIN));
        assert!(pace.keeps_up(SECOND, 1));
    }

    #[test]
    fn time_that_nobody_waited_does_not_count() {
        let mut pace = Pace::new(60 * SECOND);
        assert!((0..1_000).all(|_| pace.keeps_up(Duration::ZERO, 1)));
    }
}
