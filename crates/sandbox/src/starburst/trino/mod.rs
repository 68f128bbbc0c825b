//! Trino's statement protocol, for Galaxy's cluster and for the cluster inside of SEP.
//!
//! ```text
//!   POST /v1/statement --> queries (pages, cancel) --> execute (statements on a metastore) --> sql (reader)
//! ```
//!
//! Source: Trino documentation, "Trino client REST API".

pub(crate) mod error;
pub(crate) mod execute;
pub(crate) mod queries;
mod session;
pub(crate) mod sql;
mod types;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::cluster::{Readiness, StartBy};
use super::endpoint::Endpoint;
use super::service::{CLUSTER_NAME, Service};
use crate::http::Refused;
use error::QueryError;
use execute::{Outcome, Session};
use queries::{NoPage, Page, Runner, slug};
use sql::Statement;

/// Which of the two clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrinoSide {
    /// The one inside of Starburst Enterprise.
    Sep,
    /// The one of Galaxy.
    Galaxy,
}

/// A cluster: a side of the service.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) service: Arc<Service>,
    pub(super) side: TrinoSide,
}

const STATEMENT: &str = "/v1/statement";
const PAGE: &str = "/v1/statement/{phase}/{id}/{slug}/{token}";

pub(super) fn router(service: Arc<Service>, side: TrinoSide) -> Router {
    Router::new()
        .route(STATEMENT, post(post_statement))
        .route(PAGE, get(fetch_page).delete(cancel))
        .with_state(Cluster { service, side })
}

/// The endpoint of a route of the cluster of Galaxy, and its counterpart in SEP.
pub(super) fn endpoint(method: &Method, route: &str) -> Option<(Endpoint, Endpoint)> {
    match (method.as_str(), route) {
        ("POST", STATEMENT) => Some((Endpoint::Statement, Endpoint::SepStatement)),
        ("GET", PAGE) => Some((Endpoint::NextPage, Endpoint::SepNextPage)),
        ("DELETE", PAGE) => Some((Endpoint::Cancel, Endpoint::SepCancel)),
        _ => None,
    }
}

async fn post_statement(
    State(cluster): State<Cluster>,
    headers: HeaderMap,
    sql: String,
) -> Result<Response, Refused> {
    let session = session::admit(&cluster, &headers)?;
    if sql.trim().is_empty() {
        let refused = (StatusCode::BAD_REQUEST, "SQL statement is empty").into_response();
        return Err(refused.into());
    }
    let refused = cluster.refuses()?;
    let now = cluster.service.clock.now();
    Ok(answer(cluster.queries().post(sql, session, refused, now)))
}

#[derive(Deserialize)]
struct PagePath {
    #[expect(dead_code, reason = "the same page is found under both")]
    phase: String,
    id: String,
    slug: String,
    token: u32,
}

async fn fetch_page(
    State(cluster): State<Cluster>,
    headers: HeaderMap,
    Path(path): Path<PagePath>,
) -> Result<Response, Refused> {
    session::admit(&cluster, &headers)?;
    let page = if path.slug == slug(&path.id) {
        cluster.queries().fetch(&path.id, path.token, cluster.service.clock.now(), &cluster)
    } else {
        Err(NoPage::UnknownQuery)
    };
    Ok(match page {
        Ok(page) => answer(page),
        Err(NoPage::UnknownQuery) => (StatusCode::NOT_FOUND, "Query not found").into_response(),
        Err(NoPage::Gone) => (StatusCode::GONE, "Page is no longer there").into_response(),
    })
}

async fn cancel(
    State(cluster): State<Cluster>,
    headers: HeaderMap,
    Path(path): Path<PagePath>,
) -> Result<StatusCode, Refused> {
    session::admit(&cluster, &headers)?;
    if path.slug == slug(&path.id) {
        cluster.queries().cancel(&path.id);
    }
    Ok(StatusCode::NO_CONTENT)
}

fn answer(page: Page) -> Response {
    let mut response = Json(page.body).into_response();
    for (name, value) in page.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Cluster {
    fn queries(&self) -> &queries::Queries {
        self.service.queries(self.side)
    }

    /// Whether the cluster takes no statements, or takes them and lets them fail.
    fn refuses(&self) -> Result<Option<QueryError>, Refused> {
        if self.side == TrinoSide::Sep {
            return Ok(None);
        }
        let cluster = &self.service.cluster;
        // If statements are to wait, they ask with every page.
        if cluster.start.by == StartBy::Waiting && cluster.look(self.service.clock.now()).1 {
            return Ok(None);
        }
        match cluster.ask(self.service.clock.now()) {
            Readiness::Ready => Ok(None),
            Readiness::NotYet => {
                let text = "Cluster is starting";
                Err((StatusCode::SERVICE_UNAVAILABLE, text).into_response().into())
            }
            Readiness::Disabled => {
                let message =
                    format!("Cluster {CLUSTER_NAME} is disabled and cannot execute queries");
                Ok(Some(QueryError::new("QUERY_REJECTED").message(message)))
            }
        }
    }
}

impl Runner for Cluster {
    fn is_ready(&self) -> bool {
        let cluster = &self.service.cluster;
        self.side == TrinoSide::Sep
            || cluster.start.by == StartBy::Unavailable
            || cluster.ask(self.service.clock.now()) == Readiness::Ready
    }

    fn run(
        &self,
        sql: &str,
        session: &Session,
        statement: &Statement,
    ) -> Result<Outcome, QueryError> {
        match self.service.query_faults.strike(&self.side, |about| sql.contains(about)) {
            Some(error) => Err(error),
            None => self.service.execute(self.side, session, statement),
        }
    }
}
