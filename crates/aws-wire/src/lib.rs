//! How AWS's services speak over HTTP: which service and action a request means, the shapes of answers and errors, and whether
//! its signature is right.
//!
//! ```text
//!   request --> target::Target --> (service, action)      sigv4::Signed: may the caller?
//!           --> JSON body, query::parse, or rest::read    \
//!   answer  <-- JSON body, query::answer, or rest::document what the service does in between is not known here
//!           <-- ServiceError::json_body, query::error_body, rest::error_body
//! ```
//!
//! No I/O and no clock: a request is what was read, and the time is given.

mod chunked;
mod error;
pub mod query;
pub mod rest;
pub mod sigv4;
mod target;

pub use chunked::Chunked;
pub use error::ServiceError;
pub use target::{Target, called_service, scope_service, signed_service};
