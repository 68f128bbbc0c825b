//! The kit at its public edge.

mod invoke;
mod notify;
