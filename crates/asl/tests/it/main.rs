//! The public edge of the crate: definitions in, findings and values out.

mod conformance;
mod diagnostics;
mod interpreter;
mod jsonpath;
