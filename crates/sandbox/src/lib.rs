//! Stand-ins of the sources: real HTTP servers with seeded data and faults on demand.
//!
//! Pipelines, tests, benches and `stepwell demo` talk to them as they talk to the real thing. A sandbox knows nothing of the engine
//! or of the pipelines; what it serves is what the source's documentation says.
//!
//! `http`, `faults`, `clock`, `draw` and `token` are what all sandboxes share.

#![expect(
    clippy::disallowed_methods,
    reason = "it stands for the outside world, which has its own clock and ids"
)]

mod clock;
pub mod dap;
pub mod dmm;
mod draw;
mod faults;
mod http;
pub mod mambu;
pub mod salesforce;
pub mod starburst;
mod token;
