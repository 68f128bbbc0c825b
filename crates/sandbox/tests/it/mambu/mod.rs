//! Mambu.

mod access;
mod cursor;
mod official_client;
mod search;
mod support;
mod tables;
