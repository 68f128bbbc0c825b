//! The Lambda API over HTTP: REST and JSON, below `/2015-03-31/functions`.
//!
//! Responsible for: wire shapes, statuses, refusing members that are not served. Left to others: what the operations
//! do ([`crate::Runner`]), the listening socket, who may call.

mod invoke;
mod requests;
mod wire;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};

use crate::function::LIMITS;
use crate::runner::Runner;

/// Bytes of a request: a package of 50 MB in base64, and what is around it.
const REQUEST_BYTES_MAX: usize = 72 << 20;

impl Runner {
    /// The Lambda API, as routes.
    pub fn router(&self) -> Router {
        let payloads = DefaultBodyLimit::max(LIMITS.payload_bytes_max);
        let functions = "/2015-03-31/functions";
        let all = get(requests::list).post(requests::create);
        let one = format!("{functions}/{{function}}");
        Router::new()
            // Older clients list and create with a slash at the end, newer ones without.
            .route(functions, all.clone())
            .route(&format!("{functions}/"), all)
            .route(&one, get(requests::get).delete(requests::delete))
            .route(&format!("{one}/code"), put(requests::update_code))
            .route(
                &format!("{one}/configuration"),
                get(requests::get_configuration).put(requests::update_configuration),
            )
            .route(&format!("{one}/invocations"), post(invoke::invoke).layer(payloads))
            .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
            .with_state(self.clone())
    }
}
