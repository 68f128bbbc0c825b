//! The endpoints, and the session that all but the token endpoint ask for.

mod admin;
mod jobs;
mod query;
mod sobjects;
mod token;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::{OAuthProblem, Problem};
use super::service::Service;
use crate::http::{Named, observe, steer, steer_clock};

/// The versions of the API that are served.
const VERSIONS: std::ops::RangeInclusive<u32> = 31..=63;

/// The endpoints that can be counted and struck by faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /services/oauth2/token`
    Token,
    /// `GET /services/data/vXX.X/limits`
    Limits,
    /// `GET /services/data/vXX.X/sobjects`
    ListObjects,
    /// `GET /services/data/vXX.X/sobjects/{object}/describe`
    Describe,
    /// `POST /services/data/vXX.X/composite/batch`
    Batch,
    /// `GET /services/data/vXX.X/sobjects/{object}/updated`
    Updated,
    /// `GET /services/data/vXX.X/sobjects/{object}/deleted`
    Deleted,
    /// `GET /services/data/vXX.X/query?q=` and `.../queryAll?q=`
    Query,
    /// `GET /services/data/vXX.X/query/{locator}`
    QueryMore,
    /// `POST /services/data/vXX.X/jobs/query`
    CreateJob,
    /// `GET /services/data/vXX.X/jobs/query/{id}`
    GetJob,
    /// `PATCH` and `DELETE` of a job
    EndJob,
    /// `GET /services/data/vXX.X/jobs/query/{id}/results`
    Results,
    /// `GET /services/data/vXX.X/jobs/query/{id}/resultPages`
    ResultPages,
}

impl Named for Endpoint {
    fn error(self, status: StatusCode) -> Response {
        match self {
            Self::Token => OAuthProblem::of_status(status).into_response(),
            _ => Problem::of_status(status).into_response(),
        }
    }
}

pub(super) fn router(service: &Arc<Service>) -> Router {
    let object = |what: &str| format!("sobjects/{{object}}/{what}");
    let routes = [
        (String::new(), get(resources)),
        ("limits".to_owned(), get(sobjects::limits)),
        ("sobjects".to_owned(), get(sobjects::list)),
        (object("describe"), get(sobjects::describe)),
        (object("updated"), get(sobjects::updated)),
        (object("deleted"), get(sobjects::deleted)),
        ("composite/batch".to_owned(), post(sobjects::batch)),
        ("query".to_owned(), get(query::query)),
        ("queryAll".to_owned(), get(query::query_all)),
        ("query/{locator}".to_owned(), get(query::more)),
        ("jobs/query".to_owned(), get(jobs::list).post(jobs::create)),
        ("jobs/query/{id}".to_owned(), get(jobs::read).patch(jobs::abort).delete(jobs::delete)),
        ("jobs/query/{id}/results".to_owned(), get(jobs::results)),
        ("jobs/query/{id}/resultPages".to_owned(), get(jobs::result_pages)),
    ];
    // Every path may end with a slash.
    let api = routes.into_iter().fold(Router::new(), |api, (path, endpoint)| {
        let path = format!("/services/data/{{version}}/{path}");
        let path = path.trim_end_matches('/');
        api.route(path, endpoint.clone()).route(&format!("{path}/"), endpoint)
    });
    let api = api
        .layer(from_fn_with_state(Arc::clone(service), authenticate))
        .route("/services/oauth2/token", post(token::issue))
        .route("/services/data", get(versions))
        .with_state(Arc::clone(service));
    let admin = admin::routes()
        .with_state(Arc::clone(service))
        .merge(steer(&service.observer))
        .merge(steer_clock(&service.clock));
    observe(api, Arc::clone(&service.observer), endpoint_of)
        .merge(admin)
        .fallback(|| async { Problem::not_found() })
}

fn endpoint_of(method: &Method, route: &str) -> Option<Endpoint> {
    if route == "/services/oauth2/token" {
        return Some(Endpoint::Token);
    }
    let route = route.strip_prefix("/services/data/{version}/")?.trim_end_matches('/');
    Some(match (route, method.as_str()) {
        ("limits", _) => Endpoint::Limits,
        ("sobjects", _) => Endpoint::ListObjects,
        ("sobjects/{object}/describe", _) => Endpoint::Describe,
        ("sobjects/{object}/updated", _) => Endpoint::Updated,
        ("sobjects/{object}/deleted", _) => Endpoint::Deleted,
        ("composite/batch", _) => Endpoint::Batch,
        ("query" | "queryAll", _) => Endpoint::Query,
        ("query/{locator}", _) => Endpoint::QueryMore,
        ("jobs/query", "POST") => Endpoint::CreateJob,
        ("jobs/query/{id}" | "jobs/query", "GET") => Endpoint::GetJob,
        ("jobs/query/{id}", _) => Endpoint::EndJob,
        ("jobs/query/{id}/results", _) => Endpoint::Results,
        ("jobs/query/{id}/resultPages", _) => Endpoint::ResultPages,
        _ => return None,
    })
}

/// Every call needs a session, counts, and is told how many there were.
async fn authenticate(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let version = request.uri().path().split('/').nth(3).unwrap_or_default();
    let admitted = match number_of(version) {
        Some(_) => service.admit(token(request.headers())),
        None => Err(Problem::not_found()),
    };
    let mut response = match admitted {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    if let Ok(usage) = service.usage().parse() {
        response.headers_mut().insert("Sforce-Limit-Info", usage);
    }
    response
}

/// 60 of `v60.0`, if that version is served.
fn number_of(version: &str) -> Option<u32> {
    let number = version.strip_prefix('v')?.strip_suffix(".0")?.parse().ok()?;
    VERSIONS.contains(&number).then_some(number)
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    matches!(scheme, "Bearer" | "OAuth").then_some(token)
}

/// `[{"label": "Spring '24", "url": "/services/data/v60.0", "version": "60.0"}, ...]`
async fn versions() -> Json<Value> {
    let version = |number: u32| json!({"label": format!("Release {number}"), "url": format!("/services/data/v{number}.0"), "version": format!("{number}.0")});
    Json(VERSIONS.map(version).collect())
}

/// `{"query": "/services/data/v60.0/query", ...}`
async fn resources(axum::extract::Path(version): axum::extract::Path<String>) -> Json<Value> {
    let names = ["sobjects", "query", "queryAll", "limits", "composite", "jobs"];
    let resource =
        |name: &str| (name.to_owned(), json!(format!("/services/data/{version}/{name}")));
    Json(names.into_iter().map(resource).collect::<serde_json::Map<_, _>>().into())
}
