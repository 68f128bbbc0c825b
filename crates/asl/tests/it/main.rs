//! The public edge of the crate: definitions in, findings and values out.

mod conformance;
mod diagnostics;
mod evaluation;
mod interpreter;
mod intrinsics;
mod jsonpath;
mod properties;
