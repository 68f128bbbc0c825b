//! The endpoints, one file each, and what every request to them goes through first.

pub(crate) mod admin;
mod create_job;
mod download;
mod get_job;
mod list_tables;
mod login;
mod object_url;
mod range;
mod schema;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::faults::Fault;
use super::limits::TooManyRequests;
use super::service::Service;
use crate::http::{CloseConnection, Refused};

/// The endpoints that can be limited, counted and struck by faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /ids/auth/login`
    Login,
    /// `GET /dap/query/{namespace}/table`
    ListTables,
    /// `GET /dap/query/{namespace}/table/{table}/schema`
    Schema,
    /// `POST /dap/query/{namespace}/table/{table}/data`
    CreateJob,
    /// `GET /dap/job/{id}`
    GetJob,
    /// `POST /dap/object/url`
    ObjectUrl,
    /// `GET` of a pre-signed link
    Download,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        error.into_response().into()
    }
}

pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/ids/auth/login", post(login::login))
        .route("/dap/query/{namespace}/table", get(list_tables::list_tables))
        .route("/dap/query/{namespace}/table/{table}/schema", get(schema::schema))
        .route("/dap/query/{namespace}/table/{table}/data", post(create_job::create_job))
        .route("/dap/job/{id}", get(get_job::get_job))
        .route("/dap/object/url", post(object_url::object_url))
        .route("/objects/{id}/{file}", get(download::download))
        .merge(admin::routes())
        .with_state(service)
}

/// Counts a request and lets a fault strike; a fault that is more than an answer is handed on.
pub(crate) fn meet(
    service: &Service,
    endpoint: Endpoint,
    table: Option<&str>,
) -> Result<Option<Fault>, Refused> {
    service.count(endpoint);
    match service.faults.strike(&endpoint, |about| Some(about) == table) {
        Some(fault) => {
            answer_of(&fault, endpoint).map_or(Ok(Some(fault)), |answer| Err(answer.into()))
        }
        None => Ok(None),
    }
}

/// What every endpoint of the query API asks first: is the token good, and is the limit kept?
pub(crate) fn admit(
    service: &Service,
    headers: &HeaderMap,
    endpoint: Endpoint,
    table: Option<&str>,
) -> Result<Option<Fault>, Refused> {
    let fault = meet(service, endpoint, table)?;
    authenticate(service, headers)?;
    service.limiter.admit(endpoint, service.clock.now()).map_err(ApiError::TooManyRequests)?;
    Ok(fault)
}

fn authenticate(service: &Service, headers: &HeaderMap) -> Result<(), ApiError> {
    let token = token(headers).ok_or(ApiError::Authentication("missing authentication token"))?;
    if service.tokens.is_valid(token, service.clock.now_seconds()) {
        Ok(())
    } else {
        Err(ApiError::Authentication("invalid or expired authentication token"))
    }
}

/// `Authorization: Bearer` wins over the deprecated `x-instauth`.
fn token(headers: &HeaderMap) -> Option<&str> {
    match headers.get(header::AUTHORIZATION) {
        Some(value) => value.to_str().ok()?.strip_prefix("Bearer "),
        None => headers.get("x-instauth")?.to_str().ok(),
    }
}

/// The answer that a fault is, if it is one.
fn answer_of(fault: &Fault, endpoint: Endpoint) -> Option<Response> {
    Some(match fault {
        Fault::TooManyRequests { seconds } => {
            ApiError::TooManyRequests(TooManyRequests { retry_after_seconds: *seconds })
                .into_response()
        }
        Fault::ServerError { status: 504 } => ApiError::GatewayTimeout.into_response(),
        Fault::ServerError { status } => {
            ApiError::Processing { status: status_of(*status), message: String::new() }
                .into_response()
        }
        Fault::GatewayPage { status } => {
            (status_of(*status), Html("<html><body><h1>Gateway</h1></body></html>")).into_response()
        }
        Fault::Unauthorized => ApiError::Authentication("token has been revoked").into_response(),
        Fault::Account { problem } => ApiError::Account(*problem).into_response(),
        Fault::NotFound => not_found(endpoint),
        Fault::DropConnection => {
            let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
            response.extensions_mut().insert(CloseConnection);
            response
        }
        Fault::ExpiredLink => download::expired().into_response(),
        Fault::FailJob { .. }
        | Fault::StickJob { .. }
        | Fault::BumpSchema
        | Fault::AnotherFile
        | Fault::AnotherFileUnasked
        | Fault::BreakBody
        | Fault::TruncateBody
        | Fault::CorruptChecksum
        | Fault::Dribble { .. } => return None,
    })
}

/// What is missing, in the words of the endpoint that is asked for it.
fn not_found(endpoint: Endpoint) -> Response {
    let kind = match endpoint {
        Endpoint::Login | Endpoint::ListTables => "namespace",
        Endpoint::Schema | Endpoint::CreateJob => "table",
        Endpoint::GetJob => "job",
        Endpoint::ObjectUrl => "object",
        Endpoint::Download => return download::no_such_key().into_response(),
    };
    ApiError::NotFound { kind, id: "gone-on-request".to_owned() }.into_response()
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
