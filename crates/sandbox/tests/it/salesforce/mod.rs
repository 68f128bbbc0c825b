//! Salesforce.

mod bulk;
mod login;
mod official_client;
mod query;
mod replication;
mod support;
