//! The integration tests of the stream-qc pipeline, in one binary.

#![expect(clippy::disallowed_methods, reason = "the environment says where the double of AWS is")]
#![expect(clippy::needless_pass_by_value, reason = "it reads better with `json!`")]

mod chunks;
mod config;
mod crash;
mod driver;
mod golden;
mod input;
mod messages;
mod on_aws;
mod oracle;
mod page;
mod processes;
mod sources;
mod standard;
mod streams;
mod support;
mod verdicts;
