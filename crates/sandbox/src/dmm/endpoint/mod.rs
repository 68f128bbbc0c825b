//! The endpoints, and the key that all of them ask for.

mod accesses;
mod admin;
mod documents;
mod events;
mod pages;
mod provisioning;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::service::Service;
use crate::http::{Named, observe, steer};

/// The endpoints that can be counted and struck by faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /api/events`
    Events,
    /// `GET /api/access`, and `/api/datausageagreements`
    ListAccess,
    /// `GET /api/access/{id}`, and `/api/datausageagreements/{id}`
    GetAccess,
    /// `PUT /api/access/{id}`, and `/api/datausageagreements/{id}`
    PutAccess,
    /// `DELETE /api/access/{id}`, and `/api/datausageagreements/{id}`
    DeleteAccess,
    /// `POST /api/access/{id}/approve`, `.../reject`, `.../cancel`
    DecideAccess,
    /// `GET /api/access/{id}/provisioning`
    GetProvisioning,
    /// `PUT /api/access/{id}/provisioning`
    PutProvisioning,
    /// `POST /api/access/{id}/provisioning/{transition}`
    ReportProvisioning,
    /// `GET /api/dataproducts`
    ListDataProducts,
    /// `GET /api/dataproducts/{id}`
    GetDataProduct,
    /// `PUT /api/dataproducts/{id}`
    PutDataProduct,
    /// `DELETE /api/dataproducts/{id}`
    DeleteDataProduct,
    /// `GET /api/teams`
    ListTeams,
    /// `GET /api/teams/{id}`
    GetTeam,
    /// `PUT /api/teams/{id}`
    PutTeam,
    /// `GET /api/connectors/{id}`
    GetConnector,
    /// `PUT /api/connectors/{id}`
    PutConnector,
}

impl Named for Endpoint {
    fn error(self, status: StatusCode) -> Response {
        Problem::of_status(status).into_response()
    }
}

pub(super) fn router(service: &Arc<Service>) -> Router {
    let api = Router::new()
        .route("/api/events", get(events::read))
        .merge(if service.hides_access { Router::new() } else { access() })
        .merge(legacy("datausageagreements"))
        .merge(if service.contracts_are_accesses { legacy("datacontracts") } else { Router::new() })
        .route("/api/dataproducts", get(documents::list_data_products))
        .route(
            "/api/dataproducts/{id}",
            get(documents::data_product)
                .put(documents::put_data_product)
                .delete(documents::delete_data_product),
        )
        .route("/api/teams", get(documents::list_teams))
        .route("/api/teams/{id}", get(documents::team).put(documents::put_team))
        .route("/api/connectors/{id}", get(documents::connector).put(documents::put_connector))
        .fallback(nothing_there)
        .layer(from_fn_with_state(Arc::clone(service), authenticate))
        .with_state(Arc::clone(service));
    let admin = admin::routes().with_state(Arc::clone(service)).merge(steer(&service.observer));
    observe(api, Arc::clone(&service.observer), endpoint_of).merge(admin)
}

fn access() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/access", get(accesses::list))
        .route("/api/access/{id}", get(accesses::read).put(accesses::put).delete(accesses::delete))
        .route("/api/access/{id}/approve", post(accesses::approve))
        .route("/api/access/{id}/reject", post(accesses::reject))
        .route("/api/access/{id}/cancel", post(accesses::cancel))
        .route("/api/access/{id}/provisioning", get(provisioning::read).put(provisioning::put))
        .route("/api/access/{id}/provisioning/{transition}", post(provisioning::report))
}

/// The names of the 2023 schema for what is called access now.
fn legacy(name: &str) -> Router<Arc<Service>> {
    let one = format!("/api/{name}/{{id}}");
    Router::new()
        .route(&format!("/api/{name}"), get(accesses::list_legacy))
        .route(&one, get(accesses::read_legacy).put(accesses::put_legacy).delete(accesses::delete))
        .route(&format!("{one}/approve"), post(accesses::approve))
        .route(&format!("{one}/reject"), post(accesses::reject))
        .route(&format!("{one}/cancel"), post(accesses::cancel))
}

fn endpoint_of(method: &Method, route: &str) -> Option<Endpoint> {
    let route = route.strip_prefix("/api/")?;
    let (kind, rest) = route.split_once('/').unwrap_or((route, ""));
    Some(match (kind, rest, method.as_str()) {
        ("events", "", _) => Endpoint::Events,
        ("access" | "datausageagreements" | "datacontracts", rest, method) => {
            access_endpoint(rest, method)?
        }
        ("dataproducts", "", _) => Endpoint::ListDataProducts,
        ("dataproducts", _, "GET") => Endpoint::GetDataProduct,
        ("dataproducts", _, "PUT") => Endpoint::PutDataProduct,
        ("dataproducts", _, "DELETE") => Endpoint::DeleteDataProduct,
        ("teams", "", _) => Endpoint::ListTeams,
        ("teams", _, "GET") => Endpoint::GetTeam,
        ("teams", _, "PUT") => Endpoint::PutTeam,
        ("connectors", _, "GET") => Endpoint::GetConnector,
        ("connectors", _, "PUT") => Endpoint::PutConnector,
        _ => return None,
    })
}

fn access_endpoint(rest: &str, method: &str) -> Option<Endpoint> {
    Some(match (rest, method) {
        ("", _) => Endpoint::ListAccess,
        ("{id}", "GET") => Endpoint::GetAccess,
        ("{id}", "PUT") => Endpoint::PutAccess,
        ("{id}", "DELETE") => Endpoint::DeleteAccess,
        ("{id}/provisioning", "GET") => Endpoint::GetProvisioning,
        ("{id}/provisioning", "PUT") => Endpoint::PutProvisioning,
        ("{id}/provisioning/{transition}", _) => Endpoint::ReportProvisioning,
        ("{id}/approve" | "{id}/reject" | "{id}/cancel", _) => Endpoint::DecideAccess,
        _ => return None,
    })
}

async fn nothing_there(request: Request) -> Problem {
    let path = request.uri().path().trim_start_matches('/');
    Problem::new(StatusCode::NOT_FOUND, format!("No static resource {path}."))
}

/// A key that is missing or wrong is 403, not 401.
async fn authenticate(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    if key(request.headers()) == Some(&service.api_key) {
        return next.run(request).await;
    }
    let detail = "The API key was not found or not the expected value.";
    Problem::new(StatusCode::FORBIDDEN, detail).into_response()
}

fn key(headers: &HeaderMap) -> Option<&str> {
    match headers.get("x-api-key") {
        Some(key) => key.to_str().ok(),
        None => headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer "),
    }
}
