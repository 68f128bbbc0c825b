//! The pipeline from outside.

#![expect(clippy::disallowed_methods, reason = "functions are an edge: what they do happens now")]

mod proof;
mod report;
