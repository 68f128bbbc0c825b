//! The integration tests of the lake, in one binary.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment says where PostgreSQL is; functions are an edge: what they do happens now"
)]

mod bench;
mod crash;
mod curated;
mod definition;
mod dynamodb;
mod files;
mod mambu;
mod modes;
mod nested;
mod on_postgres;
mod proof;
mod report;
mod salesforce;
mod sources;
