//! The AWS Step Functions API over HTTP: `POST /`, AWS JSON 1.0, the operation named by `X-Amz-Target`.
//!
//! The `aws` command line, boto3 and the SDKs talk to it with `AWS_ENDPOINT_URL_SFN`.
//!
//! Responsible for: wire shapes, error names and statuses, limits of requests. One file per operation in
//! [`ops`]; wire types never leave this crate.
//! Left to others: everything an operation does ([`stepwell_engine::Handle`]), the listening socket, and
//! who may call: this crate refuses what a web page could send across origins, and nothing more.

mod alias;
mod constraints;
mod dispatch;
mod error;
mod integration;
mod ops;
mod status_change;
mod wire;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use stepwell_engine::Handle;

pub use dispatch::is_of_a_page;
pub use integration::Integration;
pub use status_change::status_change;

/// Bytes of a request. A definition has at most 1 MiB; an input has no limit of its own here, but a body
/// is held in memory.
pub const REQUEST_BYTES_MAX: usize = 64 << 20;

/// The API of a running engine, as one route.
pub fn router(engine: Handle) -> Router {
    Router::new()
        .route("/", post(dispatch::serve))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(engine)
}
