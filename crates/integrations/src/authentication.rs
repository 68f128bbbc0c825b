//! Who may call: every request is signed by one of the known access keys, whatever it asks for.
//!
//! ```text
//!   request --> head: key known, made now, for this service, all signed? signature, if it names the hash of the body?
//!           --> body: that of the hash? signature, if it named none?   --> the routes, with a Caller
//!                                                                      \--> 400 | 403 in AWS's words
//! ```
//!
//! Nothing is read of a body before all of the head was found right, its signature too where it names the hash of the body. What
//! is for S3 is not held in memory: its body passes on as it comes, and breaks off at its end if it is not the one that was signed.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use stepwell_aws_wire::sigv4::{Caller, Dialect, Expected, Refusal, Signed, SignedBody};
use stepwell_aws_wire::{ServiceError, called_service};

use crate::refusal::Form;
use crate::{Clock, http};

/// Bytes of a request to Lambda: a package, in base64.
pub(crate) const PACKAGE_BYTES_MAX: usize = 72 << 20;

/// Bytes of any other request that is held in memory: many clients name no hash, so that whoever knows the id of a key makes us
/// hold as many.
const REQUEST_BYTES_MAX: usize = http::REQUEST_BYTES_MAX;

/// Access keys that may call, and for what.
#[derive(Clone)]
pub struct Keys {
    /// Secret access keys by access key id: `{"AKIAIOSFODNN7EXAMPLE": "wJalr..."}`.
    pub secrets: Arc<BTreeMap<String, SecretString>>,
    /// The only region that requests may be signed for; any if there is none.
    pub region: Option<String>,
    /// For the time in which a signature is good: five minutes, fifteen for S3.
    pub clock: Clock,
    /// Who is let in without a signature, by the headers of a request.
    pub is_known: Arc<dyn Fn(&HeaderMap) -> bool + Send + Sync>,
}

/// The routes for those alone who sign what they ask. Whoever is let in is among the extensions of the request, a [`Caller`].
///
/// Answers to others, by the kind of service:
/// `{"__type": "com.amazon.coral.service#UnrecognizedClientException", "message": "The security token included in the request
/// is invalid."}` with status 400; for Lambda 403 with the code in `x-amzn-errortype`; `ErrorResponse` or `Error` in XML.
pub fn router(keys: Keys, routes: Router) -> Router {
    // Requests that match no route are refused as well.
    Router::new().merge(routes).layer(middleware::from_fn_with_state(keys, authenticate))
}

async fn authenticate(State(keys): State<Keys>, request: Request, next: Next) -> Response {
    if (keys.is_known)(request.headers()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    match keys.verified(&parts, body).await {
        Ok((caller, body)) => {
            let mut request = Request::from_parts(parts, body);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => Form::of(&parts).refuse(&error),
    }
}

impl Keys {
    async fn verified(&self, parts: &Parts, body: Body) -> Result<(Caller, Body), ServiceError> {
        let refused = |refusal: Refusal| refusal.error(Dialect::of(parts));
        let expected = Expected {
            now: (self.clock)(),
            service: called_service(parts),
            region: self.region.as_deref(),
        };
        let secret = |id: &str| self.secrets.get(id).map(|it| it.expose_secret().to_owned());
        let signed = Signed::of(parts, expected, secret).map_err(refused)?;
        match signed.body().clone() {
            SignedBody::Unsigned(_) => Ok((signed.verify(parts, "").map_err(refused)?, body)),
            SignedBody::Named(hash) => {
                let is_of_s3 = signed.is_of_s3();
                let caller = signed.verify(parts, &hash).map_err(refused)?;
                if is_of_s3 {
                    return Ok((caller, checked(body, hash)));
                }
                let (body, actual) = in_memory(parts, body).await?;
                if actual == hash { Ok((caller, body)) } else { Err(refused(Refusal::OtherBody)) }
            }
            SignedBody::Unnamed => {
                let (body, hash) = in_memory(parts, body).await?;
                Ok((signed.verify(parts, &hash).map_err(refused)?, body))
            }
        }
    }
}

/// All of a body, and its SHA-256 in hex.
async fn in_memory(parts: &Parts, body: Body) -> Result<(Body, String), ServiceError> {
    let is_package = called_service(parts) == Some("lambda");
    let max = if is_package { PACKAGE_BYTES_MAX } else { REQUEST_BYTES_MAX };
    let body = http::read_body(body, max).await?;
    let hash = hex::encode(Sha256::digest(&body));
    Ok((body.into(), hash))
}

/// The same body, which fails at its end if it has another hash.
fn checked(body: Body, hash: String) -> Body {
    let begin = (body.into_data_stream(), Sha256::new(), Some(hash));
    Body::from_stream(stream::unfold(begin, async |(mut body, mut hasher, hash)| {
        let hash = hash?;
        match body.next().await {
            Some(Ok(piece)) => {
                hasher.update(&piece);
                Some((Ok(piece), (body, hasher, Some(hash))))
            }
            Some(Err(error)) => Some((Err(io::Error::other(error)), (body, hasher, None))),
            None if hex::encode(hasher.clone().finalize()) == hash => None,
            None => {
                let message = Refusal::OtherBody.error(Dialect::S3).message;
                Some((Err(io::Error::other(message)), (body, hasher, None)))
            }
        }
    }))
}
