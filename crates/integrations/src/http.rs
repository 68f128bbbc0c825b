//! The embedded services over HTTP, on the port of the Step Functions API.
//!
//! A request is for one of them if its target header has the service's prefix, if it is a form that was signed for the service, or
//! if anything was signed for a service with paths of its own, in a header or in the URL.
//! Everything else goes on to the routes that are mounted here.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use crc::{CRC_32_ISO_HDLC, Crc};
use serde_json::Value;
use stepwell_aws_wire::{ServiceError, Target, query, rest, signed_service};

use crate::s3;
use crate::service::{Origin, Protocol, Service};

/// Bytes of a request; a batch of DynamoDB has at most 16 MiB of items, which names of types and base64 make longer.
pub(crate) const REQUEST_BYTES_MAX: usize = 24 << 20;

/// The services. Who may call them is for [`crate::authentication`].
#[derive(Clone)]
pub struct Front {
    /// In any order.
    pub services: Arc<[Arc<dyn Service>]>,
    /// Refuses what a page in somebody's browser could send.
    pub is_refused: fn(&HeaderMap) -> bool,
}

/// A service that answers requests of its own form.
#[async_trait]
pub trait RestService: Send + Sync {
    /// Answers a request of somebody who may call.
    async fn respond(&self, parts: Parts, body: Body, request_id: &str) -> Response;
}

/// The routes with the services before them.
pub fn router(front: Front, others: Router) -> Router {
    others.layer(middleware::from_fn_with_state(front, serve))
}

async fn serve(State(front): State<Front>, request: Request, next: Next) -> Response {
    if let Some(service) = front.rest_service(&request) {
        return front.respond(&*service, request).await;
    }
    let target = Target::of(request.headers()).filter(|_| request.method() == Method::POST);
    let Some((service, target)) = target.and_then(|it| Some((front.service(&it)?, it))) else {
        return next.run(request).await;
    };
    let request_id = request_id();
    let (parts, body) = request.into_parts();
    let answer = Answer { service: &*service, request_id: &request_id };
    match front.perform(&*service, target, &parts, body).await {
        Ok((action, output)) => answer.success(&action, &output),
        Err(error) => answer.error(&error),
    }
}

fn request_id() -> String {
    #[expect(clippy::disallowed_methods, reason = "a request has its id from here on")]
    let id = uuid::Uuid::new_v4();
    id.to_string()
}

impl Front {
    /// The service with paths of its own that a request was signed for.
    fn rest_service(&self, request: &Request) -> Option<Arc<dyn Service>> {
        let name = signed_service(request.headers(), request.uri())?;
        let found = self.services.iter().find(|it| it.facts().name == name);
        found.filter(|it| it.rest().is_some()).cloned()
    }

    async fn respond(&self, service: &dyn Service, request: Request) -> Response {
        let service = service.rest().expect("it was chosen because it has it");
        let (request_id, (parts, body)) = (request_id(), request.into_parts());
        match self.check_page(&parts.headers) {
            Ok(()) => service.respond(parts, body, &request_id).await,
            Err(error) => s3::refused(&error, &request_id),
        }
    }

    fn check_page(&self, headers: &HeaderMap) -> Result<(), ServiceError> {
        if !(self.is_refused)(headers) {
            return Ok(());
        }
        let message = "requests of web pages are not served";
        Err(ServiceError::sender("AccessDenied", message).with_status(403))
    }

    fn service(&self, target: &Target) -> Option<Arc<dyn Service>> {
        let is_meant = |service: &&Arc<dyn Service>| match (target, service.facts().protocol) {
            (Target::Json { prefix, .. }, Protocol::Json { target_prefix, .. }) => {
                prefix == target_prefix
            }
            (Target::Query { service: Some(name) }, Protocol::Query { .. }) => {
                name == service.facts().name
            }
            _ => false,
        };
        self.services.iter().find(is_meant).cloned()
    }

    async fn perform(
        &self,
        service: &dyn Service,
        target: Target,
        parts: &Parts,
        body: Body,
    ) -> Result<(String, Value), ServiceError> {
        self.check_page(&parts.headers)?;
        let body = read_body(body, REQUEST_BYTES_MAX).await?;
        let (action, input) = input(target, &body)?;
        if !service.facts().actions.contains(&&*action) {
            return Err(ServiceError::unsupported(service.facts().name, &action));
        }
        let output = service.call(&action, input, &origin(&parts.headers)).await?;
        Ok((action, output))
    }
}

/// All of a body. Nothing is read of one that says that it is longer.
///
/// # Errors
/// `RequestEntityTooLarge`
pub(crate) async fn read_body(body: Body, max: usize) -> Result<Bytes, ServiceError> {
    if body.size_hint().lower() > max as u64 {
        return Err(too_long(max));
    }
    axum::body::to_bytes(body, max).await.map_err(|_| too_long(max))
}

pub(crate) fn too_long(max: usize) -> ServiceError {
    let message = format!("The request is longer than {max} bytes or broke off.");
    ServiceError::sender("RequestEntityTooLarge", message).with_status(413)
}

fn input(target: Target, body: &Bytes) -> Result<(String, Value), ServiceError> {
    match target {
        Target::Query { .. } => query::parse(body),
        Target::Json { action, .. } => {
            let body: &[u8] = if body.is_empty() { b"{}" } else { body };
            let input = serde_json::from_slice(body).map_err(|error| {
                ServiceError::sender("SerializationException", error.to_string())
            })?;
            Ok((action, input))
        }
    }
}

fn origin(headers: &HeaderMap) -> Origin {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    Origin { base_url: format!("http://{host}") }
}

/// How a service answers.
struct Answer<'s> {
    service: &'s dyn Service,
    request_id: &'s str,
}

impl Answer<'_> {
    fn success(&self, action: &str, output: &Value) -> Response {
        let (content, body) = body(self.service, action, output, self.request_id);
        self.respond(StatusCode::OK, &content, body)
    }

    fn error(&self, error: &ServiceError) -> Response {
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
        let (content, body) = match self.service.facts().protocol {
            Protocol::Json { error_namespace, version, .. } => {
                (json_content(version), error.json_body(error_namespace))
            }
            Protocol::Query { namespace, .. } => {
                let body = query::error_body(error, namespace, self.request_id);
                ("text/xml".to_owned(), body.into_bytes())
            }
            Protocol::RestXml => {
                let body = rest::error_body(error, self.request_id, self.request_id);
                ("application/xml".to_owned(), body.into_bytes())
            }
        };
        let mut response = self.respond(status, &content, body);
        if let Ok(value) = HeaderValue::from_str(&error.query_header()) {
            response.headers_mut().insert("x-amzn-query-error", value);
        }
        response
    }

    fn respond(&self, status: StatusCode, content: &str, body: Vec<u8>) -> Response {
        let headers = [(CONTENT_TYPE.as_str(), content), ("x-amzn-requestid", self.request_id)];
        if self.service.facts().conventions.names_server {
            let checksum = [("x-amz-crc32", crc32(&body).to_string())];
            return (status, headers, checksum, body).into_response();
        }
        (status, headers, body).into_response()
    }
}

/// The checksum that DynamoDB sends with an answer.
pub(crate) fn crc32(body: &[u8]) -> u32 {
    const CRC32: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    CRC32.checksum(body)
}

fn json_content(version: &str) -> String {
    format!("application/x-amz-json-{version}")
}

/// Content type and body of an answer, byte for byte as it goes over HTTP.
pub(crate) fn body(
    service: &dyn Service,
    action: &str,
    output: &Value,
    request_id: &str,
) -> (String, Vec<u8>) {
    match service.facts().protocol {
        Protocol::Json { version, .. } => (json_content(version), output.to_string().into_bytes()),
        Protocol::Query { namespace, maps } => {
            let is_map = |name: &str| maps.contains(&name);
            let xml = query::answer(action, namespace, output, &is_map, request_id);
            ("text/xml".to_owned(), xml.into_bytes())
        }
        // Nobody asks: its answers are no documents alone.
        Protocol::RestXml => ("application/xml".to_owned(), Vec::new()),
    }
}
