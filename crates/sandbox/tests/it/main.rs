//! The sandboxes at their public edge.

#![expect(clippy::disallowed_methods, reason = "the environment says where the official client is")]

mod admin;
mod data;
mod dmm;
mod download;
mod faults;
mod formats;
mod jobs;
mod limits;
mod login;
mod mambu;
mod official_client;
mod query;
mod salesforce;
mod starburst;
mod support;
