//! The API at its own edge: requests as clients send them, over HTTP.

mod conformance;
mod executions;
// The rules by which recorded answers match; the interpreter's tests own them.
#[path = "../../../machine/tests/it/matcher.rs"]
mod matcher;
mod protocol;
mod server;
mod state_machines;
mod validation;
mod versions;
