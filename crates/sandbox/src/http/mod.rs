//! What the HTTP servers of all sandboxes share: the socket, and what every request goes through before and after its endpoint.
//!
//! ```text
//!   client --> server --> observer (latency, fault, log) --> endpoint of the sandbox
//! ```
//!
//! It knows no service: endpoints, their error bodies and their data are the sandboxes'.

mod basic;
mod fault;
mod observer;
mod server;
mod steering;

use axum::response::{IntoResponse, Response};

pub use fault::HttpFault;
pub use observer::Request;

pub(crate) use basic::basic_credentials;
pub(crate) use fault::broken_off;
pub(crate) use observer::{Named, Observer, observe};
pub(crate) use server::serve;
pub(crate) use steering::{MoveClock, steer, steer_clock, steer_in_part};

/// Marks a response that must not be sent: the connection closes instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CloseConnection;

/// An answer that is not what was asked for: an error, or a fault.
pub(crate) struct Refused(Box<Response>);

impl From<Response> for Refused {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}
