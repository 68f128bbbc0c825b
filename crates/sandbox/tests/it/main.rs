//! The sandboxes at their public edge.

mod official_client;
