//! The integration tests of the canvas pipeline, in one binary.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment says where PostgreSQL and the official client are"
)]

mod definition;
mod faults;
mod inputs;
mod on_postgres;
mod resume;
mod standard;
mod support;
mod tables;
mod target;
mod waiting;
