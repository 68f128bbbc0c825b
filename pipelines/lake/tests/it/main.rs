//! The integration tests of the lake, in one binary.

#![expect(clippy::disallowed_methods, reason = "the environment says where PostgreSQL is")]

mod bench;
mod crash;
mod curated;
mod definition;
mod dynamodb;
mod files;
mod modes;
mod nested;
mod on_postgres;
