//! The endpoints, and what all of them ask for: the right type and the right key.

mod admin;
mod page;
mod tables;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::data::SPECS;
use super::problem::Problem;
use super::service::Service;
use crate::http::{Named, basic_credentials, observe, steer, steer_clock};

/// What version 2 wants to hear.
const ACCEPT: &str = "application/vnd.mambu.v2+json";

/// The endpoints that can be counted and struck by faults; `about` tells tables apart: `/loans:search`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /api/<table>:search`
    Search,
    /// `GET /api/<table>`
    List,
    /// `GET /api/<table>/{id}`
    Get,
    /// `GET /api/loans/{id}/schedule`
    Schedule,
    /// `GET /api/deposits/{id}/cards`
    Cards,
    /// `GET /api/activities`
    Activities,
    /// `GET /api/v2/events`, `GET /api/v1/events`
    Events,
    /// `GET /api/setup/organization`
    Organization,
}

impl Named for Endpoint {
    fn error(self, status: StatusCode) -> Response {
        Problem::of_status(status).into_response()
    }
}

pub(super) fn router(service: &Arc<Service>) -> Router {
    let mut api = Router::new()
        .route("/api/loans/{id}/schedule", get(tables::schedule))
        .route("/api/deposits/{id}/cards", get(tables::cards))
        .route("/api/activities", get(tables::activities))
        .route("/api/v1/events", get(tables::events))
        .route("/api/v2/events", get(tables::events))
        .route("/api/setup/organization", get(tables::organization));
    for spec in SPECS {
        if let Some(path) = spec.search {
            api = api.route(&format!("/api/{path}"), post(tables::search));
        }
        if let Some(path) = spec.list {
            api = api
                .route(&format!("/api/{path}"), get(tables::list))
                .route(&format!("/api/{path}/{{id}}"), get(tables::one));
        }
    }
    let api = api
        .layer(from_fn_with_state(Arc::clone(service), authenticate))
        .with_state(Arc::clone(service));
    let admin = admin::routes()
        .with_state(Arc::clone(service))
        .merge(steer(&service.observer))
        .merge(steer_clock(&service.clock));
    observe(api, Arc::clone(&service.observer), endpoint_of)
        .merge(admin)
        .fallback(|| async { Problem::not_found() })
}

fn endpoint_of(_method: &Method, route: &str) -> Option<Endpoint> {
    Some(match route.strip_prefix("/api/")? {
        "activities" => Endpoint::Activities,
        "v1/events" | "v2/events" => Endpoint::Events,
        "setup/organization" => Endpoint::Organization,
        path if path.ends_with(":search") => Endpoint::Search,
        path if path.ends_with("/schedule") => Endpoint::Schedule,
        path if path.ends_with("/cards") => Endpoint::Cards,
        path if path.ends_with("/{id}") => Endpoint::Get,
        _ => Endpoint::List,
    })
}

/// First who asks, then in which version.
async fn authenticate(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let (path, headers) = (request.uri().path(), request.headers());
    let is_audit = path.ends_with("/events");
    let known = if is_audit {
        key(headers) == Some(&service.options.audit_key)
    } else {
        is_known(&service, headers)
    };
    if !known {
        return Problem::of_status(StatusCode::UNAUTHORIZED).into_response();
    }
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let second_version = accept.contains(ACCEPT);
    let first_version_only = path == "/api/activities";
    if !is_audit && second_version == first_version_only {
        return Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response();
    }
    next.run(request).await
}

fn is_known(service: &Service, headers: &HeaderMap) -> bool {
    let options = &service.options;
    match (key(headers), basic_credentials(headers)) {
        (Some(key), _) => key == options.api_key,
        (None, Some((user, password))) => user == options.username && password == options.password,
        (None, None) => false,
    }
}

fn key(headers: &HeaderMap) -> Option<&str> {
    headers.get("apiKey")?.to_str().ok()
}
