//! The sandboxes at their public edge.

mod admin;
mod data;
mod download;
mod faults;
mod formats;
mod jobs;
mod limits;
mod login;
mod official_client;
mod query;
mod support;
