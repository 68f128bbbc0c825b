//! The public edge of the crate: definitions in, findings and values out.

#![expect(clippy::disallowed_methods, reason = "the environment says where recorded cases are")]

mod conformance;
mod diagnostics;
mod evaluation;
mod interpreter;
mod intrinsics;
mod jsonata;
mod jsonpath;
mod properties;
