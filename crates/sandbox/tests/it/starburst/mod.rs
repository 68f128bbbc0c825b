//! The sandbox of Starburst, server by server.

mod faults;
mod galaxy;
mod official_client;
mod sep;
mod source;
mod sql;
mod statement;
mod support;
