//! The integration tests of the stream-qc pipeline, in one binary.

#![expect(clippy::disallowed_methods, reason = "the environment says where the double of AWS is")]

mod config;
mod golden;
mod oracle;
mod processes;
