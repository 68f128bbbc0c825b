//! Who may call: every request is signed by one of the known access keys, whatever it asks for.
//!
//! ```text
//!   request --> head: key known, made now, for this service, all signed? --> body --> signature? --> the routes, with a Caller
//!                                                                                            \--> 400 | 403 in AWS's words
//! ```
//!
//! Nothing is read of a body before the head was found right. What is for S3 is not held in memory: its body passes on as it
//! comes, and breaks off at its end if it is not the one that was signed.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use stepwell_aws_wire::sigv4::{Caller, Dialect, Expected, Refusal, Signed, SignedBody};
use stepwell_aws_wire::{ServiceError, called_service, query};

use crate::Clock;

/// Bytes of a request that is held in memory: a package of Lambda, in base64.
const REQUEST_BYTES_MAX: usize = 72 << 20;

/// Before the names of errors that come of no service in particular.
const NAMESPACE: &str = "com.amazon.coral.service";

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
        Err(error) => respond(Dialect::of(&parts), &parts, &error),
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
            SignedBody::Named(hash) if signed.is_of_s3() => {
                let caller = signed.verify(parts, &hash).map_err(refused)?;
                Ok((caller, checked(body, hash)))
            }
            SignedBody::Named(_) | SignedBody::Unnamed => {
                let body = in_memory(body).await?;
                let hash = hex::encode(Sha256::digest(&body));
                Ok((signed.verify(parts, &hash).map_err(refused)?, body.into()))
            }
        }
    }
}

async fn in_memory(body: Body) -> Result<Bytes, ServiceError> {
    axum::body::to_bytes(body, REQUEST_BYTES_MAX).await.map_err(|_| {
        let message = format!("The request is longer than {REQUEST_BYTES_MAX} bytes or broke off.");
        ServiceError::sender("RequestEntityTooLarge", message).with_status(413)
    })
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

fn respond(dialect: Dialect, parts: &Parts, error: &ServiceError) -> Response {
    #[expect(clippy::disallowed_methods, reason = "a request has its id from here on")]
    let request_id = uuid::Uuid::new_v4().to_string();
    let (content, body) = told(dialect, parts, error, &request_id);
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::FORBIDDEN);
    let id = if dialect == Dialect::S3 { "x-amz-request-id" } else { "x-amzn-requestid" };
    let mut response = (status, [(id, &*request_id)], body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    if let Ok(code) = HeaderValue::from_str(&error.code)
        && dialect == Dialect::Rest
    {
        headers.insert("x-amzn-errortype", code);
    }
    response
}

fn told(
    dialect: Dialect,
    parts: &Parts,
    error: &ServiceError,
    request_id: &str,
) -> (&'static str, Vec<u8>) {
    match dialect {
        Dialect::Json => {
            let asked = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            let is_newer = asked == Some(b"application/x-amz-json-1.1");
            let content =
                if is_newer { "application/x-amz-json-1.1" } else { "application/x-amz-json-1.0" };
            (content, error.json_body(NAMESPACE))
        }
        Dialect::Rest => {
            ("application/json", json!({"message": error.message}).to_string().into_bytes())
        }
        Dialect::Query => ("text/xml", query::error_body(error, "", request_id).into_bytes()),
        Dialect::S3 => ("application/xml", query::bare_error_body(error, request_id).into_bytes()),
    }
}
