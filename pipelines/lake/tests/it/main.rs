//! The integration tests of the lake, in one binary.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment says where PostgreSQL is; functions are an edge: what they do happens now"
)]

mod athena;
mod aws;
mod bench;
mod crash;
mod curated;
mod definition;
mod dynamodb;
mod files;
mod landing;
mod log_of_files;
mod mambu;
mod modes;
mod nested;
mod on_aws;
mod on_postgres;
mod proof;
mod readers;
mod report;
mod salesforce;
mod secrets;
mod sources;
mod targets;
mod two_of_them;
