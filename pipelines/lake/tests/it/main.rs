//! The integration tests of the lake, in one binary.

mod mambu;
mod salesforce;
mod sources;
