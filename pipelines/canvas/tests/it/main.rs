//! The integration tests of the canvas pipeline, in one binary.

mod faults;
mod inputs;
mod on_postgres;
mod resume;
mod standard;
mod support;
mod tables;
mod target;
