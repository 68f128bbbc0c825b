//! Objects: from an id to compressed bytes, through a link that may have expired.

use bytes::Bytes;
use reqwest::{Response, StatusCode};
use stepwell_pipeline::Context;

use super::call::{Failure, Retries, told};
use super::{Dap, Error};

/// How often a link is asked for anew: links live for minutes, so a fresh one that is refused thrice has
/// another reason.
const LINKS_MAX: usize = 3;

/// The compressed bytes of one object, as they come in.
pub struct Body {
    object: String,
    response: Response,
}

impl Dap {
    /// Opens an object. An expired link (403, 404, 410) is issued anew.
    ///
    /// # Errors
    /// [`Error::NotFound`] once the job has expired with its objects, and what every call may meet.
    pub async fn open_object(&self, object: &str, ctx: &Context) -> Result<Body, Error> {
        let mut retries = Retries::default();
        let mut links = 0;
        loop {
            let failure = match self.follow_link(object, ctx).await? {
                Ok(response) => return Ok(Body { object: object.to_owned(), response }),
                Err(failure) => failure,
            };
            links += 1;
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
        ctx: &Context,
    ) -> Result<Result<Response, Failure>, Error> {
        let link = self.object_url(object, ctx).await?;
        Ok(match self.http.get(link).send().await {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(Failure::of(&response)),
            Err(error) => Err(Failure::transport(error)),
        })
    }
}

fn link_expired(status: StatusCode) -> bool {
    matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE)
}

impl Body {
    /// The next bytes; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the connection breaks, or falls silent, before the announced end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.response
            .chunk()
            .await
            .map_err(|error| Error::Interrupted { object: self.object.clone(), cause: told(error) })
    }
}
