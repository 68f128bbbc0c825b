//! The streams behind URLs.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::Stream;
use crate::http::{Named, Observer, observe};

const ROUTE: &str = "/streams/{group}/{file}";

/// The only endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /streams/GROUP/FILE`
    File,
}

impl Named for Endpoint {
    fn error(self, status: StatusCode) -> Response {
        status.into_response()
    }
}

type Files = Arc<BTreeMap<String, Vec<u8>>>;

pub(super) fn router(streams: &[Stream], observer: &Arc<Observer<Endpoint>>) -> Router {
    let files: Files = Arc::new(streams.iter().map(|it| (it.file_name(), it.file())).collect());
    let router = Router::new().route(ROUTE, get(file)).with_state(files);
    let name = |method: &Method, route: &str| {
        (method == Method::GET && route == ROUTE).then_some(Endpoint::File)
    };
    observe(router, Arc::clone(observer), name)
}

async fn file(State(files): State<Files>, Path((group, file)): Path<(String, String)>) -> Response {
    match files.get(&format!("{group}/{file}")) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
