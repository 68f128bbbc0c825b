//! How a request is refused that no service has seen: in the words of the kind of service that it is for.

use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use stepwell_aws_wire::ServiceError;
use stepwell_aws_wire::query;
use stepwell_aws_wire::sigv4::Dialect;

/// Before the names of errors that come of no service in particular.
const NAMESPACE: &str = "com.amazon.coral.service";

const JSON_1_1: &str = "application/x-amz-json-1.1";

/// What a request lets expect of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) dialect: Dialect,
    /// Whether it came as AWS JSON 1.1.
    is_newer: bool,
}

impl Form {
    pub(crate) fn of(request: &Parts) -> Self {
        let asked = request.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        Self { dialect: Dialect::of(request), is_newer: asked == Some(JSON_1_1.as_bytes()) }
    }

    pub(crate) fn refuse(self, error: &ServiceError) -> Response {
        #[expect(clippy::disallowed_methods, reason = "a request has its id from here on")]
        let request_id = uuid::Uuid::new_v4().to_string();
        let (content, body) = self.told(error, &request_id);
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::FORBIDDEN);
        let id = if self.dialect == Dialect::S3 { "x-amz-request-id" } else { "x-amzn-requestid" };
        let mut response = (status, [(id, &*request_id)], body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
        if let Ok(code) = HeaderValue::from_str(&error.code)
            && self.dialect == Dialect::Rest
        {
            headers.insert("x-amzn-errortype", code);
        }
        response
    }

    fn told(self, error: &ServiceError, request_id: &str) -> (&'static str, Vec<u8>) {
        match self.dialect {
            Dialect::Json => {
                let content = if self.is_newer { JSON_1_1 } else { "application/x-amz-json-1.0" };
                (content, error.json_body(NAMESPACE))
            }
            Dialect::Rest => {
                ("application/json", json!({"message": error.message}).to_string().into_bytes())
            }
            Dialect::Query => ("text/xml", query::error_body(error, "", request_id).into_bytes()),
            Dialect::S3 => {
                ("application/xml", query::bare_error_body(error, request_id).into_bytes())
            }
        }
    }
}
