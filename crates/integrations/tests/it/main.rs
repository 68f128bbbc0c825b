//! The services as pipelines use them: one suite of behaviour for every implementation, then what only one of them does.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read the environment, and the clock of what runs elsewhere"
)]

mod athena;
mod authentication;
mod aws_failures;
mod aws_sdk;
mod catalog_file;
mod cloudwatch;
mod conformance;
mod functions_at_aws;
mod http_tasks;
mod json_client;
mod kinesis;
mod ledger;
mod objects;
mod objects_at_aws;
mod patience;
mod queue_file;
mod secrets;
mod services;
mod support;
mod table_file;
mod targets;
mod tasks;
mod topics;
