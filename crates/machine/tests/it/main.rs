//! Tests of the interpreter at its public edge: `decide`, `apply`, `Entry::to_history_event`.

#![expect(clippy::disallowed_methods, reason = "the environment says where recorded cases are")]

mod any_json;
mod conformance;
mod lambda;
mod matcher;
mod properties;
mod script;
mod tables;
mod world;
