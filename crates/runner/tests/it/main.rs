//! Functions as real processes: what they are given, how they end, and that none harms another.
#![expect(clippy::disallowed_methods, reason = "an edge: interpreters are found by PATH")]

mod api;
mod errors;
mod events;
mod harm;
mod runtimes;
mod starts;
mod support;
mod tasks;
