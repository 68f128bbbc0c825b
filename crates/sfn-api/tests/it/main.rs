//! The API at its own edge: requests as clients send them, over HTTP.

mod conformance;
mod executions;
mod express;
mod integration;
// The rules by which recorded answers match; the interpreter's tests own them.
mod map_runs;
#[path = "../../../machine/tests/it/matcher.rs"]
mod matcher;
mod protocol;
mod recorded_executions;
mod redrive;
mod served;
mod server;
mod state_machines;
mod test_state;
mod validation;
mod versions;
