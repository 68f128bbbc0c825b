//! The integration tests of the stream-qc pipeline, in one binary.

#![expect(clippy::disallowed_methods, reason = "the environment says where the double of AWS is")]

mod crash;
mod driver;
mod input;
mod messages;
mod on_aws;
mod oracle;
mod page;
mod sources;
mod standard;
mod streams;
mod support;
mod verdicts;
